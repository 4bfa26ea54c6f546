"""Results side by side in napari's grid, or blinking in one place; all comes back after. No Qt.

napari's grid has one cell for each visible layer and one camera for all cells, so comparing
is a matter of what is visible. What was there before (grid, camera, visibility, names) is
kept for the way back, and forgotten for layers that go meanwhile.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_nst.errors import ImageError
from napari_nst.plugin.pictures import is_painted, is_single
from napari_nst.plugin.viewer_state import Look, View, reorder

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event

MOST = 9
"""Cells that are filled unasked: more draw slowly and show little."""

_SPACING = 0.02
_FONT_SIZE = 7  # points: names of results are long, and cells narrow


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
        chosen = [layer for layer in self._viewer.layers if layer in wanted]
        if len(chosen) < 2:
            raise ImageError(
                f"comparing takes two pictures, and there {_are(len(chosen))}. Run once, or "
                "select two image layers."
            )
        self.leave()
        self._before = View.of(self._viewer)
        self._looks = {layer: Look.of(layer) for layer in self._viewer.layers}
        self._columns = columns
        if ordered:
            chosen = [layer for layer in wanted if layer in chosen]
            reorder(self._viewer, [*self._others(chosen), *chosen])
        self._chosen = chosen
        for layer in chosen:
            layer.name_overlay.font_size = _FONT_SIZE
            layer.name_overlay.visible = True
        self._tile()
        self._viewer.layers.events.removed.connect(self._on_removed)
        self._viewer.layers.events.inserted.connect(self._on_inserted)
        self._viewer.canvas.grid.events.enabled.connect(self._on_grid)

    def blink(self) -> None:
        """Show one of two layers alone, at the next call the other, in the same place.

        The two are the selected ones where two of the compared are selected, else the last
        two results.
        """
        if not self.active:
            return
        begins = self._shown is None
        if begins:
            self._pair = self._two()
        first, second = self._pair
        # Told before the grid goes: from this, `_on_grid` knows that it was not the user.
        self._shown = second if self._shown == first else first
        self._show([self._shown])
        self._viewer.canvas.grid.enabled = False
        if begins:
            self._viewer.reset_view()
            self.changed.emit()

    def tile(self) -> None:
        """Go back from blinking to the grid."""
        if self._shown is not None:
            self._tile()

    def leave(self) -> None:
        """Bring back what was there before; safe to repeat."""
        before, self._before = self._before, None
        if before is None:
            return
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.canvas.grid.events.enabled.disconnect(self._on_grid)
        before.restore_order(self._viewer)
        before.restore_grid(self._viewer)
        for layer, look in self._looks.items():
            look.restore(layer)
        before.restore_camera(self._viewer)
        self._looks, self._chosen, self._pair, self._shown = {}, [], [], None
        self.changed.emit()

    def _tile(self) -> None:
        self._shown = None
        self._show(self._chosen)
        grid = self._viewer.canvas.grid
        grid.shape, grid.stride, grid.spacing = (-1, self._columns), 1, _SPACING
        grid.enabled = True
        self._viewer.reset_view()
        self.changed.emit()

    def _show(self, layers: "list[Layer]") -> None:
        for layer in self._viewer.layers:
            layer.visible = layer in layers

    def _others(self, chosen: "list[Layer]") -> "list[Layer]":
        return [layer for layer in self._viewer.layers if layer not in chosen]

    def _two(self) -> "list[Layer]":
        selected = [layer for layer in self._chosen if layer in self._viewer.layers.selection]
        if len(selected) == 2:
            return selected
        results = [layer for layer in self._chosen if is_painted(layer)]
        return (results if len(results) > 1 else self._chosen)[-2:]

    def _on_removed(self, event: "Event[Any]") -> None:
        layer: Layer = event.value
        self._looks.pop(layer, None)
        self._chosen = [each for each in self._chosen if each != layer]
        if len(self._chosen) < 2:
            self.leave()
        elif layer in self._pair:
            self.tile()

    def _on_inserted(self, event: "Event[Any]") -> None:
        self._looks[event.value] = Look.of(event.value)

    def _on_grid(self) -> None:
        """Follow the user's own switching of the grid: off leaves, on ends the blinking."""
        if not self._viewer.canvas.grid.enabled and self._shown is None:
            self.leave()
        elif self._viewer.canvas.grid.enabled:
            self.tile()


def layers_to_compare(viewer: "ViewerModel", content: "Layer | None") -> "list[Layer]":
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
    """
    from napari.layers import Image

    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    selected = [layer for layer in images if layer in viewer.layers.selection]
    if len(selected) > 1:
        return selected
    results = [layer for layer in images if is_painted(layer) and is_single(layer)]
    kept = results[-(MOST - 1) :]
    return [layer for layer in images if layer == content or layer in kept]


def _are(count: int) -> str:
    return "is one" if count == 1 else "are none"
