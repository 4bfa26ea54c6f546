import numpy as np
import pytest

from napari_nst.plugin.layers.visible_picture import MARKS
from napari_nst.settings.regions import KEEP

pytestmark = pytest.mark.gui


def begun(docked, viewer):
    docked.form.content_mask.button.click()
    return viewer.layers["Content mask: harbour"]


def paint(docked, layer, rows, columns, label=1):
    """Paint as the brush does, and wait until it is noticed."""
    layer.data[rows, columns] = label
    layer.events.paint(value=[])
    docked.form.content_mask.refresh()


def drawn(docked):
    return docked.form.drawn(docked.form.pickers.content_placement())


def test_two_clicks_to_a_mask(docked, pictures, viewer, qtbot):
    form = docked.form.content_mask
    assert form.isHidden()
    layer = begun(docked, viewer)  # the first click
    assert not form.isHidden()
    assert layer.data.shape == (60, 80)
    np.testing.assert_array_equal(layer.scale, pictures[0].scale)
    np.testing.assert_array_equal(layer.translate, pictures[0].translate)
    assert viewer.layers.selection.active == layer
    assert (str(layer.mode), layer.selected_label) == ("paint", 1)
    assert layer.metadata[MARKS] == "content mask", "it is no picture"
    assert not form.hint.isHidden()
    assert drawn(docked) is None, "nothing is painted yet"
    layer.paint((20, 30), 1)  # the second
    qtbot.waitUntil(form.hint.isHidden)
    mask = drawn(docked).read().content_mask
    assert (mask[20, 30], mask[0, 0]) == (255, 64)


def test_the_slider_says_how_much_shapes_count_elsewhere(docked, pictures, viewer):
    layer = begun(docked, viewer)
    paint(docked, layer, slice(0, 30), slice(0, 40))
    form = docked.form.content_mask
    form.elsewhere.setValue(0)
    assert form.percent.text() == "0%"
    regions = drawn(docked).read()
    assert regions.labels is None
    np.testing.assert_array_equal(np.unique(regions.content_mask), [0, 255])
    form.elsewhere.setValue(100)
    assert (drawn(docked).read().content_mask == 255).all()


def test_mask_and_regions_go_together_and_each_ends_alone(docked, pictures, viewer):
    layer = begun(docked, viewer)
    paint(docked, layer, slice(0, 30), slice(0, 40))
    docked.form.control_buttons.regions.click()
    labels = viewer.layers["Regions: harbour"]
    labels.data[30:, :] = 1
    docked.form.regions.refresh()
    regions = drawn(docked).read()
    assert (regions.styles, regions.rest) == ({1: 0}, KEEP)
    assert regions.content_mask[0, 0] == 255
    docked.form.content_mask.picker.off_button.click()
    assert docked.form.content_mask.isHidden()
    assert not layer.visible
    assert drawn(docked).read().content_mask is None
    docked.form.content_mask.picker.box.value = layer
    docked.form.regions.end()
    assert drawn(docked).read().labels is None
    viewer.layers.remove(layer)
    assert docked.form.content_mask.isHidden()
    assert drawn(docked) is None


def test_shapes_and_labels_of_another_size_are_masks_too(docked, pictures, viewer):
    content = pictures[0]
    box = np.array([(0, 0), (0, 40), (30, 40), (30, 0)]) - 0.5
    where = {"scale": content.scale, "translate": content.translate}
    form = docked.form.content_mask
    form.elsewhere.setValue(0)
    form.picker.box.value = viewer.add_shapes([box], shape_type="polygon", **where)
    mask = drawn(docked).read().content_mask
    assert (mask[:30, :40] == 255).all()
    assert mask[:, 41:].max() == 0
    coarse = np.zeros((30, 40), np.uint8)
    coarse[:, 20:] = 7
    where["scale"] = 2 * content.scale
    form.picker.box.value = viewer.add_labels(coarse, **where)
    mask = drawn(docked).read().content_mask
    assert mask.shape == (60, 80)
    assert (mask[:-1, 42:-1] == 255).all()
    assert mask[:, :38].max() == 0


def test_the_button_without_pictures_says_what_is_missing(docked, viewer, monkeypatch):
    told = []
    monkeypatch.setattr("napari_nst.plugin.form.settings_form.show_error", told.append)
    docked.form.content_mask.button.click()
    assert told == [docked.form.pickers.problem()]
    assert len(viewer.layers) == 0


def test_a_run_gets_the_mask_and_painting_acts_on_it(docked, pictures, viewer, engine, qtbot):
    engine(2000, wait_s=0.02)
    layer = begun(docked, viewer)
    paint(docked, layer, slice(0, 30), slice(0, 80))
    docked.run()
    run = docked.current
    qtbot.waitUntil(lambda: len(run.points) > 2)
    assert run.plan.request.regions.content_mask[0, 0] == 255
    assert viewer.layers[-1] == layer, "the mask stays above the picture"
    assert layer.contour > 0
    layer.paint((50, 40), 1)
    qtbot.waitUntil(lambda: run.regions.content_mask[50, 40] == 255)
    docked.form.content_mask.picker.off_button.click()
    assert run.regions.content_mask is not None, "what has no layer stays as the run has it"
    docked.form.control_buttons.regions.click()
    labels = viewer.layers["Regions: harbour"]
    labels.paint((5, 5), 1)
    qtbot.waitUntil(lambda: run.regions.labels is not None)
    assert run.regions.content_mask[50, 40] == 255
    taken = len(run.points)
    qtbot.waitUntil(lambda: len(run.points) > taken + 2)
    run.stop()
    qtbot.waitUntil(lambda: run.state.over)
    assert run.record.ending_regions == run.regions
