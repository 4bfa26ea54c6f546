"""The layer of a run over a large content is a pyramid, as its pictures grow and at the end."""

import numpy as np
import pytest

import napari_nst.settings.pixels
from napari_nst.plugin.layers import live_layer
from napari_nst.plugin.layers.live_layer import LiveLayer, pyramid
from napari_nst.plugin.layers.visible_picture import is_single, picture_of, placement_of
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import METADATA_KEY, RunRecord

pytestmark = pytest.mark.gui

RGB = np.random.default_rng(0).integers(0, 256, (128, 96, 3), np.uint8)
RECORD = RunRecord(StyleConfig(seed=7), {}, {}, "builtin")


@pytest.fixture
def low_limit(monkeypatch):
    """Pictures of a thousand pixels are large, and those of 32 px a side are small."""
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)
    monkeypatch.setattr(live_layer, "_COARSEST_PX", 32)


@pytest.mark.parametrize("shape", [(128, 96), (3, 128, 96)])
def test_over_a_large_content_the_live_layer_is_multiscale(
    shape, low_limit, make_napari_viewer_proxy
):
    viewer = make_napari_viewer_proxy()
    slide = np.zeros(shape, np.uint8)
    content = viewer.add_image(
        [slide, slide[..., ::2, ::2]], multiscale=True, scale=[2] * len(shape)
    )
    live = LiveLayer(viewer, "result", placement_of(content, viewer.dims))
    extent = content.extent.world[:, -2:]
    for step, levels in ((4, 1), (2, 2), (1, 3)):  # as the scales of a run
        live.show(RGB[::step, ::step])
        layer = live.layer
        assert (layer.multiscale, len(layer.data), is_single(layer)) == (True, levels, True)
        np.testing.assert_array_equal(picture_of(layer, viewer.dims).pixels[:], RGB[::step, ::step])
        outer = layer.extent.world[:, -2:] + np.array([[-1], [1]]) * layer.scale[-2:] / 2
        np.testing.assert_allclose(outer, extent + np.array([[-1], [1]]) * 2 / 2)
    live.finish(RGB.astype(np.uint16) * 257, RECORD)
    assert tuple(live.layer.contrast_limits) == (0, 65535)
    assert live.layer.metadata[METADATA_KEY] == RECORD.to_dict()


def test_over_a_small_content_it_is_not(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    content = viewer.add_image(RGB, rgb=True)
    live = LiveLayer(viewer, "result", placement_of(content, viewer.dims))
    live.show(RGB)
    assert not live.layer.multiscale


def test_a_pyramid_takes_no_memory(low_limit):
    levels = pyramid(RGB)
    assert [level.shape for level in levels] == [(128, 96, 3), (64, 48, 3), (32, 24, 3)]
    assert all(np.shares_memory(level, RGB) for level in levels)
