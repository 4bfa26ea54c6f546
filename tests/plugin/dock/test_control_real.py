"""Several styles, a crop and regions with the real engine, as a user has them: small, shallow."""

import numpy as np
import pytest

from napari_nst.settings.record import METADATA_KEY
from napari_nst.settings.regions import KEEP

pytestmark = pytest.mark.gui

LONG = 5000


@pytest.fixture
def shallow(docked, pictures, viewer):
    """The dock, set to runs of some milliseconds a step, and a third picture."""
    rng = np.random.default_rng(1)
    viewer.add_image(rng.integers(0, 80, (64, 64, 3), dtype=np.uint8), name="mosaic")
    form = docked.form
    form.basic["size"].value = 48
    form.basic["steps"].value = 30
    form.basic["colors"].value = "none"
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


def started(docked, qtbot, steps=3):
    docked.panel.run.click()
    run = docked.session.runs[-1]
    qtbot.waitUntil(lambda: len(run.points) > steps or run.state.over, timeout=120_000)
    assert not run.state.over, run.text
    return run


def add_style(docked, name):
    (entry,) = [
        each for each in docked.form.control_buttons.menu().actions() if each.text() == name
    ]
    entry.trigger()


def stroke(layer, label, row):
    """Paint from side to side, as the brush does."""
    layer.selected_label = label
    for column in range(0, layer.data.shape[1], 4):
        layer.paint((row, column), label)


def test_a_second_style_is_added_and_its_share_steered(shallow, qtbot, done, took):
    shallow.form.basic["steps"].value = LONG
    add_style(shallow, "mosaic")
    run = started(shallow, qtbot)
    shallow.panel.steer.click()
    shallow.form.style_list.rows[1].share.setValue(100)
    shallow.steering.flush()
    took(run, "blend")
    run.stop()
    record = done(run).record
    assert [(event.field, event.value) for event in record.events] == [("blend", (1, 2))]
    assert len(record.hashes["styles"]) == 2
    shallow.actions_of_runs.replay([run])
    np.testing.assert_array_equal(done(shallow.session.runs[-1]).image, run.result.image)


def test_two_regions_with_two_styles_are_repainted_in_mid_run(shallow, viewer, qtbot, done, took):
    add_style(shallow, "mosaic")
    shallow.form.basic["steps"].value = LONG
    shallow.form.control_buttons.regions.click()
    layer = viewer.layers["Regions: harbour"]
    layer.brush_size = 30
    stroke(layer, 1, 15)
    stroke(layer, 2, 45)
    qtbot.waitUntil(lambda: list(shallow.form.regions.rows) == [1, 2])
    run = started(shallow, qtbot)
    shown = run.live.layer
    qtbot.waitUntil(lambda: run.live.layer is not None, timeout=60_000)
    shown = run.live.layer
    assert [viewer.layers.index(each) for each in (shown, layer)] == [3, 4]
    assert run.regions.styles == {1: 0, 2: 1}
    stroke(layer, 3, 15)
    qtbot.waitUntil(lambda: 3 in shallow.form.regions.rows)
    row = shallow.form.regions.rows[3].target
    row.setCurrentIndex(row.findText("Keep the content"))
    row.activated.emit(row.currentIndex())
    qtbot.waitUntil(lambda: run.regions.styles.get(3) == KEEP)
    took(run, "regions")
    qtbot.waitUntil(lambda: run.shown.record.ending_regions == run.regions, timeout=60_000)
    run.stop()
    result = done(run)
    regions = result.record.ending_regions
    assert regions == run.regions
    size = result.image.shape[:2]
    content = shallow.form.pickers.content_picture().pixels
    rows = round(size[0] * 10 / 60), round(size[0] * 18 / 60)
    from skimage.transform import resize

    small = resize(content, size, anti_aliasing=True)
    kept, painted = (
        np.abs(result.image[part] / 255 - small[part]).mean()
        for part in (slice(*rows), slice(round(size[0] * 40 / 60), None))
    )
    assert kept < painted / 2
    shallow.actions_of_runs.replay([run])
    np.testing.assert_array_equal(done(shallow.session.runs[-1]).image, result.image)


def test_a_repainted_picture_changes_while_the_run_is_paused_and_goes_on(
    shallow, viewer, qtbot, done, took
):
    shallow.form.basic["steps"].value = LONG
    shallow.form.control_buttons.regions.click()
    layer = viewer.layers["Regions: harbour"]
    layer.brush_size = 30
    stroke(layer, 1, 15)
    qtbot.waitUntil(lambda: list(shallow.form.regions.rows) == [1])
    run = started(shallow, qtbot)
    shallow.panel.pause.click()
    stroke(layer, 1, 45)
    qtbot.waitUntil(lambda: run.regions.labels[45].all())
    shallow.panel.pause.click()
    took(run, "regions")
    run.stop()
    (event,) = done(run).record.events
    assert event.field == "regions"
    assert event.value.labels[45].all()


def test_a_painted_content_mask_is_recorded_and_replayed(shallow, viewer, qtbot, done):
    shallow.form.content_mask.button.click()
    layer = viewer.layers["Content mask: harbour"]
    layer.brush_size = 30
    stroke(layer, 1, 15)
    qtbot.waitUntil(shallow.form.content_mask.hint.isHidden)
    shallow.form.basic["steps"].value = LONG
    run = started(shallow, qtbot)
    stroke(layer, 1, 45)
    qtbot.waitUntil(lambda: run.regions.content_mask[45].min() == 255)
    taken = run.points[-1].iteration
    qtbot.waitUntil(lambda: run.points[-1].iteration > taken + 3, timeout=60_000)
    run.stop()
    record = done(run).record
    assert record.regions.content_mask[45].max() < 255
    (event,) = record.events
    assert event.field == "regions"
    assert event.value.content_mask[45].min() == 255
    assert type(record).from_json(record.to_json()) == record
    shallow.actions_of_runs.replay([run])
    np.testing.assert_array_equal(done(shallow.session.runs[-1]).image, run.result.image)


def test_the_content_colours_a_result_of_an_earlier_session(
    shallow, pictures, viewer, done, monkeypatch
):
    told = []
    monkeypatch.setattr("napari_nst.plugin.panels.run_menu.show_error", told.append)
    shallow.panel.run.click()
    run = shallow.current
    result = done(run)
    metadata = {METADATA_KEY: result.record.to_dict()}
    viewer.add_image(result.image, metadata=metadata, name="old")
    old, actions = shallow.session.runs[-1], shallow.actions_of_runs
    assert old.result is None
    actions.recolor("luminance", [old])
    expected = result.with_colors("luminance").image.astype(int)
    assert not told
    assert np.abs(old.live.layer.data - expected).max() <= 1
    assert old.record.ending.colors == "luminance"
    for strength in (0.5, 1.0):
        old.recolor("luminance", strength)
    assert np.abs(old.live.layer.data - expected).max() <= 1, "from what was opened, each time"
    shallow.undo_stack.undo()
    np.testing.assert_array_equal(old.live.layer.data, result.image)
    viewer.layers.remove(pictures[0])
    viewer.add_image(result.image, metadata=metadata, name="older")
    older = shallow.session.runs[-1]
    actions.recolor("luminance", [older])
    (sentence,) = told
    assert "the content of this run cannot be found" in sentence
    assert older.record.ending.colors == "none"
    np.testing.assert_array_equal(older.live.layer.data, result.image)


def test_a_run_starts_from_a_share_of_a_layer_and_is_replayed_while_it_is_there(
    shallow, viewer, qtbot, done, monkeypatch
):
    told = []
    monkeypatch.setattr("napari_nst.plugin.panels.run_menu.show_error", told.append)
    form, mosaic = shallow.form, viewer.layers["mosaic"]
    box = form.basic["init_blend"]
    form.show()
    assert box.native.isHidden()
    form.pickers.start.value = mosaic  # 64x64 px, the content 60x80
    assert not box.native.isHidden()
    box.value = 0.25
    form.basic["steps"].value = 3
    shallow.panel.run.click()
    run = shallow.current
    result = done(run)
    assert (result.record.config.init_blend, result.record.config.init) == (0.25, "content")
    assert "init" in result.record.hashes
    shallow.actions_of_runs.continue_from([run])
    assert (form.pickers.start.value, box.value) == (run.live.layer, 1)
    form.loan.end()
    assert (form.pickers.start.value, box.value) == (mosaic, 0.25)
    run.plan = type(run.plan)(None, run.plan.name, run.plan.placement)  # of an earlier session
    shallow.actions_of_runs.replay([run])
    replay = shallow.session.runs[-1]
    np.testing.assert_array_equal(done(replay).image, result.image)
    np.testing.assert_array_equal(replay.plan.request.init, mosaic.data)
    viewer.layers.remove(mosaic)
    shallow.actions_of_runs.replay([run])
    assert shallow.session.runs[-1] is replay
    assert "the picture that this run started from is not open" in told[0]


def test_a_rectangle_is_the_style_and_a_later_session_replays_it(
    shallow, pictures, viewer, qtbot, done
):
    shallow.form.control_buttons.crop.click()
    crop = viewer.layers["Crop: waves"]
    crop.add_rectangles(np.array([(5, 10), (5, 60), (45, 60), (45, 10)]) - 0.5)
    qtbot.waitUntil(lambda: len(shallow.form.style_list.rows) == 1)
    shallow.panel.run.click()
    run = shallow.current
    result = done(run)
    run.plan = type(run.plan)(None, run.plan.name, run.plan.placement)  # of an earlier session
    shallow.actions_of_runs.replay([run])
    replay = shallow.session.runs[-1]
    assert replay is not run
    np.testing.assert_array_equal(done(replay).image, result.image)
    np.testing.assert_array_equal(replay.plan.request.styles[0], pictures[1].data[5:45, 10:60])
