"""A rectangle drawn over a style: the part of it that is the style."""

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.extents import look_at
from napari_nst.plugin.layers.slicing import plane_size, visible_cut
from napari_nst.plugin.layers.visible_picture import MARKS, Box, picture_size

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Shapes
    from napari.utils.events import Event
    from napari.viewer import Viewer

_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine")
_EDGE = "#56b4e9"


class Crops:
    """Makes and reads the rectangles, one layer of them for each style.

    A rectangle's coordinates are pixels of its style, and its layer follows when the style is
    moved. Of several rectangles in a layer the last one counts.

    Signals: `beginning` before a rectangle is drawn, `changed` when one was drawn, changed or
    removed.

    Parameters
    ----------
    viewer
        Gets the layers.
    """

    beginning = Signal()
    changed = Signal()

    def __init__(self, viewer: "Viewer") -> None:
        self._viewer = viewer
        self._layers: dict[Image, Shapes] = {}
        viewer.layers.events.removed.connect(self._on_removed)

    def draw(self, style: "Image") -> "Shapes":
        """Let the user draw a rectangle over a style, or change the one that is there.

        Raises
        ------
        ImageError
            If the style's slice cannot be seen.
        """
        visible_cut(style, self._viewer.dims)
        style.visible = True
        self.beginning.emit()
        style.visible = True
        look_at(self._viewer, style)
        crop = self._layers.get(style) or self._add(style)
        crop.visible = True
        self._viewer.layers.selection.active = crop
        crop.mode = "select" if self.box(style) else "add_rectangle"
        return crop

    def box(self, style: "Image") -> Box | None:
        """Return the part of a style that counts, in its pixels; None for the whole."""
        crop = self._layers.get(style)
        if crop is None or not len(crop.data):
            return None
        cut = visible_cut(style, self._viewer.dims)
        axes = [axis for axis, item in enumerate(cut.index) if isinstance(item, slice)]
        corners = np.asarray(crop.data[-1])[:, axes]
        # A pixel's centre is at its index, so pixel i covers [i - 1/2, i + 1/2].
        low, high = (np.rint(each + 0.5) for each in (corners.min(axis=0), corners.max(axis=0)))
        size = np.array(plane_size(style, cut.index))
        first, last = (np.clip(each, 0, size).astype(int) for each in (low, high))
        if np.any(last <= first) or np.array_equal(last - first, size):
            return None
        return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))

    def size(self, style: "Image") -> tuple[int, int]:
        """Return height and width of what counts; raises ImageError if it cannot be seen."""
        box = self.box(style)
        if box is None:
            return picture_size(style, self._viewer.dims)
        rows, columns = box
        return rows.stop - rows.start, columns.stop - columns.start

    def drop(self, style: "Image") -> None:
        """Remove a style's rectangle, so that the whole counts again."""
        if style in self._layers:
            self._viewer.layers.remove(self._layers[style])

    def close(self) -> None:
        """Watch the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _add(self, style: "Image") -> "Shapes":
        crop = self._viewer.add_shapes(
            name=f"Crop: {full_name(style)}",
            ndim=style.ndim,
            edge_color=_EDGE,
            face_color="transparent",
            edge_width=max(1, min(style.extent.data[1][-2:]) / 150),
            units=style.units,
            axis_labels=style.axis_labels,
            metadata={MARKS: "crop"},
            **{name: getattr(style, name) for name in _TRANSFORM},
        )
        self._layers[style] = crop
        crop.events.data.connect(self._on_data)
        for name in _TRANSFORM:
            getattr(style.events, name).connect(self._follow)
        return crop

    def _follow(self, event: "Event[Any]") -> None:
        """Move the rectangle with its style."""
        style: Image = event.source
        crop = self._layers.get(style)
        if crop is not None:
            for name in _TRANSFORM:
                setattr(crop, name, getattr(style, name))

    def _on_data(self, _: "Event[Any]") -> None:
        self.changed.emit()

    def _on_removed(self, event: "Event[Any]") -> None:
        gone: Layer = event.value
        for style, crop in list(self._layers.items()):
            if gone in (style, crop):
                del self._layers[style]
                for name in _TRANSFORM:
                    getattr(style.events, name).disconnect(self._follow)
                self.changed.emit()
