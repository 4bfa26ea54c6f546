"""The dock drives the real engine: steer, history, pin, replay, more steps; small and shallow."""

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QLabel, QLineEdit

from napari_nst.files.names import record_of
from napari_nst.plugin.common.preferences import LastUsed
from napari_nst.runs.progress import loss_text
from napari_nst.settings.record import METADATA_KEY, RunRecord, SteeringEvent
from tests.plugin.rest import stand_still

pytestmark = pytest.mark.gui


@pytest.fixture
def shallow(docked, pictures):
    """The dock, set to runs of some milliseconds a step."""
    form = docked.form
    form.set_weights("untrained")
    form.basic["size"].value = 32
    form.basic["steps"].value = 40
    form.advanced["content_layers"].value = ("relu1_2",)
    form.advanced["style_layers"].value = ("relu1_1", "relu2_1")
    for kind in ("content", "style"):
        form.advanced[f"{kind}_layer_weights"].value = ()
    form.advanced["precision"].value = "float32"
    return docked


@pytest.fixture
def done(qtbot):
    def wait(run):
        qtbot.waitUntil(lambda: run.state.over, timeout=120_000)
        assert run.result is not None, run.text
        qtbot.wait(20)
        return run.result

    return wait


def steer(docked, name, value):
    """Edit a setting as a user would, with Steer on."""
    docked.panel.steer.setChecked(True)
    widget = docked.form._settings()[name].native
    if isinstance(widget, QLineEdit):
        widget.setText(value)
        widget.editingFinished.emit()
    else:
        widget.setValue(value)
    docked.steering.flush()


def choose(docked, title):
    """Choose an entry of the menu of the chosen runs; returns whether it could be."""
    menu = docked.runs_list.menu()
    inner = [each.menu() for each in menu.actions() if each.menu() is not None]
    entries = [each for within in (menu, *inner) for each in within.actions()]
    (entry,) = [each for each in entries if each.text() == title]
    entry.trigger()  # does nothing where it is greyed out
    return entry.isEnabled()


def test_a_steered_run_replays_bit_for_bit(shallow, qtbot, done, took):
    shallow.form.basic["steps"].value = 5000
    shallow.run()
    run = shallow.current
    qtbot.waitUntil(lambda: len(run.points) > 3, timeout=120_000)
    changes = {"style_strength": 4.0, "style_layer_weights": "1, 3", "tv_weight": 0.5}
    for name, value in changes.items():
        steer(shallow, name, value)
        took(run, name)
    run.stop()
    result = done(run)
    fields = [event.field for event in result.record.events]
    assert fields == list(changes)
    assert all(event.step > 0 for event in result.record.events)
    assert run.config.style_layer_weights == (1, 3)
    shallow.actions_of_runs.replay([run])
    replay = shallow.session.runs[-1]
    repeated = done(replay)
    np.testing.assert_array_equal(repeated.image, result.image)
    assert repeated.record.events == result.record.events
    assert repeated.record.steps_done == result.record.steps_done
    losses = [[point.loss for point in each.history] for each in (repeated, result)]
    shared = min(map(len, losses))
    assert losses[0][:shared] == losses[1][:shared]


def test_the_step_that_took_a_change_is_said_until_steer_is_switched_off(shallow, qtbot, done):
    shallow.form.basic["steps"].value = 5000
    shallow.run()
    run, said = shallow.current, shallow.panel.steered
    qtbot.waitUntil(lambda: len(run.points) > 3, timeout=120_000)
    steer(shallow, "style_strength", 4.0)
    qtbot.waitUntil(lambda: "since" in said.text(), timeout=60_000)
    text = said.text()
    shallow.panel.steer.click()
    assert said.text() == ""
    run.stop()
    (event,) = done(run).record.events
    assert text == f"Style strength 4 since step {event.step + 1}."


def test_colours_change_during_a_run_and_afterwards(shallow, viewer, qtbot, done, took):
    shallow.form.basic["steps"].value = 5000
    assert shallow.form.basic["colors"].native.currentText() == "of the style"
    shallow.run()
    run = shallow.current
    qtbot.waitUntil(lambda: len(run.points) > 3, timeout=120_000)
    shallow.panel.steer.click()
    box = shallow.form.basic["colors"].native
    box.setCurrentIndex(box.findText("as painted"))
    shallow.steering.flush()
    took(run, "colors")
    run.stop()
    result = done(run)
    assert [(event.field, event.value) for event in result.record.events] == [("colors", "none")]
    np.testing.assert_array_equal(run.live.layer.data, result.image)
    for title, colors in (
        ("Of the content", "content"),
        ("Of the content, pixel by pixel", "luminance"),
        ("Of the style, exactly", "histogram"),
        ("Of the style", "style"),
        ("As painted", "none"),
    ):
        before = np.array(run.live.layer.data)
        shallow.runs_list.select(run)
        assert choose(shallow, title)
        assert not choose(shallow, title)
        assert run.config.colors == colors
        assert (run.live.layer.data != before).any()
        kept = RunRecord.from_dict(run.live.layer.metadata[METADATA_KEY])
        assert kept.ending.colors == colors
        assert shallow.runs_list.undo.text() == "Undo colours"
        after = np.array(run.live.layer.data)
        shallow.runs_list.undo.click()
        np.testing.assert_array_equal(run.live.layer.data, before)
        assert run.config.colors != colors
        assert choose(shallow, title)
        np.testing.assert_array_equal(run.live.layer.data, after)
    assert not choose(shallow, "Of the content, before the run")
    np.testing.assert_array_equal(run.live.layer.data, result.image)


def test_naming_other_layers_drops_the_weights_of_those_before(docked, pictures):
    line = docked.form.advanced["content_layers"].native
    line.setText("relu4_2")
    line.editingFinished.emit()
    assert docked.form.config().content_layer_weights == ()


def test_settings_edited_in_vain_are_refused_in_words(shallow, qtbot, done):
    shallow.form.basic["steps"].value = 5000
    shallow.run()
    run, seen = shallow.current, []
    shallow.steering.refused.connect(seen.append)
    qtbot.waitUntil(lambda: bool(run.points), timeout=120_000)
    shallow.panel.steer.click()
    weights = shallow.form.advanced["style_layer_weights"].native
    weights.setText("1, 2, 3")
    weights.editingFinished.emit()
    shallow.steering.flush()
    assert "one weight for each of the 2 style layers" in seen[0]
    run.stop()
    assert done(run).record.events == ()


def test_live_settings_are_marked_only_while_they_act(shallow, qtbot, done):
    labels = shallow.form.findChildren(QLabel)
    (label,) = (each for each in labels if each.text() == "Style strength")
    assert "●" not in label.text()
    shallow.form.basic["steps"].value = 5000
    shallow.run()
    run = shallow.current
    assert "●" not in label.text()
    shallow.form.basic["style_strength"].native.setValue(9)
    shallow.steering.flush()
    shallow.panel.steer.click()
    assert "●" in label.text()
    shallow.steering.flush()
    shallow.form.preset.setCurrentText("seed")
    shallow.steering.flush()
    qtbot.waitUntil(lambda: len(run.points) > 2, timeout=120_000)
    run.stop()
    assert done(run).record.events == (), "neither earlier edits nor a preset steer"
    assert "●" not in label.text()


def test_the_slider_scrubs_through_a_run_and_a_moment_is_pinned(shallow, viewer, qtbot, done):
    shallow.session.snapshot_every = 10
    shallow.run()
    run = shallow.current
    result = done(run)
    shallow.snapshots_form.show_stack.click()
    (stack,) = [moment for moment in run.snapshot_layers if moment.is_stack]
    assert stack.steps == (1, 10, 20, 30, 40)
    assert stack.layer.data.shape == (5, 24, 32, 3)
    np.testing.assert_array_equal(stack.layer.data[-1], result.image)
    overlay = viewer.canvas.overlays.text
    assert overlay.visible
    assert overlay.text.startswith("Step 40  ·  loss")
    for corner in ((0, 0), (23, 31)):
        np.testing.assert_allclose(
            stack.layer.data_to_world((0, *corner))[1:], run.live.layer.data_to_world(corner)
        )
    viewer.dims.set_current_step(0, 2)
    assert overlay.text == f"Step 20  ·  {loss_text(result.history[20].loss)}", "of that picture"
    shallow.snapshots_form.pin.click()
    pinned = run.snapshot_layers[-1].layer
    np.testing.assert_array_equal(pinned.data, stack.layer.data[2])
    record = RunRecord.from_dict(pinned.metadata[METADATA_KEY])
    assert (record.steps_done, record.reason) == (20, "stopped")
    shallow.snapshots_form.best.click()
    losses = {kept.step: kept.loss for kept in run.snapshots.kept}
    assert run.snapshot_layers[-1].steps == (min(losses, key=losses.get),)
    stack.layer.visible = False
    assert not overlay.visible, "what was there before is there again"


def test_a_moment_pinned_during_a_run_gets_its_record_at_the_end(shallow, qtbot, done):
    shallow.form.basic["steps"].value = 5000
    shallow.run()
    run = shallow.current
    qtbot.waitUntil(lambda: run.shown is not None, timeout=120_000)
    shallow.panel.pause.click()
    stand_still(lambda: (run.points[-1].iteration, run.live.layer.data.tobytes()), qtbot)
    shallow.snapshots_form.pin.click()
    (moment,) = run.snapshot_layers
    np.testing.assert_array_equal(moment.layer.data, run.live.layer.data)
    assert METADATA_KEY not in moment.layer.metadata
    assert any(kept.pinned for kept in run.snapshots.kept)
    run.stop()
    done(run)
    record = RunRecord.from_dict(moment.layer.metadata[METADATA_KEY])
    assert record.steps_done == moment.steps[0]


def test_more_steps_and_continuing_start_from_the_result(shallow, qtbot, done):
    shallow.form.basic["steps"].value = 5
    shallow.run()
    run = shallow.current
    result = done(run)
    shallow.actions_of_runs.extend([run], 3)
    more = shallow.session.runs[-1]
    assert done(more).record.steps_done == 3
    assert "init" in more.record.hashes
    assert more.points[0].loss == pytest.approx(result.history[-1].loss, rel=1e-2)
    shallow.form.preset.setCurrentText("crowsonkb")
    before, last_used = shallow.form.config(), LastUsed.read()
    shallow.actions_of_runs.continue_from([run])
    assert shallow.form.pickers.start.value == run.live.layer
    assert shallow.form.config().pyramid == "single"
    shallow.run()
    again = shallow.session.runs[-1]
    np.testing.assert_array_equal(again.plan.request.init, result.image)
    assert shallow.form.config() == before, "what continuing took is for that run only"
    assert shallow.form.pickers.start.value == "content"
    assert LastUsed.read().config == before != last_used.config
    done(again)


def test_another_content_ends_continuing_and_other_settings_keep_it(
    shallow, pictures, viewer, done
):
    shallow.form.basic["steps"].value = 5
    shallow.run()
    run = shallow.current
    done(run)
    before = shallow.form.config()
    assert before.pyramid != "single"
    shallow.actions_of_runs.continue_from([run])
    viewer.add_image(np.zeros((8, 8)), name="third")
    assert shallow.form.config().pyramid == "single", "a new layer is no new content"
    shallow.form.pickers.content.value = viewer.layers["third"]
    assert shallow.form.config() == before
    shallow.actions_of_runs.continue_from([run])
    shallow.form.preset.setCurrentText("crowsonkb")
    chosen = shallow.form.config()
    shallow.form.pickers.content.value = pictures[0]
    assert shallow.form.config() == chosen, "what was chosen since stays"


@pytest.mark.parametrize("start", ["content", "noise", None])
def test_continuing_is_called_off_by_its_start(shallow, viewer, done, start):
    shallow.form.basic["steps"].value = 5
    shallow.run()
    run = shallow.current
    done(run)
    before = shallow.form.config()
    shallow.actions_of_runs.continue_from([run])
    assert shallow.form.config().pyramid == "single"
    if start is None:
        viewer.layers.remove(run.live.layer)
    else:
        shallow.form.pickers.start.value = start
    shown = start or "content"
    assert shallow.form.config() == before.replace(init=shown)
    assert shallow.form.pickers.start.value == shown
    shallow.reset_choices()
    assert shallow.form.pickers.start.value == shown


def test_an_exported_run_comes_back_with_its_settings(
    shallow, viewer, qtbot, done, tmp_path, monkeypatch
):
    shallow.form.basic["steps"].value = 12
    shallow.run()
    run = shallow.current
    done(run)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    shallow.actions_of_runs.export([run])
    qtbot.waitUntil(lambda: any(tmp_path.glob("[!.]*/loss.csv")), timeout=30_000)
    (result,) = tmp_path.glob("*/result.png")
    assert record_of(result).config == run.config
    viewer.open(result, plugin="napari")
    adopted = shallow.session.runs[-1]
    assert adopted.config == run.config
    shallow.actions_of_runs.replay([adopted])
    replay = shallow.session.runs[-1]
    np.testing.assert_array_equal(done(replay).image, run.result.image)


def test_events_are_told_to_the_engine_by_a_replay_only(shallow, done):
    shallow.form.basic["steps"].value = 3
    shallow.run()
    run = shallow.current
    done(run)
    run.record = run.record.replace(events=(SteeringEvent(1, "tv_weight", 3.0),))
    shallow.actions_of_runs.again([run])
    assert done(shallow.session.runs[-1]).record.events == ()
    shallow.actions_of_runs.replay([run])
    assert done(shallow.session.runs[-1]).record.events == run.record.events
