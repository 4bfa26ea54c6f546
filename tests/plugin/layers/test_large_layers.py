"""Large and multiscale layers: only what a run needs is read."""

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

import napari_nst.settings.pixels
from napari_nst.core.picture import read_by_pieces
from napari_nst.plugin.layers.visible_picture import ShownRows, picture_of

GREY = np.random.default_rng(0).random((128, 96)).astype(np.float32)
RGB = np.random.default_rng(0).integers(0, 256, (128, 96, 3), np.uint8)


class Counted:
    """Chunks of dask that are counted when they are computed."""

    def __init__(self, array, chunk=16):
        self.places = []
        chunks = (*[chunk if side > 4 else side for side in array.shape],)
        self.array = dask.array.from_array(array, chunks=chunks).map_blocks(
            self._count, dtype=array.dtype, meta=array[(slice(0, 0),) * array.ndim]
        )

    def _count(self, block, block_info=None):
        self.places.append(block_info[0]["chunk-location"])
        return block


def taken(layer, **options):
    viewer = ViewerModel()
    viewer.layers.append(layer)
    return picture_of(layer, viewer.dims, **options)


@pytest.fixture
def low_limit(monkeypatch):
    """Pictures of a thousand pixels are large."""
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)


@pytest.mark.parametrize(
    ("data", "look"),
    [
        (RGB, {"rgb": True, "contrast_limits": (0, 255)}),
        (RGB, {"rgb": True, "contrast_limits": (30, 200), "gamma": 0.8}),
        (GREY, {"colormap": "viridis", "contrast_limits": (0.1, 0.9)}),
        (RGB[..., 0], {"colormap": "magma", "gamma": 2.0}),
        ((GREY * 900).astype(np.uint16), {"contrast_limits": (0, 900)}),
    ],
)
def test_a_large_layer_by_pieces_is_what_it_is_as_a_whole(data, look, monkeypatch):
    layer = Image(data, **look)
    whole = taken(layer).pixels
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)
    lazy = taken(layer).pixels
    assert isinstance(lazy, ShownRows)
    assert lazy.dtype == whole.dtype
    assert lazy.shape[:2] == whole.shape[:2]
    np.testing.assert_array_equal(np.asarray(lazy)[..., :3], whole)
    np.testing.assert_array_equal(lazy[20:50, 3:40, :3], whole[20:50, 3:40])
    if lazy.shape[2] == 4:
        assert (lazy[:][..., 3] == 1).all()  # no NaN here, but there could be


def test_only_the_chunks_of_the_rows_are_computed(low_limit):
    counted = Counted(RGB)
    layer = Image(counted.array, rgb=True, contrast_limits=(0, 255))
    counted.places.clear()
    picture = read_by_pieces(taken(layer).pixels, "content")
    assert counted.places == []
    piece = picture.piece((128, 96), "bicubic", slice(20, 30))
    assert {place[0] for place in counted.places} == {1}
    levels = (piece.rgb[0] * 255).round().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(levels, RGB[20:30])


def test_a_plane_of_a_stack_is_read_alone(low_limit):
    counted = Counted(np.stack([RGB[..., 0]] * 40), chunk=16)
    layer = Image(counted.array, contrast_limits=(0, 255))
    viewer = ViewerModel()
    viewer.layers.append(layer)
    viewer.dims.set_point(0, 20)
    counted.places.clear()
    pixels = picture_of(layer, viewer.dims).pixels
    np.testing.assert_array_equal(pixels[:16, :, 0], RGB[:16, :, 0])
    assert {place[:2] for place in counted.places} == {(1, 0)}


@pytest.mark.parametrize(("least_px", "step"), [(None, 1), (49, 1), (48, 2), (30, 2), (20, 4)])
def test_of_a_multiscale_layer_the_level_nearest_above_the_size_is_read(least_px, step):
    levels = [Counted(np.ascontiguousarray(RGB[::each, ::each])) for each in (1, 2, 4)]
    layer = Image(
        [level.array for level in levels], multiscale=True, rgb=True, contrast_limits=(0, 255)
    )
    for level in levels:
        level.places.clear()
    picture = taken(layer, least_px=least_px)
    np.testing.assert_array_equal(picture.pixels, RGB[::step, ::step])
    read = [bool(level.places) for level in levels]
    assert read == [each == step for each in (1, 2, 4)]
    assert picture.placement.size == RGB.shape[:2]


def test_a_level_of_a_stack_is_read_at_the_place_of_its_slider():
    stack = np.arange(8, dtype=np.uint8)[:, None, None] * np.ones((8, 64, 64), np.uint8)
    layer = Image([stack, stack[::2, ::2, ::2]], multiscale=True, contrast_limits=(0, 255))
    viewer = ViewerModel()
    viewer.layers.append(layer)
    viewer.dims.set_point(0, 6)
    fine = picture_of(layer, viewer.dims).pixels
    coarse = picture_of(layer, viewer.dims, least_px=20).pixels
    assert (fine[0, 0, 0], coarse[0, 0, 0]) == (6, 6)
    assert coarse.shape[:2] == (32, 32)


def test_the_result_lies_over_the_whole_layer_whichever_level_was_read():
    layer = Image([RGB, RGB[::2, ::2]], multiscale=True, rgb=True, scale=(2, 3))
    fine, coarse = taken(layer), taken(layer, least_px=20)
    np.testing.assert_allclose(
        coarse.placement.arguments((50, 40))["scale"], fine.placement.arguments((50, 40))["scale"]
    )
