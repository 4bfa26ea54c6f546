"""How a viewer looks: kept for the way back from a comparison, and watched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.viewer import Viewer

_GRID = ("enabled", "shape", "stride", "spacing")
_CAMERA = ("center", "zoom", "angles")


@dataclass(frozen=True, eq=False)
class Look:
    """How a layer looks, and where it is."""

    visible: bool
    named: bool
    font_size: float
    affine: npt.NDArray[np.float64]

    @classmethod
    def of(cls, layer: "Layer") -> Self:
        """Read it."""
        name = layer.name_overlay
        affine = np.array(layer.affine.affine_matrix)
        return cls(layer.visible, name.visible, name.font_size, affine)

    def restore(self, layer: "Layer") -> None:
        """Make the layer look so again."""
        layer.visible = self.visible
        layer.name_overlay.visible = self.named
        layer.name_overlay.font_size = self.font_size
        if not np.array_equal(layer.affine.affine_matrix, self.affine):
            layer.affine = self.affine


@dataclass(frozen=True)
class View:
    """How the canvas is set, and the layers' order."""

    grid: dict[str, Any]
    camera: dict[str, Any]
    order: "tuple[Layer, ...]"

    @classmethod
    def of(cls, viewer: "ViewerModel") -> Self:
        """Read it."""
        grid, camera = viewer.canvas.grid, viewer.scene.camera
        return cls(
            {name: getattr(grid, name) for name in _GRID},
            {name: getattr(camera, name) for name in _CAMERA},
            tuple(viewer.layers),
        )

    def restore_grid(self, viewer: "ViewerModel") -> None:
        """Bring the grid back."""
        for name, value in self.grid.items():
            setattr(viewer.canvas.grid, name, value)

    def restore_order(self, viewer: "ViewerModel") -> None:
        """Bring the layers' order back."""
        reorder(viewer, self.order)

    def restore_camera(self, viewer: "ViewerModel") -> None:
        """Bring the camera back."""
        for name, value in self.camera.items():
            setattr(viewer.scene.camera, name, value)


def reorder(viewer: "ViewerModel", order: "Sequence[Layer]") -> None:
    """Put layers in this order, where they still are; those that came since stay on top."""
    present = [layer for layer in order if layer in viewer.layers]
    for place, layer in enumerate(present):
        if (index := viewer.layers.index(layer)) != place:
            viewer.layers.move(index, place)


class VisibilityWatch:
    """Calls back when any of a viewer's layers is shown or hidden.

    Parameters
    ----------
    viewer
        Its layers are watched.
    changed
        Called without arguments.
    """

    def __init__(self, viewer: "Viewer", changed: Callable[[], None]) -> None:
        self._layers = viewer.layers
        self._changed = changed
        self._layers.events.inserted.connect(self._on_inserted)
        self._layers.events.removed.connect(self._on_removed)
        for layer in self._layers:
            self._follow(layer)

    def close(self) -> None:
        """End watching."""
        self._layers.events.inserted.disconnect(self._on_inserted)
        self._layers.events.removed.disconnect(self._on_removed)
        for layer in self._layers:
            layer.events.visible.disconnect(self._on_visible)

    def _follow(self, layer: "Layer") -> None:
        layer.events.visible.connect(self._on_visible)

    def _on_inserted(self, event: Any) -> None:  # noqa: ANN401 - napari's event
        self._follow(event.value)

    def _on_removed(self, event: Any) -> None:  # noqa: ANN401 - napari's event
        event.value.events.visible.disconnect(self._on_visible)

    def _on_visible(self, _: object = None) -> None:
        self._changed()
