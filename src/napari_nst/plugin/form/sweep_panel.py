"""The dock's section on sweeps: through settings or through pictures, and their grid."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QPushButton, QVBoxLayout, QWidget

from napari_nst.plugin.common.style import form_layout
from napari_nst.plugin.form.sweep_form import SweepForm
from napari_nst.plugin.form.sweep_pictures import PicturesForm


class SweepPanel(QWidget):
    """Shows one of two forms, and a button for the grid of the runs they made.

    Signals: `grid_asked` when the last sweep is to be seen.

    Parameters
    ----------
    settings, pictures
        The forms.
    """

    grid_asked = Signal()

    def __init__(self, settings: SweepForm, pictures: PicturesForm) -> None:
        super().__init__()
        self.settings = settings
        self.pictures = pictures
        self.kind = QComboBox()
        self.kind.addItems(["Settings", "Pictures"])
        self.kind.setToolTip(
            "<p>What differs from run to run: one or two settings, or contents and styles.</p>"
        )
        self.grid = QPushButton("Show the last sweep as a grid")
        self.grid.setToolTip(
            "<p>Its results in rows and columns, as they were queued, with their names on. "
            "Leave under Compare brings everything back.</p>"
        )
        self.grid.setEnabled(False)
        self._lay_out()
        self.kind.currentIndexChanged.connect(self._turn)
        self.grid.clicked.connect(self.grid_asked)

    def _turn(self) -> None:
        self.settings.setVisible(self.kind.currentIndex() == 0)
        self.pictures.setVisible(self.kind.currentIndex() == 1)

    def _lay_out(self) -> None:
        rows = form_layout()
        rows.addRow("Sweep", self.kind)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)
        for widget in (self.settings, self.pictures, self.grid):
            column.addWidget(widget)
        self.pictures.hide()
