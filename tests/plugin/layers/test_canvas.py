"""What the canvas shows as a content, drawn by a real napari."""

import numpy as np
import pytest
from napari.layers import Image

from napari_nst.errors import ImageError
from napari_nst.plugin.form.layer_pickers import BARE_HINT
from napari_nst.plugin.layers.canvas import CANVAS, canvas_picture, canvas_size
from napari_nst.plugin.layers.visible_picture import PAINTED

pytestmark = pytest.mark.gui

CHANNELS = np.random.default_rng(0).integers(0, 256, (3, 24, 36), dtype=np.uint8)
LOOK = {"blending": "additive", "contrast_limits": (0, 255), "scale": (10, 10)}


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy(show=True)


@pytest.fixture
def style(viewer):
    """Three additive channels below a style that hides them."""
    for name, channel in zip(("red", "green", "blue"), CHANNELS, strict=True):
        viewer.add_image(channel, name=name, colormap=name, translate=(300, 70), **LOOK)
    return viewer.add_image(np.full((50, 60, 3), 99, np.uint8), name="style", scale=(10, 10))


def state_of(viewer):
    camera, canvas = viewer.scene.camera, viewer.canvas
    overlays = [*canvas.overlays.values(), *viewer.scene.overlays.values()]
    return (
        *(camera.center, camera.zoom, camera.orientation2d, canvas.grid.enabled),
        *(layer.visible for layer in viewer.layers),
        *(overlay.visible for overlay in overlays),
    )


def test_additive_channels_are_blended_and_the_style_does_not_hide_them(viewer, style):
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.canvas.grid.enabled = True
    viewer.add_image(np.zeros((9, 9, 3), np.uint8), name="result", metadata={PAINTED: True})
    viewer.scene.camera.zoom = 0.7
    before = state_of(viewer)
    taken = canvas_picture(viewer, style)
    np.testing.assert_array_equal(taken.pixels, np.moveaxis(CHANNELS, 0, -1))
    assert state_of(viewer) == before
    assert canvas_size(viewer, style) == (24, 36)


def test_its_result_lies_over_the_channels(viewer, style):
    channel = viewer.layers["red"]
    taken = canvas_picture(viewer, style)
    result = Image(np.zeros((48, 72, 3)), **taken.placement.arguments((48, 72)))
    for ours, theirs in (((-0.5, -0.5), (-0.5, -0.5)), ((47.5, 71.5), (23.5, 35.5))):
        np.testing.assert_allclose(result.data_to_world(ours), channel.data_to_world(theirs))


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
def test_the_slice_that_is_seen_is_drawn_however_it_is_rolled(viewer, order):
    stack = np.random.default_rng(1).integers(0, 256, (20, 24, 28), dtype=np.uint8)
    layer = viewer.add_image(stack, contrast_limits=(0, 255), scale=(2, 1, 1))
    viewer.dims.order = order
    viewer.dims.set_point(order[0], 6)
    taken = canvas_picture(viewer, None)
    result = viewer.add_image(
        taken.placement.expand(taken.pixels),
        rgb=True,
        **taken.placement.arguments(taken.pixels.shape[:2]),
    )
    with_result = viewer.export_figure(flash=False)
    result.visible = False
    np.testing.assert_allclose(with_result.astype(int), viewer.export_figure(flash=False), atol=1)
    assert layer.visible


def test_a_layer_turned_and_sheared_is_drawn_within_its_frame(viewer):
    viewer.add_image(np.full((40, 60, 3), 200, np.uint8), rotate=30, shear=[0.3], scale=(-1, 1))
    pixels = canvas_picture(viewer, None).pixels
    drawn = np.argwhere(pixels[..., 0] > 100)
    assert tuple(drawn.min(0)) <= (1, 1)
    assert tuple(drawn.max(0)) >= tuple(np.array(pixels.shape[:2]) - 2)


def test_where_nothing_is_drawn_a_sentence_says_so(viewer, style, docked):
    pickers = docked.form.pickers
    pickers.content.value, pickers.style.value = CANVAS, style
    assert pickers.problem() == ""
    for name in ("red", "green", "blue"):
        viewer.layers[name].visible = False
    assert pickers.problem() == BARE_HINT
    with pytest.raises(ImageError, match="Make a layer visible"):
        canvas_picture(viewer, style)


def test_a_run_takes_the_canvas_for_its_content(viewer, style, docked, engine, finished):
    engine(3)
    pickers = docked.form.pickers
    pickers.content.value, pickers.style.value = CANVAS, style
    docked.panel.run.click()
    finished(docked)
    request = docked.current.plan.request
    np.testing.assert_array_equal(request.content, np.moveaxis(CHANNELS, 0, -1))
    again = pickers.content_picture()
    np.testing.assert_array_equal(again.pixels, request.content)
    assert docked.current.name.startswith("canvas × style")
