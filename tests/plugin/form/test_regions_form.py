import numpy as np
import pytest

from napari_nst.plugin.layers.extents import overlap, rectangle_of, seen
from napari_nst.plugin.layers.visible_picture import MARKS
from napari_nst.settings.regions import BLEND, KEEP

pytestmark = pytest.mark.gui


@pytest.fixture
def mosaic(docked, pictures, viewer):
    layer = viewer.add_image(np.full((40, 44, 3), 9, np.uint8), name="mosaic")
    docked.form.pickers.add_style(layer)
    return layer


def begun(docked, viewer):
    docked.form.control_buttons.regions.click()
    return viewer.layers["Regions: harbour"]


def paint(docked, layer, label, rows, columns):
    """Paint as the brush does, and wait until it is noticed."""
    layer.data[rows, columns] = label
    layer.events.paint(value=[])
    docked.form.regions.refresh()


def choose(docked, label, title):
    regions = docked.form.regions
    row = regions.rows[label] if label else regions.rest_row
    place = row.target.findText(title)
    assert place >= 0, [row.target.itemText(i) for i in range(row.target.count())]
    row.target.setCurrentIndex(place)
    row.target.activated.emit(place)


def drawn(docked):
    return docked.form.regions.drawn(docked.form.pickers.content_placement())


def test_the_picture_to_paint_on_fills_the_view_and_a_view_that_shows_it_well_stays(
    docked, pictures, viewer, qtbot
):
    viewer.scene.camera.zoom /= 20
    layer = begun(docked, viewer)
    view, picture = seen(viewer), rectangle_of(layer, viewer.dims)
    assert overlap(view, picture) == pytest.approx(float(np.prod(picture[1] - picture[0])))
    assert np.prod(view[1] - view[0]) < 6 * np.prod(picture[1] - picture[0])
    viewer.scene.camera.zoom *= 0.9
    zoom = viewer.scene.camera.zoom
    docked.form.control_buttons.regions.click()
    assert viewer.scene.camera.zoom == zoom


def test_two_clicks_to_a_first_region(docked, pictures, viewer, qtbot):
    assert docked.form.regions.isHidden()
    layer = begun(docked, viewer)  # the first click
    content = pictures[0]
    assert layer.data.shape == (60, 80)
    np.testing.assert_array_equal(layer.scale, content.scale)
    np.testing.assert_array_equal(layer.translate, content.translate)
    assert viewer.layers.selection.active == layer
    assert (str(layer.mode), layer.selected_label) == ("paint", 1)
    assert not docked.form.regions.isHidden()
    assert drawn(docked) is None, "nothing is painted yet"
    layer.paint((20, 30), 1)  # the second
    qtbot.waitUntil(lambda: list(docked.form.regions.rows) == [1])
    regions = drawn(docked).read()
    assert regions.labels[20, 30] == 1
    assert (regions.styles, regions.rest) == ({1: 0}, KEEP)
    assert docked.form.regions.hint.isHidden()


def test_each_region_gets_what_its_row_says(docked, mosaic, viewer):
    layer = begun(docked, viewer)
    paint(docked, layer, 1, slice(0, 30), slice(0, 40))
    paint(docked, layer, 2, slice(30, 60), slice(0, 40))
    paint(docked, layer, 5, slice(0, 30), slice(40, 80))
    assert list(docked.form.regions.rows) == [1, 2, 5]
    found = drawn(docked)
    assert (dict(found.targets), found.rest) == ({1: 0, 2: 1, 5: 0}, BLEND)
    choose(docked, 1, "mosaic")
    choose(docked, 2, "Keep the content")
    choose(docked, 5, "All styles blended")
    choose(docked, 0, "waves")
    docked.form.regions.feather.setValue(12)
    found = drawn(docked)
    assert (dict(found.targets), found.rest) == ({1: 1, 2: KEEP, 5: BLEND}, 0)
    assert found.read().feather_px == 12
    docked.form.pickers.styles = docked.form.pickers.styles[::-1]
    assert drawn(docked).targets[1] == 0, "a choice is a style, not its number"


def test_the_brush_is_taken_by_a_region_s_button_and_for_a_new_region(docked, pictures, viewer):
    layer = begun(docked, viewer)
    paint(docked, layer, 3, slice(0, 9), slice(0, 9))
    layer.mode = "pan_zoom"
    docked.form.regions.new_button.click()
    assert (str(layer.mode), layer.selected_label) == ("paint", 4)
    docked.form.regions.rows[3].swatch.click()
    assert (str(layer.mode), layer.selected_label) == ("paint", 3)


def test_regions_end_and_their_layer_stays_hidden(docked, pictures, viewer):
    layer = begun(docked, viewer)
    paint(docked, layer, 1, slice(0, 30), slice(0, 40))
    docked.form.regions.off_button.click()
    assert docked.form.regions.isHidden()
    assert not layer.visible
    assert drawn(docked) is None
    docked.form.regions.layer_box.value = layer
    assert list(docked.form.regions.rows) == [1]
    viewer.layers.remove(layer)
    assert docked.form.regions.isHidden()
    assert drawn(docked) is None


def test_shapes_take_the_place_of_labels(docked, pictures, viewer, qtbot):
    content = pictures[0]
    box = np.array([(0, 0), (0, 40), (30, 40), (30, 0)]) - 0.5
    shapes = viewer.add_shapes(
        [box], shape_type="polygon", scale=content.scale, translate=content.translate, name="cut"
    )
    docked.form.regions.layer_box.value = shapes
    assert list(docked.form.regions.rows) == [1]
    np.testing.assert_array_equal(drawn(docked).read().labels[:30, :40], 1)
    shapes.add_rectangles(box + 30)
    qtbot.waitUntil(lambda: list(docked.form.regions.rows) == [1, 2])
    layers = docked.form.regions.layer_box.choices
    docked.form.control_buttons.crop.click()
    assert docked.form.regions.layer_box.choices == layers, "a crop is no region"


def test_a_region_that_is_too_small_is_named_before_the_run(docked, pictures, viewer):
    layer = begun(docked, viewer)
    docked.form.basic["size"].value = 80
    docked.form.advanced["style_layers"].value = ("relu1_1", "relu4_1")
    docked.form.advanced["style_layer_weights"].value = ()
    paint(docked, layer, 1, slice(0, 30), slice(0, 40))
    warning = docked.form.regions.warning
    assert warning.isHidden()
    paint(docked, layer, 2, slice(40, 46), slice(0, 6))
    assert "Region 2 is too small" in warning.text()
    assert "(relu4_1)" in warning.text()
    assert not warning.isHidden()
    docked.form.basic["size"].value = 800
    assert warning.isHidden()


def test_a_run_gets_the_regions_and_repainting_acts_on_it(
    docked, mosaic, viewer, engine, qtbot, took
):
    engine(2000, wait_s=0.02)
    layer = begun(docked, viewer)
    paint(docked, layer, 1, slice(0, 30), slice(0, 80))
    docked.run()
    run = docked.current
    qtbot.waitUntil(lambda: len(run.points) > 2)
    before = run.plan.request.regions
    assert (before.styles, before.rest) == ({1: 0}, BLEND)
    assert viewer.layers[-1] == layer, "regions stay above the picture"
    assert viewer.layers.selection.active == layer
    layer.selected_label = 2
    layer.paint((50, 40), 2)
    qtbot.waitUntil(lambda: run.regions.styles == {1: 0, 2: 1})
    took(run, "regions")
    run.stop()
    qtbot.waitUntil(lambda: run.state.over)
    (event,) = run.record.events
    assert (event.field, event.value.labels[50, 40]) == ("regions", 2)


def test_a_style_that_the_run_has_not_is_refused_in_words(docked, pictures, viewer, engine, qtbot):
    engine(2000, wait_s=0.02)
    layer = begun(docked, viewer)
    paint(docked, layer, 1, slice(0, 30), slice(0, 80))
    docked.run()
    run = docked.current
    qtbot.waitUntil(lambda: len(run.points) > 2)
    extra = viewer.add_image(np.full((40, 44, 3), 9, np.uint8), name="late")
    docked.form.pickers.add_style(extra)
    docked.form.regions.refresh()
    choose(docked, 1, "late")
    qtbot.waitUntil(lambda: "which this run has not" in viewer.status)
    assert run.regions == run.plan.request.regions


def test_marks_are_not_part_of_what_the_canvas_shows(docked, pictures, viewer):
    assert begun(docked, viewer).metadata[MARKS] == "regions"


def test_content_and_style_are_apart_before_something_is_drawn(docked, pictures, viewer):
    from napari_nst.plugin.layers.extents import overlap, rectangle_of

    content, style = pictures
    begun(docked, viewer)
    areas = [rectangle_of(layer, viewer.dims) for layer in (content, style)]
    assert overlap(*areas) == 0 or not style.visible


def test_a_region_reads_the_part_of_a_style_with_its_label(docked, pictures, viewer):
    style = pictures[1]  # 50x70 px
    layer = begun(docked, viewer)
    paint(docked, layer, 1, slice(0, 30), slice(0, 40))
    assert len(docked.form.style_list.rows) == 1, "its menu is needed now"
    parts = np.zeros((50, 70), np.uint8)
    parts[:, 35:] = 1
    viewer.add_labels(parts, name="parts", translate=style.translate)
    menus = [each.menu() for each in docked.form.style_list.menu(0).actions() if each.menu()]
    (entry,) = [each for each in menus[0].actions() if each.text() == "parts"]
    entry.trigger()
    (labels,) = drawn(docked).read().style_labels
    np.testing.assert_array_equal(labels, parts)
    crop = docked.form.crops.draw(style)
    crop.add_rectangles(np.array([(10, 20), (10, 60), (30, 60), (30, 20)]) - 0.5)
    (labels,) = drawn(docked).read().style_labels
    np.testing.assert_array_equal(labels, parts[10:30, 20:60])
