"""What a newcomer sees: what to do first, and a button that does it."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout

from napari_nst.plugin.common.style import primary

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
