"""A line in the dock that says what was moved for a run, with a button that takes it back."""

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

if TYPE_CHECKING:
    from napari_nst.plugin.layers.staging import Staging


class StagingNote(QWidget):
    """Hidden while nothing is moved or hidden.

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
