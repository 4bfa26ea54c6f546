"""Results side by side in napari's grid, or blinking in one place; all comes back after.

napari's grid has one cell for each visible layer and one camera for all cells, so comparing
is a matter of what is visible and where: pictures of other sizes or places are laid over
the first one meanwhile. What was there before (grid, camera, visibility, names, places) is kept
for the way back; a layer that goes meanwhile gets its own back as it goes.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_nst.errors import ImageError
from napari_nst.plugin.layers.captions import put_caption, take_caption_off
from napari_nst.plugin.layers.extents import (
    fit,
    fit_visible,
    move_onto,
    overlap,
    rectangle_of,
    seen,
    union,
)
from napari_nst.plugin.layers.viewer_state import Look, View, reorder
from napari_nst.plugin.layers.visible_picture import is_painted, is_single

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from napari.utils.events import Event

MOST = 9
"""Cells that are filled unasked: more draw slowly and show little."""

_SPACING = 0.02
_SMALL = 0.1  # of the view's area
_FONT_SIZES = (5.0, 9.0)  # points; smaller ones cannot be read
_MARGINS_PX = 24  # left and right of a name
_LETTER = 0.97  # px a letter takes for each point, as measured on names of results


class Comparison:
    """Shows chosen layers in the grid, or two of them in turn, until it is left.

    Signals: `changed` when it was entered, left, or goes between grid and blinking.

    Parameters
    ----------
    viewer
        Whose layers are compared.
    """

    changed = Signal()

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._before: View | None = None
        self._looks: dict[Layer, Look] = {}
        self._chosen: list[Layer] = []
        self._columns = -1  # napari's own choice
        self._pair: list[Layer] = []
        self._shown: Layer | None = None

    @property
    def active(self) -> bool:
        """Whether something is being compared."""
        return self._before is not None

    @property
    def shown(self) -> "Layer | None":
        """The layer that a blink shows alone; None in the grid."""
        return self._shown

    def enter(self, layers: "Iterable[Layer]", *, ordered: bool = False, columns: int = -1) -> None:
        """Put `layers` in the grid, with their names on, and hide the others.

        Parameters
        ----------
        layers
            What to compare.
        ordered
            Whether cells follow the order of `layers`, rather than that of the layer list: the
            list, which is what napari's grid goes by, is put in that order until the end.
        columns
            Of the grid; -1 lets napari choose.

        Raises
        ------
        ImageError
            If fewer than two of them are in the viewer; then nothing changes.
        """
        wanted = list(layers)
        chosen = self._present(wanted)
        self.leave()
        self._begin()
        self._columns = columns
        if ordered:
            chosen = [layer for layer in wanted if layer in chosen]
            reorder(self._viewer, [*self._others(chosen), *chosen])
        self._chosen = chosen
        self._lay_over(chosen)
        for layer in chosen:
            layer.name_overlay.visible = True
        self._tile()

    def blink(self, layers: "Iterable[Layer]") -> None:
        """Show the second of two layers alone, in the place of the first; `flip` alternates.

        Raises
        ------
        ImageError
            If they are not both in the viewer; then nothing changes.
        """
        pair = self._present(layers)[-2:]
        from_grid = self.active and self._shown is None
        if not self.active:
            self._begin()
        self._pair = pair
        self._lay_over([*self._chosen[:1], *pair])
        for layer in pair:
            layer.name_overlay.visible = True
        self._show_alone(pair[1])
        self._viewer.canvas.grid.enabled = False
        self._write_names()
        self._enlarge(pair, always=from_grid)
        self.changed.emit()

    def flip(self) -> None:
        """Show the other one of the two that blink."""
        if self._shown is not None:
            first, second = self._pair
            self._show_alone(second if self._shown == first else first)

    def stop(self) -> None:
        """End the blinking: go back to the grid that it came from, else to what was there."""
        if self._shown is None:
            return
        if len(self._chosen) > 1:
            self._tile()
        else:
            self.leave()

    def leave(self) -> None:
        """Bring back what was there before; safe to repeat."""
        before, self._before = self._before, None
        if before is None:
            return
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.canvas.grid.events.enabled.disconnect(self._on_grid)
        self._viewer.canvas.events.size.disconnect(self._write_names)
        before.restore_order(self._viewer)
        before.restore_grid(self._viewer)
        for layer, look in self._looks.items():
            take_caption_off(layer)
            look.restore(layer)
        before.restore_camera(self._viewer)
        self._looks, self._chosen, self._pair, self._shown = {}, [], [], None
        self.changed.emit()

    def _begin(self) -> None:
        self._before = View.of(self._viewer)
        self._looks = {layer: Look.of(layer) for layer in self._viewer.layers}
        self._viewer.layers.events.removed.connect(self._on_removed)
        self._viewer.layers.events.inserted.connect(self._on_inserted)
        self._viewer.canvas.grid.events.enabled.connect(self._on_grid)
        self._viewer.canvas.events.size.connect(self._write_names)

    def _present(self, layers: "Iterable[Layer]") -> "list[Layer]":
        """Return those of some layers that the viewer has, in its order; two at least."""
        wanted = list(layers)
        found = [layer for layer in self._viewer.layers if layer in wanted]
        if len(found) < 2:
            raise ImageError(
                f"comparing takes two pictures, and there {_are(len(found))}. Run once, or "
                "select two image layers."
            )
        return found

    def _lay_over(self, layers: "Sequence[Layer]") -> None:
        """Let all cover what the first covers: one camera shows them in all cells."""
        dims = self._viewer.dims
        if dims.ndisplay != 2:
            return
        goal = rectangle_of(layers[0], dims)
        for layer in layers[1:]:
            if (affine := move_onto(layer, goal, dims)) is not None:
                layer.affine = affine

    def _enlarge(self, layers: "list[Layer]", *, always: bool) -> None:
        """Fit the view to layers that are small in it; a detail that fills it is kept."""
        dims = self._viewer.dims
        if dims.ndisplay != 2:
            return
        view, wanted = seen(self._viewer), union(rectangle_of(layer, dims) for layer in layers)
        if always or overlap(view, wanted) < _SMALL * float(np.prod(view[1] - view[0])):
            fit(self._viewer, wanted)

    def _tile(self) -> None:
        self._shown = None
        self._show(self._chosen)
        grid = self._viewer.canvas.grid
        grid.stride, grid.spacing = 1, _SPACING
        grid.shape = (-1, self._columns)
        grid.enabled = True
        self._write_names()
        fit_visible(self._viewer)
        self.changed.emit()

    def _write_names(self) -> None:
        """Write names as large as there is room for the longest, over lines where it is little."""
        layers = self._chosen if self._shown is None else self._pair
        width = self._viewer.canvas.viewbox_size(self._viewer.layers)[1] - _MARGINS_PX
        least, most = _FONT_SIZES
        for layer in self._others(layers):
            take_caption_off(layer)
        for layer in layers:
            put_caption(layer, int(width / (least * _LETTER)))
        longest = max(len(line) for layer in layers for line in layer.name.split("\n"))
        size = min(most, max(least, width / (max(1, longest) * _LETTER)))
        for layer in layers:
            layer.name_overlay.font_size = size

    def _show_alone(self, layer: "Layer") -> None:
        # Told before the grid goes: from this, `_on_grid` knows that it was not the user.
        self._shown = layer
        self._show([layer])

    def _show(self, layers: "list[Layer]") -> None:
        for layer in self._viewer.layers:
            layer.visible = layer in layers

    def _others(self, chosen: "list[Layer]") -> "list[Layer]":
        return [layer for layer in self._viewer.layers if layer not in chosen]

    def _on_removed(self, event: "Event[Any]") -> None:
        layer: Layer = event.value
        take_caption_off(layer)
        if (look := self._looks.pop(layer, None)) is not None:
            look.restore(layer)  # whoever adds it again finds it as it was
        self._chosen = [each for each in self._chosen if each != layer]
        if layer in self._pair and self._shown is not None:
            self.stop()
        elif self._shown is None and len(self._chosen) < 2:
            self.leave()
        elif self._shown is None:
            self.changed.emit()

    def _on_inserted(self, event: "Event[Any]") -> None:
        layer: Layer = event.value
        self._looks[layer] = Look.of(layer)
        if self._shown is not None:
            layer.visible = False

    def _on_grid(self) -> None:
        """Follow the user's own switching of the grid: off leaves, on ends the blinking."""
        if not self._viewer.canvas.grid.enabled and self._shown is None:
            self.leave()
        elif self._viewer.canvas.grid.enabled and self._shown is not None:
            self.stop()


def layers_to_blink(viewer: "ViewerModel", content: "Layer | None") -> "list[Layer]":
    """Choose what blinks: the selected pictures if they are two, else content and newest result.

    Without a content that is a layer, these are the two newest results.
    """
    selected = [layer for layer in _images(viewer) if layer in viewer.layers.selection]
    if len(selected) == 2:
        return selected
    results = [layer for layer in _images(viewer) if is_painted(layer) and is_single(layer)]
    if content is None or content in results:
        return results[-2:]
    return [layer for layer in _images(viewer) if layer == content or layer in results[-1:]]


def layers_to_compare(viewer: "ViewerModel", content: "Layer | None") -> "tuple[list[Layer], int]":
    """Choose what to compare: the selected pictures if two or more, else content and results.

    Parameters
    ----------
    viewer
        Whose layers are looked at.
    content
        The picture that the results were painted from.

    Returns
    -------
    list of Layer
        In the order of the layer list; of many results the last ones.
    int
        How many older results are left out.
    """
    images = _images(viewer)
    selected = [layer for layer in images if layer in viewer.layers.selection]
    if len(selected) > 1:
        return selected, 0
    results = [layer for layer in images if is_painted(layer) and is_single(layer)]
    kept = results[-(MOST - 1) :]
    shown = [layer for layer in images if layer == content or layer in kept]
    return shown, len(results) - len(kept)


def _images(viewer: "ViewerModel") -> "list[Image]":
    from napari.layers import Image

    return [layer for layer in viewer.layers if isinstance(layer, Image)]


def _are(count: int) -> str:
    return "is one" if count == 1 else "are none"
