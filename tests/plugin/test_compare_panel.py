import numpy as np
import pytest
from napari.components import ViewerModel

from napari_nst.plugin.compare_panel import ComparePanel
from napari_nst.record import METADATA_KEY

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    for name in ("content", "one", "two"):
        metadata = {} if name == "content" else {METADATA_KEY: {}}
        viewer.add_image(np.zeros((8, 10, 3), np.uint8), name=name, rgb=True, metadata=metadata)
    viewer.layers.selection.clear()
    return viewer


@pytest.fixture
def panel(viewer, qtbot):
    content = viewer.layers["content"]
    panel = ComparePanel(viewer, lambda: content)
    qtbot.addWidget(panel)
    return panel


def test_one_button_goes_in_and_out(viewer, panel):
    panel.compare.click()
    assert viewer.canvas.grid.enabled
    assert panel.compare.text() == "Leave"
    panel.compare.click()
    assert not viewer.canvas.grid.enabled
    assert panel.compare.text() == "Compare"


def test_blinking_names_what_is_shown_and_the_grid_comes_back(viewer, panel):
    panel.blink.click()
    assert panel.text.text() == "Shown: one"
    panel.blink.click()
    assert panel.text.text() == "Shown: two"
    panel.grid.click()
    assert viewer.canvas.grid.enabled
    assert not panel.grid.isEnabled()


def test_with_nothing_to_compare_it_says_what_to_do(viewer, panel):
    viewer.layers.clear()
    panel.compare.click()
    assert "there are none" in panel.text.text()
    assert panel.compare.text() == "Compare"


def test_the_button_follows_when_the_layers_go(viewer, panel):
    panel.compare.click()
    viewer.layers.clear()
    assert panel.compare.text() == "Compare"
