"""The content beneath its result: the result fades, and what else covers the content goes.

What was changed comes back when the result is whole again, or when a layer comes or goes: the
camera too, unless somebody has moved it meanwhile.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_nst.plugin.layers.extents import (
    bring_layer_into_view,
    overlap,
    rectangle_of,
    same,
    union,
)
from napari_nst.plugin.layers.viewer_state import View
from napari_nst.plugin.layers.visible_picture import is_painted

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

_CANVAS_TOLERANCE = 0.02
"""A canvas that was painted is rounded up to whole pixels of its finest layer."""


class Reveal:
    """Fades the active result, or else the topmost one, over its content.

    Signals: `ended` when all is as it was before.

    Parameters
    ----------
    viewer
        Whose layers are shown.
    content
        Tells the content that is picked, which is taken where several lie beneath the result.
    """

    ended = Signal()

    def __init__(self, viewer: "ViewerModel", content: "Callable[[], Layer | None]") -> None:
        self._viewer = viewer
        self._content = content
        self._result: Image | None = None
        self._view: View | None = None
        self._camera: dict[str, Any] = {}
        self._before: dict[Layer, tuple[bool, float]] = {}

    @property
    def active(self) -> bool:
        """Whether something is faded now."""
        return self._result is not None

    @property
    def offered(self) -> bool:
        """Whether there is a result to fade, and its content to be seen beneath."""
        result = self._in_hand()
        return result is not None and self._has_content(result)

    @property
    def lacks_content(self) -> bool:
        """Whether there is a result, but no content beneath it."""
        result = self._in_hand()
        return result is not None and not self._has_content(result)

    def show(self, share: float) -> None:
        """Show a share of the result: 0 is the content alone, 1 the result as it was before.

        Without a content beneath it the result stays as it is.
        """
        if share >= 1:
            self.end()
            return
        if self._result is None and not self._begin():
            return
        assert self._result is not None
        self._result.opacity = share * self._before[self._result][1]

    def end(self) -> None:
        """Bring back what was there before; safe to repeat."""
        if self._result is None:
            return
        layers = self._viewer.layers
        layers.events.inserted.disconnect(self._on_list)
        layers.events.removed.disconnect(self._on_list)
        layers.selection.events.active.disconnect(self._on_active)
        for layer, (visible, opacity) in self._before.items():
            layer.visible, layer.opacity = visible, opacity
        assert self._view is not None
        untouched = View.of(self._viewer).camera == self._camera
        self._view.restore_grid(self._viewer)
        if untouched or self._view.grid["enabled"]:  # else somebody looks at a detail
            self._view.restore_camera(self._viewer)
        self._result, self._view, self._before, self._camera = None, None, {}, {}
        self.ended.emit()

    def _begin(self) -> bool:
        result = self._in_hand()
        if result is None or not self._has_content(result):
            return False
        content = self._beneath(result)
        shown = [layer for layer in (content, result) if layer is not None]
        hidden = self._covering(content, result)
        self._result = result
        self._before = {layer: (layer.visible, layer.opacity) for layer in [*shown, *hidden]}
        self._view = View.of(self._viewer)
        self._viewer.canvas.grid.enabled = False
        for layer in shown:
            layer.visible = True
        for layer in hidden:
            layer.visible = False
        bring_layer_into_view(self._viewer, result)
        self._camera = View.of(self._viewer).camera
        layers = self._viewer.layers
        layers.events.inserted.connect(self._on_list)
        layers.events.removed.connect(self._on_list)
        layers.selection.events.active.connect(self._on_active)
        return True

    def _in_hand(self) -> "Image | None":
        """Return the active layer if it is a result, else the topmost result."""
        active = self._viewer.layers.selection.active
        results = [layer for layer in self._images() if is_painted(layer)]
        return active if active in results else next(reversed(results), None)

    def _beneath(self, result: "Image") -> "Image | None":
        """Return the picture that a result covers exactly; the picked one before others."""
        dims = self._viewer.dims
        place = rectangle_of(result, dims)
        fitting = [
            layer
            for layer in self._images()
            if not is_painted(layer) and same(rectangle_of(layer, dims), place)
        ]
        picked = self._content()
        return picked if picked in fitting else next(iter(fitting), None)

    def _has_content(self, result: "Image") -> bool:
        """Return whether a content is beneath a result: one layer, or all that the canvas shows."""
        if self._beneath(result) is not None:
            return True
        dims = self._viewer.dims
        place = rectangle_of(result, dims)
        shown = [
            rectangle_of(layer, dims)
            for layer in self._images()
            if layer.visible and not is_painted(layer)
        ]
        touching = [each for each in shown if overlap(each, place) > 0]
        return bool(touching) and same(place, union(touching), tolerance=_CANVAS_TOLERANCE)

    def _covering(self, content: "Image | None", result: "Image") -> "list[Image]":
        """Return the visible images that hide the content; without one, the other results."""
        dims = self._viewer.dims
        place = rectangle_of(result, dims)
        images = self._images()
        above = [each for each in images if is_painted(each)]
        if content is not None:
            above = images[images.index(content) + 1 :]
        return [
            layer
            for layer in above
            if layer != result and layer.visible and overlap(rectangle_of(layer, dims), place) > 0
        ]

    def _images(self) -> "list[Image]":
        from napari.layers import Image

        return [layer for layer in self._viewer.layers if isinstance(layer, Image)]

    def _on_list(self, _: Any) -> None:  # noqa: ANN401 - napari's event
        self.end()

    def _on_active(self, _: Any) -> None:  # noqa: ANN401 - napari's event
        if self._in_hand() != self._result:
            self.end()
