import numpy as np
import pytest

from napari_nst.plugin import sample_data

pytestmark = pytest.mark.gui


def test_the_ready_pair_opens_as_content_and_style(docked, viewer):
    viewer.open_sample("napari-nst", "sample-pair")
    content, style = sample_data.PAIR
    assert docked.form.pickers.content.value.name == content
    assert docked.form.pickers.style.value.name == style
    assert docked.panel.run.isEnabled()


def test_the_ready_pair_stands_side_by_side_but_takes_no_view_that_is_in_use(viewer):
    first, second = viewer.open_sample("napari-nst", "sample-pair")
    grid = viewer.canvas.grid
    places = [grid.position(viewer.layers.index(at), viewer.layers) for at in (first, second)]
    assert places == [(0, 0), (0, 1)]
    grid.enabled = False
    viewer.open_sample("napari-nst", "sample-pair")
    assert not grid.enabled


@pytest.mark.parametrize(
    "key", ["content-astronaut", "content-cat", "content-coffee", "content-rocket"]
)
def test_a_photograph_opens_from_the_menu(viewer, key):
    (layer,) = viewer.open_sample("napari-nst", key)
    assert layer.rgb
    assert layer.data.dtype == np.uint8
    assert layer.name == key.removeprefix("content-")
