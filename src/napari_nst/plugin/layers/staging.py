"""Where content and style are during a run: both in view, neither over the other.

A result forms over its content, so a style that was dropped there would hide what it began as. Such
a style is moved beside the content. One that somebody has placed (scale, position, rotation, a
stack) may be registered to others: it is hidden instead. Either can be taken back, by `put_back` or
by hand, and then the next run leaves that layer alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_nst.plugin.layers.canvas import drawn_images
from napari_nst.plugin.layers.extents import (
    Rectangle,
    bring_into_view,
    fit,
    overlap,
    rectangle_of,
    seen,
    union,
)
from napari_nst.plugin.layers.slicing import unit_factors

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

_GAP = 0.04
"""Between the pictures, as a share of the content's width."""

_DETAIL = 1 / 3
"""Who sees less than this part of the content looks at a detail, and keeps the view."""

_MUCH_LARGER = 4
"""A style this many times as large as the content is not brought into view with it."""


@dataclass(frozen=True, eq=False)
class _Move:
    """Where a style was, and where it was put."""

    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]
    affine: npt.NDArray[np.float64]

    def holds(self, layer: "Layer") -> bool:
        """Return whether the layer is still where it was put; napari's own moves set the affine."""
        return np.array_equal(layer.translate, self.after) and np.array_equal(
            layer.affine.affine_matrix, self.affine
        )


class Staging:
    """Moves or hides styles that cover a content, and takes it back.

    Signals: `restoring` before styles are put back, `changed` when something was moved, hidden or
    taken back.

    Parameters
    ----------
    viewer
        Its layers are moved.
    """

    restoring = Signal()
    changed = Signal()

    def __init__(self, viewer: "Viewer") -> None:
        self._viewer = viewer
        self._moved: dict[Layer, _Move] = {}
        self._hidden: list[Layer] = []
        self._settled: list[Layer] = []
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def text(self) -> str:
        """What was done, in a sentence; empty if nothing was or all is taken back."""
        done = [*self._moved, *self._hidden]
        if not done:
            return ""
        if len(done) > 1:
            return f"{len(done)} styles no longer cover the content."
        word = "stands beside the content" if self._moved else "is hidden while you paint"
        return f"“{done[0].name}” {word}."

    def prepare(self, content: "Image | None", styles: "Sequence[Image]") -> None:
        """Bring the content into view, and let no style cover it.

        Parameters
        ----------
        content
            What is painted; None is all that the canvas shows.
        styles
            What it is painted like.
        """
        viewer = self._viewer
        if viewer.dims.ndisplay != 2 or viewer.canvas.grid.enabled:
            return  # the cells of a grid show each picture alone
        for style in styles:
            self._respect(style)
        if content is not None:
            content.visible = True
            self._hidden = [each for each in self._hidden if each != content]
        contents = [content] if content is not None else drawn_images(viewer, *styles)
        if not contents or any(style in contents for style in styles):
            return
        place = union(rectangle_of(layer, viewer.dims) for layer in contents)
        bring_into_view(viewer, place)
        for style in styles:
            if self._covers(style, place):
                part = overlap(seen(viewer), place) / float(np.prod(place[1] - place[0]))
                self._clear(style, place, fits=part > _DETAIL)

    def put_back(self) -> None:
        """Bring styles back to where they were, and leave them there at later runs.

        One that somebody has moved since stays where it is.
        """
        self.restoring.emit()
        moved, self._moved = self._moved, {}
        hidden, self._hidden = self._hidden, []
        for layer, move in moved.items():
            if move.holds(layer):
                layer.translate = move.before
        for layer in hidden:
            layer.visible = True
        self._settled += [*moved, *hidden]
        self.changed.emit()

    def close(self) -> None:
        """Watch the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _respect(self, style: "Image") -> None:
        """Leave a style alone from now on if somebody has shown or moved it since."""
        shown = style in self._hidden and style.visible
        moved = style in self._moved and not self._moved[style].holds(style)
        if shown or moved:
            self._forget(style)
            self._settled.append(style)
            self.changed.emit()

    def _forget(self, layer: "Layer") -> None:
        self._moved.pop(layer, None)
        self._hidden = [each for each in self._hidden if each != layer]

    def _covers(self, style: "Image", place: Rectangle) -> bool:
        if not style.visible or style in self._settled:
            return False
        return overlap(rectangle_of(style, self._viewer.dims), place) > 0

    def _clear(self, style: "Image", place: Rectangle, *, fits: bool) -> None:
        """Move the style out of a place, or hide it; show both if `fits`."""
        if style not in self._moved and not _is_as_opened(style):
            style.visible = False
            self._hidden.append(style)
            self.changed.emit()
            return
        viewer = self._viewer
        own = rectangle_of(style, viewer.dims)
        goal = self._free_place(style, own, place)
        step = np.zeros(style.ndim)
        axes = [axis - (viewer.dims.ndim - style.ndim) for axis in viewer.dims.displayed]
        step[axes] = (goal - own)[0] * unit_factors(style, viewer.dims)[axes]
        earlier = self._moved.get(style)
        before = np.array(style.translate) if earlier is None else earlier.before
        style.translate = np.asarray(style.translate) + step
        affine = np.array(style.affine.affine_matrix)
        self._moved[style] = _Move(before, np.array(style.translate), affine)
        sizes = [float((each[1] - each[0]).max()) for each in (own, place)]
        if fits and sizes[0] <= _MUCH_LARGER * sizes[1]:
            fit(viewer, union((place, goal)))
        self.changed.emit()

    def _free_place(self, style: "Image", own: Rectangle, place: Rectangle) -> Rectangle:
        """Return the nearest rectangle to the right of a place that covers no visible picture."""
        from napari.layers import Image

        gap = _GAP * (place[1] - place[0])[1]
        taken = [
            rectangle_of(layer, self._viewer.dims)
            for layer in self._viewer.layers
            if isinstance(layer, Image) and layer.visible and layer != style
        ]
        goal: Rectangle = own - own[0] + np.array([place[0, 0], place[1, 1] + gap])
        while hit := [each for each in taken if overlap(goal, each) > 0]:
            goal = goal + np.array([0, max(each[1, 1] for each in hit) + gap - goal[0, 1]])
        return goal

    def _on_removed(self, event: "Event[Any]") -> None:
        layer: Layer = event.value
        self._settled = [each for each in self._settled if each != layer]
        if layer in self._moved or layer in self._hidden:
            self._forget(layer)
            self.changed.emit()


def _is_as_opened(layer: "Image") -> bool:
    """Return whether a layer is where napari puts a flat picture that it opens."""
    size = layer.ndim
    own = layer.affine.affine_matrix
    return size == 2 and all(
        np.array_equal(found, plain)
        for found, plain in (
            (layer.scale, np.ones(size)),
            (layer.translate, np.zeros(size)),
            (layer.rotate, np.eye(size)),
            (layer.shear, np.zeros(size * (size - 1) // 2)),
            (own, np.eye(size + 1)),
        )
    )
