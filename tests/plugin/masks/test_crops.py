import numpy as np
import pytest

from napari_nst.plugin.layers.visible_picture import cropped_picture, glimpse_of
from napari_nst.plugin.masks.crops import Crops

pytestmark = pytest.mark.gui


def rectangle(rows, columns):
    (top, bottom), (left, right) = rows, columns
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], float)


@pytest.fixture
def crops(viewer):
    crops = Crops(viewer)
    yield crops
    crops.close()


def test_a_rectangle_is_the_part_that_counts(crops, pictures, viewer):
    style = pictures[1]
    told = []
    crops.changed.connect(lambda: told.append(crops.box(style)))
    assert crops.box(style) is None
    layer = crops.draw(style)
    assert layer.mode == "add_rectangle"
    assert viewer.layers.selection.active == layer
    layer.add_rectangles(rectangle((9.6, 30.4), (20.1, 49.7)))
    assert crops.box(style) == (slice(10, 31), slice(21, 50))
    assert told[-1] == crops.box(style)
    assert crops.size(style) == (21, 29)
    picture = cropped_picture(style, viewer.dims, crops.box(style))
    np.testing.assert_array_equal(picture.pixels, style.data[10:31, 21:50])
    assert crops.draw(style) == layer
    assert layer.mode == "select"


def test_a_rectangle_follows_its_style(crops, pictures):
    style = pictures[1]
    layer = crops.draw(style)
    layer.add_rectangles(rectangle((10, 30), (20, 50)))
    before = crops.box(style)
    style.translate = (100, 200)
    style.scale = (2, 2)
    np.testing.assert_array_equal(layer.translate, style.translate)
    np.testing.assert_array_equal(layer.scale, style.scale)
    assert crops.box(style) == before


def test_what_is_outside_of_the_style_does_not_count(crops, pictures):
    style = pictures[1]  # 50x70 px
    layer = crops.draw(style)
    layer.add_rectangles(rectangle((-20, 20), (60, 99)))
    assert crops.box(style) == (slice(0, 20), slice(60, 70))
    layer.data = [rectangle((-9, 99), (-9, 99))]
    assert crops.box(style) is None, "all of it is no crop"
    layer.data = [rectangle((60, 99), (0, 9))]
    assert crops.box(style) is None


def test_a_crop_goes_with_its_layer(crops, pictures, viewer):
    style = pictures[1]
    crops.draw(style).add_rectangles(rectangle((10, 30), (20, 50)))
    crops.drop(style)
    assert crops.box(style) is None
    assert len(viewer.layers) == 2
    style.translate = (1, 1)


def test_a_crop_of_a_pyramid_is_read_at_a_level_that_is_fine_enough(crops, viewer):
    fine = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    levels = [fine, fine[::2, ::2], fine[::4, ::4]]
    style = viewer.add_image(levels, multiscale=True, rgb=True, contrast_limits=(0, 255))
    box = (slice(64, 128), slice(0, 128))
    for least_px, step in ((64, 1), (32, 2), (16, 4)):
        picture = cropped_picture(style, viewer.dims, box, least_px=least_px)
        expected = fine[::step, ::step][64 // step : 128 // step, : 128 // step]
        np.testing.assert_array_equal(picture.pixels, expected)


def test_a_glimpse_is_small_and_of_the_part(pictures, viewer):
    style = pictures[1]
    box = (slice(10, 50), slice(20, 70))
    seen = glimpse_of(style, viewer.dims, box, side_px=10)
    np.testing.assert_array_equal(seen, style.data[10:50:4, 20:70:4])
