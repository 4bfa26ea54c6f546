"""How much of its colours a finished picture gets: a slider that shows it at once."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QSlider, QVBoxLayout, QWidget

from napari_nst.errors import NstError
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari_nst.plugin.runs.viewer_run import ViewerRun

_PERCENT = 100
_SLIDER_PX = 260
_DELAY_MS = 60
"""Between a move of the slider and the picture: moves meanwhile count as one."""


class StrengthDialog(QDialog):
    """Changes the colour strength of runs while the slider moves; Cancel takes it back.

    Parameters
    ----------
    runs
        That have ended.
    parent
        It stands over this.
    """

    def __init__(self, runs: "list[ViewerRun]", parent: QWidget) -> None:
        super().__init__(parent)
        self._runs = runs
        self._looks = [(run, look) for run in runs if (look := run.look) is not None]
        self.setWindowTitle("Colour strength")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _PERCENT)
        self.slider.setMinimumWidth(_SLIDER_PX)
        self.slider.setAccessibleName("Colour strength in percent")
        self.slider.setValue(round(_PERCENT * runs[-1].config.color_strength))
        self.text = QLabel()
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        column = QVBoxLayout(self)
        for widget in (self.text, self.slider, self.buttons):
            column.addWidget(widget)
        self._tell()
        self.slider.valueChanged.connect(self._tell)
        self.slider.valueChanged.connect(self._timer.start)
        self._timer.timeout.connect(self._apply)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def accept(self) -> None:
        """Keep what the slider says."""
        if self._timer.isActive():
            self._apply()
        super().accept()

    def reject(self) -> None:
        """Take everything back."""
        self._timer.stop()
        for run, look in self._looks:
            run.restore(look)
        super().reject()

    def _tell(self) -> None:
        self.text.setText(f"{self.slider.value()} %: 0 is as painted, 100 is all")

    def _apply(self) -> None:
        self._timer.stop()
        try:
            for run in self._runs:
                run.recolor(run.config.colors, self.slider.value() / _PERCENT)
        except NstError as error:
            self.text.setText(in_words(error))
