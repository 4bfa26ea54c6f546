"""The dock's section on comparing: one button in and out, one to blink."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_nst.errors import ImageError
from napari_nst.plugin.compare import Comparison, layers_to_compare
from napari_nst.plugin.grid_fit import fit_grid
from napari_nst.plugin.keys import key_text

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_HINT = "The selected pictures, or the content and its results, side by side."


class ComparePanel(QWidget):
    """Starts, blinks and ends a comparison of pictures in a viewer.

    Parameters
    ----------
    viewer
        Whose layers are compared.
    content
        Tells the picture that results are painted from.
    """

    def __init__(self, viewer: "Viewer", content: "Callable[[], Layer | None]") -> None:
        super().__init__()
        self.comparison = Comparison(viewer)
        self._viewer = viewer
        self._content = content
        self.compare = QPushButton()
        self.compare.setToolTip(
            "<p>Puts pictures into napari's grid with their names on and one camera for all, and "
            f"hides the rest. Once more brings everything back. {key_text('compare')}</p>"
        )
        self.blink = QPushButton("Blink")
        self.blink.setToolTip(
            "<p>Shows two results in turn in one place: the selected two, else the last two. "
            f"{key_text('blink')}</p>"
        )
        self.grid = QPushButton("Grid")
        self.grid.setToolTip("<p>Goes back from blinking to the grid.</p>")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self._lay_out()
        self.compare.clicked.connect(self.toggle)
        self.blink.clicked.connect(self.flip)
        self.grid.clicked.connect(self.comparison.tile)
        self.comparison.changed.connect(self._show)
        self._show()

    def toggle(self) -> None:
        """Compare, or leave."""
        if self.comparison.active:
            self.comparison.leave()
        else:
            self.enter(layers_to_compare(self._viewer, self._content()))

    def enter(self, layers: "list[Layer]", *, ordered: bool = False, columns: int = -1) -> None:
        """Compare these layers as `Comparison.enter` does, or say why not."""
        try:
            self.comparison.enter(layers, ordered=ordered, columns=columns)
        except ImageError as error:
            self.text.setText(str(error))

    def flip(self) -> None:
        """Show the other one of two results; compares first if need be."""
        if not self.comparison.active:
            self.toggle()
        self.comparison.blink()
        if self.comparison.shown is not None:
            self.text.setText(f"Shown: {self.comparison.shown.name}")

    def refresh(self) -> None:
        """Offer to compare while there are two pictures to compare."""
        found = layers_to_compare(self._viewer, self._content())
        offered = self.comparison.active or len(found) > 1
        self.compare.setEnabled(offered)
        self.blink.setEnabled(offered)

    def _show(self) -> None:
        active, shown = self.comparison.active, self.comparison.shown
        self.compare.setText("Leave" if active else "Compare")
        self.grid.setEnabled(shown is not None)
        if self._tiled:
            fit_grid(self._viewer, lambda: self._tiled)
        self.refresh()
        self.text.setText(f"Shown: {shown.name}" if shown is not None else _HINT)

    @property
    def _tiled(self) -> bool:
        return self.comparison.active and self.comparison.shown is None

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.compare, self.blink, self.grid):
            buttons.addWidget(button, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self.text)
