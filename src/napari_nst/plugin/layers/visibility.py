"""Tells when layers are shown or hidden, also those that are added later. No Qt here."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


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
