"""Lines in the dock that come and go: how to begin, and what was moved for a run."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_nst.plugin.common.style import primary

if TYPE_CHECKING:
    from napari_nst.plugin.layers.staging import Staging

_TEXT = (
    "<b>Paint one picture like another</b><br/>"
    "1. Drop two pictures on napari: the content, then the style.<br/>"
    "2. Press Preview for a sketch in seconds, then Run.<br/>"
    "3. Tick Steer to change a run while it paints."
)


class Welcome(QFrame):
    """Tells how to begin; the dock hides it once there are pictures.

    Signals: `pair_asked` when the ready pair is wanted.
    """

    pair_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel(_TEXT)
        self.text.setWordWrap(True)
        self.button = QPushButton("Open the ready pair")
        self.button.setToolTip(
            "<p>Open a photograph and a painted style, to try it out; nothing is downloaded.</p>"
        )
        primary(self.button)
        self.button.clicked.connect(self.pair_asked)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.addWidget(self.text)
        column.addWidget(self.button)


class StagingNote(QWidget):
    """Says what was moved or hidden for a run, with a button that takes it back; else hidden.

    Parameters
    ----------
    staging
        What it tells of.
    """

    def __init__(self, staging: "Staging") -> None:
        super().__init__()
        self._staging = staging
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.button = QPushButton("Put back")
        self.button.setToolTip(
            "<p>Bring the style back to where it was; later runs leave it there.</p>"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, stretch=1)
        row.addWidget(self.button)
        self.button.clicked.connect(staging.put_back)
        staging.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        self.text.setText(self._staging.text)
        self.setVisible(bool(self._staging.text))
