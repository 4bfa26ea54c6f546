"""The view stays fitted to a grid, whatever napari makes of the camera before it has drawn."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_nst.plugin.layers import grid_fit
from napari_nst.plugin.layers.grid_fit import fit_grid

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    for name in ("content", "style"):
        viewer.add_image(np.zeros((8, 10, 3), np.uint8), name=name, rgb=True)
    viewer.canvas.size = (400, 600)
    viewer.canvas.grid.enabled = True
    return viewer


def test_a_zoom_by_cells_not_yet_drawn_is_put_right(viewer, qtbot):
    fit_grid(viewer)
    fitted = viewer.scene.camera.zoom
    viewer.scene.camera.zoom = 29 * fitted
    qtbot.waitUntil(lambda: viewer.scene.camera.zoom == pytest.approx(fitted), timeout=5000)


def test_drawings_are_asked_for_until_the_cells_are_known(viewer, qtbot):
    asked = []
    fit_grid(viewer)
    viewer.scene.camera.events.zoom.connect(lambda: asked.append(1))
    qtbot.waitUntil(lambda: len(asked) >= 2, timeout=5000)


def test_once_it_stays_the_camera_is_the_users(viewer, qtbot):
    asked = []
    fit_grid(viewer)
    viewer.scene.camera.events.zoom.connect(lambda: asked.append(1))
    qtbot.waitUntil(lambda: len(asked) == grid_fit._CALM_LOOKS)
    viewer.scene.camera.zoom = 3.0
    qtbot.wait(300)
    assert viewer.scene.camera.zoom == 3.0


def test_it_ends_with_the_grid_and_with_the_wish(viewer, qtbot):
    wanted = True
    fit_grid(viewer, lambda: wanted)
    wanted = False
    viewer.scene.camera.zoom = 3.0
    qtbot.wait(300)
    assert viewer.scene.camera.zoom == 3.0
    fit_grid(viewer)
    viewer.canvas.grid.enabled = False
    viewer.scene.camera.zoom = 4.0
    qtbot.wait(300)
    assert viewer.scene.camera.zoom == 4.0
