import numpy as np
import pytest
from napari.components import ViewerModel

from napari_nst.plugin.panels.compare_panel import BLINK_MS, ComparePanel
from napari_nst.settings.record import METADATA_KEY

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


def test_it_blinks_by_itself_names_what_is_shown_and_stops(viewer, panel, qtbot):
    before = [layer.visible for layer in viewer.layers]
    panel.blink.click()
    assert panel.blink.text() == "Stop blinking"
    names = []
    for _ in range(3):
        names.append(panel.text.text())
        (shown,) = [layer for layer in viewer.layers if layer.visible]
        assert names[-1] == f"Shown: {shown.name}"
        qtbot.waitUntil(lambda: panel.text.text() != names[-1])
    assert names == ["Shown: two", "Shown: content", "Shown: two"]
    panel.blink.click()
    assert panel.blink.text() == "Blink"
    assert [layer.visible for layer in viewer.layers] == before
    qtbot.wait(2 * BLINK_MS)
    assert [layer.visible for layer in viewer.layers] == before


def test_a_blink_out_of_the_grid_stops_in_the_grid(viewer, panel):
    panel.compare.click()
    panel.blink.click()
    assert not viewer.canvas.grid.enabled
    panel.blink.click()
    assert viewer.canvas.grid.enabled
    panel.compare.click()
    assert not viewer.canvas.grid.enabled


def test_with_nothing_to_compare_it_says_what_to_do(viewer, panel):
    viewer.layers.clear()
    panel.compare.click()
    assert "there are none" in panel.text.text()
    assert panel.compare.text() == "Compare"


def test_the_button_follows_when_the_layers_go(viewer, panel):
    panel.compare.click()
    viewer.layers.clear()
    assert panel.compare.text() == "Compare"


def test_it_says_how_many_results_are_left_out(viewer, panel):
    for _ in range(9):
        viewer.add_image(np.zeros((8, 10, 3), np.uint8), rgb=True, metadata={METADATA_KEY: {}})
    viewer.layers.selection.clear()
    panel.compare.click()
    assert sum(layer.visible for layer in viewer.layers) == 9
    assert "3 older ones are left out" in panel.text.text()


def test_a_blinking_picture_is_called_by_its_name_and_not_by_its_caption(viewer, panel):
    viewer.layers["two"].name = "harbour × waves · seed 2"
    viewer.canvas.size = (300, 90)
    panel.blink.click()
    assert viewer.layers[-1].name.count("\n") == 1
    assert panel.text.text() == "Shown: harbour × waves · seed 2"
