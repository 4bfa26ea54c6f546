import numpy as np
import pytest

from napari_nst.plugin import sample_data
from napari_nst.plugin.layers.extents import overlap, rectangle_of, seen, union

pytestmark = pytest.mark.gui


def test_the_ready_pair_opens_as_content_and_style(docked, viewer):
    viewer.open_sample("napari-nst", "sample-pair")
    content, style = sample_data.PAIR
    assert docked.form.pickers.content.value.name == content
    assert docked.form.pickers.style.value.name == style
    assert docked.panel.run.isEnabled()


def test_the_ready_pair_stands_side_by_side_but_takes_no_view_that_is_in_use(viewer, qtbot):
    pair = viewer.open_sample("napari-nst", "sample-pair")
    qtbot.wait(1)  # the view is reset in the next turn of Qt's loop
    content, style = (rectangle_of(layer, viewer.dims) for layer in pair)
    assert overlap(content, style) == 0
    both = union([content, style])
    assert overlap(seen(viewer), both) == pytest.approx(np.prod(both[1] - both[0]))
    assert not viewer.canvas.grid.enabled
    viewer.scene.camera.zoom = 7
    viewer.open_sample("napari-nst", "sample-pair")
    qtbot.wait(1)
    assert viewer.scene.camera.zoom == 7


@pytest.mark.parametrize(
    "key", ["content-astronaut", "content-cat", "content-coffee", "content-rocket"]
)
def test_a_photograph_opens_from_the_menu(viewer, key):
    (layer,) = viewer.open_sample("napari-nst", key)
    assert layer.rgb
    assert layer.data.dtype == np.uint8
    assert layer.name == key.removeprefix("content-")
