"""Fitting napari's view to a grid whose cells are not there yet.

napari 0.9 makes the cells of a new grid 10 px wide, learns their true size when it draws, and sets
the camera right at the drawing after that, which nothing asks for: until then pictures are shown up
to thirty times too near. So drawings are asked for, and the view is fitted until it stays so.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_nst.plugin.layers.extents import fit_visible

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LOOK_MS = 100
_CALM_LOOKS = 3
_MOST_LOOKS = 30
_NUDGE = 1e-7  # of the zoom: nothing to the eye, and napari draws again


def fit_grid(viewer: "ViewerModel", wanted: Callable[[], bool] = lambda: True) -> None:
    """Fit the view to the visible layers, until napari has drawn the grid and the view stays.

    Parameters
    ----------
    viewer
        Whose camera is set.
    wanted
        Whether to go on; asked before each further fit. It ends with the grid as well.
    """
    looks = calm = 0
    fit_visible(viewer)
    zoom = viewer.scene.camera.zoom

    def look() -> None:
        nonlocal looks, calm, zoom
        if not (wanted() and viewer.canvas.grid.enabled and viewer.layers):
            return
        looks += 1
        calm = calm + 1 if math.isclose(viewer.scene.camera.zoom, zoom, rel_tol=1e-3) else 0
        if calm == 0:
            fit_visible(viewer)
            zoom = viewer.scene.camera.zoom
        viewer.scene.camera.zoom = zoom * (1 + looks * _NUDGE)
        if calm < _CALM_LOOKS and looks < _MOST_LOOKS:
            QTimer.singleShot(_LOOK_MS, look)

    QTimer.singleShot(_LOOK_MS, look)
