import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.colormaps import Colormap

from napari_nst.errors import ImageError
from napari_nst.plugin.pictures import as_uint8, picture_of


def picture_in_viewer(layer, point=None, **dims):
    viewer = ViewerModel()
    viewer.add_layer(layer)
    for name, value in dims.items():
        setattr(viewer.dims, name, value)
    for axis, value in (point or {}).items():
        viewer.dims.set_point(axis, value)
    return picture_of(layer, viewer.dims)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_rgb_layers_are_taken_as_they_are(dtype, channels):
    data = np.random.default_rng(0).integers(0, 256, (9, 12, channels)).astype(dtype)
    taken = picture_in_viewer(Image(data, rgb=True, name="cat"))
    np.testing.assert_array_equal(taken.pixels, data)
    assert taken.pixels.dtype == dtype
    assert taken.name == "cat"


def test_float_colours_are_cut_to_what_can_be_shown():
    data = np.full((4, 5, 3), 1.5)
    data[0, 0] = np.nan
    taken = picture_in_viewer(Image(data, rgb=True))
    assert taken.pixels.dtype == np.float32
    assert taken.pixels[0, 0, 0] == 0
    assert taken.pixels[1, 1, 0] == 1


def test_grey_layers_are_taken_through_contrast_limits_and_gamma():
    data = np.array([[0.0, 100.0], [150.0, 400.0]])
    layer = Image(data, contrast_limits=(100, 200), gamma=2.0)
    taken = picture_in_viewer(layer)
    assert taken.pixels.shape == (2, 2, 3)
    np.testing.assert_allclose(taken.pixels[..., 1], [[0, 0], [0.25, 1]], atol=1e-2)


def test_grey_layers_are_taken_through_their_colormap():
    redness = Colormap([[0, 0, 0, 1], [1, 0, 0, 1]], name="redness")
    layer = Image(np.array([[0, 255], [255, 0]], np.uint8), colormap=redness)
    layer.contrast_limits = (0, 255)
    taken = picture_in_viewer(layer)
    assert taken.pixels.dtype == np.uint8
    assert taken.pixels[0, 1].tolist() == [255, 0, 0]


def test_the_visible_slice_of_a_stack_is_taken():
    data = np.stack([np.full((6, 7), value, float) for value in range(5)])
    layer = Image(data, contrast_limits=(0, 4), scale=(10, 1, 1))
    taken = picture_in_viewer(layer, {0: 30})
    np.testing.assert_allclose(taken.pixels, 0.75, atol=1e-2)
    assert taken.placement.index == (3, slice(None), slice(None))


def test_rolled_dimensions_take_the_plane_that_is_seen():
    layer = Image(np.zeros((5, 6, 7)))
    taken = picture_in_viewer(layer, order=(1, 0, 2))
    assert taken.pixels.shape == (5, 7, 3)


def test_the_finest_level_of_a_multiscale_layer_is_taken():
    levels = [np.zeros((16, 24), np.uint8), np.zeros((8, 12), np.uint8)]
    layer = Image(levels, multiscale=True)
    assert picture_in_viewer(layer).pixels.shape == (16, 24, 3)


def test_a_flat_layer_below_a_stack_is_taken_whole():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, 6, 7)))
    flat = viewer.add_image(np.zeros((6, 7, 3), np.uint8), rgb=True)
    assert picture_of(flat, viewer.dims).pixels.shape == (6, 7, 3)


def test_3d_display_is_refused_with_the_way_out():
    with pytest.raises(ImageError, match="Switch to 2D"):
        picture_in_viewer(Image(np.zeros((5, 6, 7))), ndisplay=3)


def test_a_slider_position_outside_the_layer_is_refused():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((20, 6, 7)))
    short = viewer.add_image(np.zeros((2, 6, 7)))
    viewer.dims.set_point(0, 15)
    with pytest.raises(ImageError, match="sliders"):
        picture_of(short, viewer.dims)


def test_8_bits_are_rounded_from_every_dtype():
    assert as_uint8(np.array([0.0, 0.5, 1.0, 2.0])).tolist() == [0, 128, 255, 255]
    assert as_uint8(np.array([0, 257, 65535], np.uint16)).tolist() == [0, 1, 255]
