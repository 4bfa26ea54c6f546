import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.colormaps import Colormap

from napari_nst.core.picture import read_picture, write_array
from napari_nst.errors import ImageError
from napari_nst.files.depth import as_uint8
from napari_nst.plugin.layers.visible_picture import picture_of, whole_range


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
def test_rgb_layers_shown_over_their_whole_range_are_taken_as_they_are(dtype, channels):
    data = np.random.default_rng(0).integers(0, 256, (9, 12, channels)).astype(dtype)
    limits = (0, np.iinfo(dtype).max)
    taken = picture_in_viewer(Image(data, rgb=True, name="cat", contrast_limits=limits))
    np.testing.assert_array_equal(taken.pixels, data)
    assert taken.pixels.dtype == dtype
    assert taken.name == "cat"


def test_float_colours_outside_the_contrast_limits_are_cut():
    data = np.full((4, 5, 3), 1.5, np.float32)
    data[0, 0] = np.nan
    taken = picture_in_viewer(Image(data, rgb=True, contrast_limits=(0, 1)))
    assert taken.pixels.dtype == np.float32
    assert taken.pixels[0, 0, 0] == 0
    assert taken.pixels[1, 1, 0] == 1


@pytest.mark.parametrize(
    ("dtype", "brightest"),
    [(np.float32, 255.0), (np.float64, 1.0), (np.uint16, 4095), (np.int32, 10**9), (np.int8, 99)],
)
def test_rgb_and_grey_follow_one_rule_whatever_their_dtype(dtype, brightest):
    grey = np.linspace(0, brightest, 64).reshape(8, 8).astype(dtype)
    look = {"contrast_limits": (brightest / 8, brightest), "gamma": 0.7}
    from_grey = picture_in_viewer(Image(grey, **look)).pixels
    from_rgb = picture_in_viewer(Image(np.stack([grey] * 3, -1), rgb=True, **look)).pixels
    from_grey, from_rgb = (each / whole_range(each.dtype)[1] for each in (from_grey, from_rgb))
    np.testing.assert_allclose(from_rgb, from_grey, atol=1e-4)
    assert from_rgb.min() == 0
    assert from_rgb.max() == 1


@pytest.mark.parametrize(
    ("dtype", "taken"),
    [
        *[(name, name) for name in ("uint8", "uint16", "float16", "float32", "float64")],
        ("bool", "uint8"),
        *[(name, "float32") for name in ("int8", "int16", "int32", "int64", "uint32", "uint64")],
    ],
)
@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba"])
def test_every_dtype_is_a_picture_of_its_own_dtype_where_one_can_be(dtype, taken, kind):
    values = np.random.default_rng(0).uniform(0, 1, (9, 12, 4))
    values[..., 3] = np.linspace(0.01, 1, 9 * 12).reshape(9, 12)
    shape = {"grey": (..., 0), "rgb": (..., slice(3)), "rgba": (...,)}[kind]
    data = values[shape]
    if dtype == "bool":
        data = data > 0.5
    elif np.dtype(dtype).kind != "f":
        data = data * (float(np.iinfo(dtype).max) * 0.99)
    data = data.astype(dtype)
    pixels = picture_in_viewer(Image(data, rgb=kind != "grey")).pixels
    read = read_picture(pixels, "content")
    assert pixels.dtype == read.dtype == taken
    result = write_array(read.rgb, read)
    assert result.shape == (9, 12, 4 if kind == "rgba" else 3)
    if kind == "rgba" and dtype == taken:
        np.testing.assert_array_equal(result[..., 3], data[..., 3])


@pytest.mark.parametrize(
    ("data", "look", "expected"),
    [
        ([[7.0, 7.0]], {}, [1, 1]),
        ([[0.0, np.inf, -np.inf, 1.0]], {"contrast_limits": (0, 1)}, [0, 1, 0, 1]),
        (np.float32([[-1e38, 0, 1e38]]), {"contrast_limits": (-2e38, 2e38)}, [0.25, 0.5, 0.75]),
        ([[-1e300, 0, 1e300]], {"contrast_limits": (-1e300, 1e300)}, [0, 0.5, 1]),
        ([[0.1, 0.5, 0.9]], {"contrast_limits": (0.5, 0.5 + 1e-12)}, [0, 0, 1]),
    ],
    ids=["constant", "infinite", "far limits", "farther limits", "near limits"],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # of napari's thumbnail
def test_extreme_values_are_shown_within_the_range(data, look, expected):
    pixels = picture_in_viewer(Image(np.asarray(data), **look)).pixels
    np.testing.assert_allclose(pixels[0, :, 0], expected, atol=1e-3)


@pytest.mark.parametrize(
    "layer",
    [
        Image(np.full((5, 6), np.nan)),
        Image(np.zeros((5, 6, 4)), rgb=True),
        Image(np.ones((5, 6)), colormap=Colormap([[0, 0, 0, 0], [1, 1, 1, 0]], name="clear")),
    ],
    ids=["NaN", "alpha", "colormap"],
)
def test_of_a_layer_of_which_nothing_is_visible_a_sentence_says_so(layer):
    pixels = picture_in_viewer(layer).pixels
    with pytest.raises(ImageError, match="content is fully transparent"):
        read_picture(pixels, "content")


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # napari's own
def test_a_layer_of_unknown_size_is_refused_with_the_way_out():
    lazy = dask.array.from_array(np.random.default_rng(0).uniform(0, 1, (6, 7)))
    unknown = lazy[dask.array.from_array(np.ones(6, bool))]
    with pytest.raises(ImageError, match="compute_chunk_sizes"):
        picture_in_viewer(Image(unknown))


def test_a_float_picture_of_0_to_255_is_no_longer_white():
    data = np.random.default_rng(0).uniform(0, 255, (20, 30, 3))
    taken = picture_in_viewer(Image(data, rgb=True)).pixels
    assert 0.45 < taken.mean() < 0.55


def test_limits_that_lie_close_together_far_from_zero_keep_their_shades():
    data = 2**30 + np.arange(64).reshape(8, 8)
    taken = picture_in_viewer(Image(data, contrast_limits=(2**30, 2**30 + 63))).pixels
    assert len(np.unique(taken[..., 0])) == 64


def test_what_is_not_a_number_is_as_transparent_as_the_colormap_says():
    data = np.linspace(0, 1, 30).reshape(5, 6)
    data[2, 3] = np.nan
    taken = picture_in_viewer(Image(data)).pixels
    assert taken.shape == (5, 6, 4)
    assert taken[2, 3, 3] == 0
    assert np.sum(taken[..., 3] == 0) == 1


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


@pytest.mark.parametrize("projection", ["none", "sum", "mean", "max", "min"])
@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 1, 3), (1, 3, 0, 2)])
def test_a_thick_slice_is_taken_as_napari_projects_it(projection, rgb, scale, order):
    viewer = ViewerModel()
    rng = np.random.default_rng(1)
    data = rng.integers(0, 50, (5, 6, 7, 8, 3)[: 5 if rgb else 4]).astype(np.uint8)
    layer = viewer.add_image(
        data,
        rgb=rgb,
        scale=(1, scale, 1, 1),
        translate=(0, -3, 0, 0),
        projection_mode=projection,
        contrast_limits=(0, 200),
    )
    viewer.dims.order = order
    for _ in range(6):
        viewer.dims.point = rng.uniform(0, 4, 4) - [0, 3, 0, 0]
        viewer.dims.margin_left = rng.choice([0, 0.5, 1, 2.2], 4)
        viewer.dims.margin_right = rng.choice([0, 0.5, 1, 2.2], 4)
        shown = layer._slice.image.raw / 200
        taken = picture_of(layer, viewer.dims).pixels
        taken = taken / 255 if taken.dtype == np.uint8 else taken
        taken = taken if rgb else taken[..., 0]
        # A rolled picture is read as its data lie, and its result lies over it.
        rolled = order[2] > order[3]
        taken = np.swapaxes(taken, 0, 1) if rolled else taken
        np.testing.assert_allclose(taken, np.clip(shown, 0, 1), atol=3e-3)


def test_a_slab_that_reaches_into_the_layer_is_seen():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((20, 6, 7)))
    short = viewer.add_image(np.full((2, 6, 7), 3.0), contrast_limits=(0, 4))
    viewer.dims.point = (3.0, 0, 0)
    viewer.dims.margin_left = (2.0, 0, 0)
    np.testing.assert_allclose(picture_of(short, viewer.dims).pixels, 0.75, atol=1e-2)


def test_sliders_in_another_unit_stand_where_napari_shows_them():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((9, 6, 7)), units=("um",) * 3)
    data = np.stack([np.full((6, 7), value, float) for value in range(5)])
    layer = viewer.add_image(
        data, units=("nm",) * 3, scale=(1000, 1000, 1000), contrast_limits=(0, 4)
    )
    viewer.dims.set_point(0, 3 * viewer.dims.range[0].step)
    taken = picture_of(layer, viewer.dims).pixels[..., 0]
    assert taken.shape == layer._slice.image.raw.shape
    np.testing.assert_allclose(taken, layer._slice.image.raw / 4, atol=1e-2)
    assert taken.mean() == pytest.approx(0.75, abs=1e-2)


def test_a_flat_layer_is_seen_whole_however_the_stack_above_is_rolled():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, 6, 7)))
    flat = viewer.add_image(np.zeros((6, 7, 3), np.uint8), rgb=True)
    viewer.dims.order = (1, 0, 2)
    assert picture_of(flat, viewer.dims).pixels.shape == flat._slice.image.raw.shape


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
