"""Fitting napari's view to a grid whose cells are not there yet.

napari 0.9 makes the cells of a new grid 10 px wide, works the camera out by them, and learns their
true size when it next draws; what was fitted meanwhile can come out thirty times too near. So the
view is fitted until it stays so.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LOOK_MS = 100
_CALM_LOOKS = 3
_MOST_LOOKS = 30


def fit_grid(viewer: "ViewerModel", wanted: Callable[[], bool] = lambda: True) -> None:
    """Fit the view now, and again until napari has drawn the grid and the view stays.

    Parameters
    ----------
    viewer
        Whose camera is set.
    wanted
        Whether to go on; asked before each further fit. It ends with the grid as well.
    """
    looks = calm = 0
    viewer.reset_view()
    zoom = viewer.scene.camera.zoom

    def look() -> None:
        nonlocal looks, calm, zoom
        if not (wanted() and viewer.canvas.grid.enabled and viewer.layers):
            return
        looks += 1
        calm = calm + 1 if math.isclose(viewer.scene.camera.zoom, zoom, rel_tol=1e-3) else 0
        if calm == 0:
            viewer.reset_view()
            zoom = viewer.scene.camera.zoom
        if calm < _CALM_LOOKS and looks < _MOST_LOOKS:
            QTimer.singleShot(_LOOK_MS, look)

    QTimer.singleShot(_LOOK_MS, look)
