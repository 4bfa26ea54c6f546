"""What a layer shows is what is read: the canvas of a real napari is the judge."""

import numpy as np
import pytest

from napari_nst.files.depth import as_uint8
from napari_nst.plugin.layers.visible_picture import picture_of

pytestmark = pytest.mark.gui

RGB = np.random.default_rng(0).uniform(0, 1, (20, 30, 3))
RGBA = np.dstack([RGB, RGB[..., :1]])
GREY = RGB[..., 0]
HOLED = np.where(np.arange(30) < 9, np.nan, GREY)

LAYERS = {
    "floats of 0 to 255": (RGB * 255, {"rgb": True}),
    "12 bits in 16": ((RGB * 4095).astype(np.uint16), {"rgb": True}),
    "8 bits, limited": ((RGB * 255).astype(np.uint8), {"rgb": True, "contrast_limits": (30, 200)}),
    "8 bits, gamma": ((RGB * 255).astype(np.uint8), {"rgb": True, "gamma": 2.0}),
    "signed": ((RGB * 4095 - 2000).astype(np.int16), {"rgb": True}),
    "holes in colour": (np.dstack([HOLED] * 3), {"rgb": True}),
    "alpha of 8 bits": ((RGBA * 255).astype(np.uint8), {"rgb": True, "contrast_limits": (9, 99)}),
    "alpha of 16 bits": ((RGBA * 65535).astype(np.uint16), {"rgb": True}),
    "alpha beside floats": (RGBA * (255, 255, 255, 1), {"rgb": True}),
    "holes in grey": (HOLED, {}),
    "colormap and gamma": (GREY, {"colormap": "viridis", "gamma": 0.5}),
    "far from zero": (2**30 + (GREY * 60).astype(np.int64), {}),
}


def on_black(pixels):
    colours = as_uint8(pixels).astype(float)
    return colours if pixels.shape[2] == 3 else colours[..., :3] * colours[..., 3:] / 255


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy(show=True)  # a window that is not shown draws nothing


@pytest.fixture
def canvas(viewer):
    """What napari draws of the visible layers, one pixel of the finest layer each."""
    return lambda: viewer.export_figure(flash=False)[..., :3].astype(float)


def test_the_picture_of_a_layer_is_what_the_canvas_draws(viewer, canvas):
    for name, (data, look) in LAYERS.items():
        viewer.layers.clear()
        layer = viewer.add_image(data, name=name, **look)
        taken = on_black(picture_of(layer, viewer.dims).pixels)
        np.testing.assert_allclose(canvas(), taken, atol=2, err_msg=name)


def test_a_result_shows_where_and_as_its_content_did(viewer, canvas, docked, engine, finished):
    """A result of one colour covers a content of that colour: nothing changes on the screen."""
    shade = 77  # of every fake result
    content = viewer.add_image(
        np.full((8, 10, 3), shade * 16, np.uint16),
        rgb=True,
        contrast_limits=(0, 255 * 16),
        scale=(-2, 3),
        rotate=30,
        shear=[0.4],
    )
    viewer.add_image((RGB * 255).astype(np.uint8), rgb=True, name="style").visible = False
    before = canvas()
    engine(3)
    docked.panel.run.click()
    finished(docked)
    content.visible = False
    assert docked.current.live.layer.visible
    np.testing.assert_allclose(canvas(), before, atol=1)
