"""The real widget in a real napari, with the engine replaced by fakes but in the last tests."""

import gc
import logging
import threading
import weakref

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QLineEdit

from napari_nst.plugin.dock.device_badge import DeviceBadge
from napari_nst.plugin.dock.widget import StyleTransferWidget
from napari_nst.plugin.form.layer_pickers import GONE_HINTS
from napari_nst.plugin.layers.live_layer import LiveLayer
from napari_nst.plugin.runs.steering import DELAY_MS
from napari_nst.runs.progress import RunState
from napari_nst.settings.record import METADATA_KEY, RunRecord
from tests.plugin.rest import stand_still

pytestmark = pytest.mark.gui


def live_layers(viewer):
    return [layer for layer in viewer.layers if "×" in layer.name]


def test_trap_6_napari_injects_the_viewer(docked, viewer):
    assert isinstance(docked, StyleTransferWidget)
    assert docked._viewer == viewer


def test_a_run_makes_one_layer_over_its_content(docked, pictures, viewer, engine, finished):
    engine(20, wait_s=0.01)
    docked.panel.run.click()
    finished(docked)
    (layer,) = live_layers(viewer)
    content = pictures[0]
    assert layer.name == "harbour × waves · default · untrained"
    assert layer.data.dtype == np.uint8
    assert layer.rgb
    for corner in ((-0.5, -0.5), (7.5, 9.5)):
        share = (np.array(corner) + 0.5) / (8, 10) * (60, 80) - 0.5
        np.testing.assert_allclose(layer.data_to_world(corner), content.data_to_world(share))
    assert layer.data[0, 0, 0] == 77, "the result is shown, not the last frame"
    record = RunRecord.from_dict(layer.metadata[METADATA_KEY])
    assert record.reason == "finished"
    assert docked.panel.text.text() == "Finished: 20 steps in 1 s."
    assert docked.panel.run.isEnabled()


def test_the_layer_changes_while_the_run_is_on(docked, pictures, viewer, engine, qtbot):
    engine(100_000, wait_s=0.005)
    docked.panel.run.click()
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1)
    (layer,) = live_layers(viewer)
    first = layer.data[0, 0, 0]
    qtbot.waitUntil(lambda: layer.data[0, 0, 0] != first, timeout=30_000)
    assert live_layers(viewer) == [layer]
    assert docked.panel.state.text().endswith("<b>Running</b>")
    assert docked.panel.text.text().startswith("Step\N{NO-BREAK SPACE}")
    assert 0 < docked.panel.bar.value() < docked.panel.bar.maximum()


def test_a_second_run_makes_a_second_layer(docked, pictures, viewer, engine, finished):
    engine(2)
    for _ in range(2):
        docked.panel.run.click()
        finished(docked)
    assert [layer.name for layer in live_layers(viewer)] == [
        "harbour × waves · default · untrained",
        "harbour × waves · default · untrained [1]",
    ]


def test_run_while_a_run_is_on_waits_for_its_turn(docked, pictures, viewer, engine, qtbot):
    engine(60, wait_s=0.01)
    docked.panel.run.click()
    first = docked.current
    assert docked.panel.run.text() == "Queue"
    docked.panel.run.click()
    second = docked.session.runs[1]
    assert (docked.current, second.state) == (first, RunState.WAITING)
    qtbot.waitUntil(lambda: second.state is RunState.DONE, timeout=30_000)
    assert first.state is RunState.DONE
    assert docked.current is second
    assert len(live_layers(viewer)) == 2


def test_settings_for_the_next_run_leave_the_running_one_alone(docked, pictures, engine, qtbot):
    engine(100_000, wait_s=0.005)
    strength = docked.form.basic["style_strength"]
    strength.value = 1.0
    docked.panel.run.click()
    qtbot.waitUntil(lambda: bool(docked.current.points))
    strength.value = 3.0
    qtbot.wait(2 * DELAY_MS)
    assert docked.current.config.style_strength == 1
    docked.panel.steer.click()
    qtbot.wait(2 * DELAY_MS)
    assert docked.current.config.style_strength == 1, "switching it on changes nothing"
    strength.value = 4.0
    qtbot.waitUntil(lambda: docked.current.config.style_strength == 4)


def test_each_run_starts_with_steering_off(docked, pictures, engine, qtbot):
    engine(60, wait_s=0.01)
    docked.panel.run.click()
    docked.panel.run.click()
    first, second = docked.session.runs
    docked.panel.steer.click()
    qtbot.waitUntil(lambda: docked.current is second and second.state.active, timeout=30_000)
    assert first.state is RunState.DONE
    assert not docked.panel.steer.isChecked()
    assert not docked.steering.live
    assert docked.panel.steer_name.text() == second.name


def test_stop_keeps_what_is_there(docked, pictures, viewer, engine, qtbot, finished):
    engine(100_000, wait_s=0.005)
    docked.panel.run.click()
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1)
    docked.panel.stop.click()
    assert docked.current.state is RunState.STOPPING
    finished(docked)
    (layer,) = live_layers(viewer)
    assert layer.metadata[METADATA_KEY]["reason"] == "stopped"
    assert docked.panel.text.text().startswith("Stopped after")
    assert docked.current.state is RunState.STOPPED
    assert "Stopped" in docked.panel.state.text()
    assert docked.panel.bar.value() < docked.panel.bar.maximum()


def test_pause_holds_and_resume_goes_on(docked, pictures, viewer, engine, qtbot, finished):
    engine(200, wait_s=0.005)
    docked.panel.run.click()
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1)
    docked.panel.pause.click()
    assert docked.panel.pause.text() == "Resume"
    stand_still(docked.panel.bar.value, qtbot)
    held = docked.panel.bar.value()
    qtbot.wait(200)
    assert docked.panel.bar.value() == held
    assert live_layers(viewer)[0].data[0, 0, 0] == held, "the picture is of the step it holds at"
    docked.panel.pause.click()
    finished(docked)
    assert docked.current.state is RunState.DONE


def test_a_paused_run_can_be_stopped(docked, pictures, engine, qtbot, finished):
    engine(200, wait_s=0.005)
    docked.panel.run.click()
    docked.panel.pause.click()
    qtbot.wait(50)
    docked.panel.stop.click()
    finished(docked)
    assert docked.panel.text.text().startswith("Stopped after")


def test_an_error_reaches_the_user_and_the_widget_stays_usable(
    docked, pictures, engine, finished, caplog
):
    caplog.set_level(logging.CRITICAL)
    seen = []
    notification_manager.notification_ready.connect(seen.append)
    engine(9, fail_at=3, error=RuntimeError("CUDA out of memory"))
    docked.panel.run.click()
    finished(docked)
    notification_manager.notification_ready.disconnect(seen.append)
    assert docked.current.state is RunState.FAILED
    assert "Choose a smaller size" in docked.panel.text.text()
    assert [str(note.message) for note in seen] == [docked.panel.text.text()]
    engine(2)
    docked.panel.run.click()
    finished(docked)
    assert docked.current.state is RunState.DONE


def test_a_bad_setting_is_refused_with_its_message(docked, pictures):
    docked.form.advanced["style_layers"].native.setText("relu9_9")
    docked.run()
    assert docked.current is None
    assert "relu9_9" in docked.panel.text.text()


@pytest.mark.parametrize(
    ("name", "wrong", "title"),
    [
        ("style_strength", "1e20", "Style strength: "),
        ("size", "9e9", "Size: "),
        ("style_layer_weights", "1, 2", "Style layer weights: "),
    ],
)
def test_an_error_names_the_field_and_goes_away_when_the_value_is_right(
    docked, pictures, name, wrong, title
):
    widget = docked.form._settings()[name].native
    line = widget if isinstance(widget, QLineEdit) else widget.lineEdit()
    right = line.text()
    line.setText(wrong)
    assert not docked.panel.text.text(), "nobody is told off while typing"
    docked.run()
    assert docked.current is None
    assert docked.panel.text.text().startswith(title)
    line.setText(f"{wrong}0")
    assert docked.panel.text.text().startswith(title)
    line.setText(right)
    assert not docked.panel.text.text()


def test_a_refusal_that_is_over_leaves_the_last_runs_outcome(docked, pictures, engine, finished):
    engine(3)
    docked.run()
    finished(docked)
    outcome, line = docked.panel.text.text(), docked.form.basic["size"].native.lineEdit()
    right = line.text()
    line.setText("abc")
    docked.run()
    assert docked.panel.text.text().startswith("Size: ")
    line.setText(right)
    assert docked.panel.text.text() == outcome
    assert docked.panel.state.text().endswith("<b>Done</b>")


@pytest.mark.parametrize("removed_first", [True, False])
def test_a_run_that_ended_leaves_the_reason_why_no_other_can_start(
    docked, pictures, viewer, engine, finished, removed_first
):
    engine(3)
    docked.run()
    finished(docked)
    if removed_first:
        viewer.layers.remove(pictures[0])
        docked.actions_of_runs.again([docked.current])
    else:
        docked.actions_of_runs.again([docked.current])
        viewer.layers.remove(pictures[0])
    finished(docked)
    said = docked.panel.text.text()
    assert GONE_HINTS["content"] in said
    assert "Finished: 3 steps" in said
    assert docked.panel.state.text().endswith("<b>Done</b>")
    assert not docked.panel.run.isEnabled()
    docked.form.pickers.content.value = viewer.layers[-1]
    assert docked.panel.text.text().startswith("Finished: 3 steps")


def test_3d_display_is_refused_with_its_message(docked, pictures, viewer):
    viewer.dims.ndisplay = 3
    docked.run()
    assert "Switch to 2D" in docked.panel.text.text()
    viewer.dims.ndisplay = 2
    assert not docked.panel.text.text()


def test_trap_5_removing_the_live_layer_ends_the_run(
    docked, pictures, viewer, engine, qtbot, finished
):
    closed = []
    engine(100_000, wait_s=0.005, closed=closed)
    docked.panel.run.click()
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1)
    viewer.layers.remove(live_layers(viewer)[0].name)
    finished(docked)
    assert len(closed) == 1
    assert not live_layers(viewer)
    assert docked.current.result is None
    assert docked.panel.run.isEnabled()


def test_trap_5_closing_the_dock_ends_the_run(docked, pictures, viewer, engine, qtbot):
    closed = []
    engine(100_000, wait_s=0.005, closed=closed)
    docked.panel.run.click()
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1)
    run = docked.current
    viewer.window.remove_dock_widget(docked)
    docked.deleteLater()
    qtbot.waitUntil(lambda: not run.state.active)
    assert len(closed) == 1


def test_trap_5_closing_the_viewer_ends_the_run(make_napari_viewer, engine, qtbot):
    closed = []
    engine(100_000, wait_s=0.005, closed=closed)
    viewer = make_napari_viewer()
    for name in ("harbour", "waves"):
        viewer.add_image(np.zeros((60, 80, 3), np.uint8), name=name)
    _, widget = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    widget.form.set_weights("untrained")
    widget.run()
    run = widget.current
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1)
    del widget
    viewer.close()
    gc.collect()
    qtbot.waitUntil(lambda: not run.state.active)
    assert len(closed) == 1


def test_removing_the_content_layer_does_not_disturb_the_run(
    docked, pictures, viewer, engine, qtbot, finished
):
    engine(100, wait_s=0.005)
    docked.panel.run.click()
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1)
    viewer.layers.remove("harbour")
    finished(docked)
    assert docked.current.state is RunState.DONE
    assert len(live_layers(viewer)) == 1


def test_trap_8_only_the_main_thread_touches_layers(
    docked, pictures, engine, finished, monkeypatch
):
    threads, show = set(), LiveLayer.show

    def watched(self, picture):
        threads.add(threading.current_thread())
        show(self, picture)

    monkeypatch.setattr(LiveLayer, "show", watched)
    engine(50, wait_s=0.01)
    docked.panel.run.click()
    finished(docked)
    assert threads == {threading.main_thread()}


def test_no_run_is_registered_with_the_task_manager_of_napari(docked, pictures, engine, finished):
    """It would keep the worker, and with it the generator, for ever (trap 2)."""
    engine(3)
    docked.panel.run.click()
    worker = weakref.ref(docked.current._worker)
    finished(docked)
    gc.collect()
    assert worker() is None


def test_every_control_says_what_it_does(docked):
    form = docked.form
    for widget in (form.basic | form.advanced).values():
        assert widget.native.toolTip()
    for widget in (
        form.preset,
        form.preset_menu,
        form.weights.native,
        docked.panel.run,
        docked.panel.stop,
    ):
        assert widget.toolTip()


def test_the_loss_curve_is_folded_and_then_shows_every_step(docked, pictures, engine, finished):
    plot = docked.panel.plot
    assert not plot.isExpanded()
    engine(30, wait_s=0.01)
    plot.expand(animate=False)
    docked.panel.run.click()
    finished(docked)
    names = {line.name() for line in plot._plot.getPlotItem().listDataItems()}
    assert names <= {"loss", "content", "style"}


def test_the_badge_names_the_device(qtbot):
    badge = DeviceBadge()
    qtbot.addWidget(badge)
    badge.show()
    qtbot.waitUntil(lambda: "Looking" not in badge.text(), timeout=60_000)
    assert "CPU" in badge.text() or "GPU" in badge.text()


def test_the_real_engine_paints_and_the_window_shows_it(
    make_napari_viewer_proxy, qtbot, finished, tmp_path
):
    viewer = make_napari_viewer_proxy(show=True)
    rng = np.random.default_rng(0)
    content = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    viewer.add_image(content, name="harbour")
    viewer.add_image(255 - content[:, ::-1] // 2, name="waves")
    _, widget = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    widget.form.set_weights("untrained")
    widget.form.basic["size"].value = 64
    widget.form.basic["steps"].value = 6
    widget.panel.plot.expand(animate=False)
    widget.panel.run.click()
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1, timeout=120_000)
    assert widget.panel.stop.isEnabled()
    finished(widget, timeout=120_000)
    (layer,) = live_layers(viewer)
    assert widget.current.state is RunState.DONE, widget.panel.text.text()
    assert layer.data.shape == (48, 64, 3)
    assert np.abs(layer.data.astype(int) - content).mean() > 0.5
    record = RunRecord.from_dict(layer.metadata[METADATA_KEY])
    assert record.config.size == 64
    assert record.steps_done == 6
    assert record.weights == "untrained"
    assert len(widget.current.points) >= 6

    shot = viewer.window.screenshot(str(tmp_path / "window.png"), canvas_only=False, flash=False)
    dock = shot[:, -widget.width() :, :3]
    assert dock.std() > 5, "the dock is drawn"


def test_the_real_engine_stops_and_keeps_its_record(docked, pictures, viewer, qtbot, finished):
    docked.form.basic["size"].value = 64
    docked.form.basic["steps"].value = 5000
    docked.panel.run.click()
    qtbot.waitUntil(lambda: len(live_layers(viewer)) == 1, timeout=120_000)
    docked.panel.stop.click()
    finished(docked)
    (layer,) = live_layers(viewer)
    assert layer.metadata[METADATA_KEY]["reason"] == "stopped"
    assert 0 < layer.metadata[METADATA_KEY]["steps_done"] < 5000
