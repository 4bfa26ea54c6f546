"""One run in the list: thumbnail, name, state, loss, time and what differs."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget
from superqt import QElidingLabel

from napari_nst.files.depth import as_uint8
from napari_nst.files.user_presets import differences
from napari_nst.plugin.common.style import NAME_MARGIN_PX
from napari_nst.plugin.panels.run_panel import STATE_COLOURS
from napari_nst.runs.progress import RunState, duration_text, loss_text
from napari_nst.settings.text import settings_text

if TYPE_CHECKING:
    from napari_nst.plugin.runs.viewer_run import Run
    from napari_nst.settings.config import StyleConfig

THUMBNAIL_PX = 40
ROW_PX = 56


class RunRow(QWidget):
    """Shows one run, which it does not keep; `refresh` when the run has changed.

    Parameters
    ----------
    run
        The run.
    """

    def __init__(self, run: "Run") -> None:
        super().__init__()
        self.thumbnail = QLabel()
        self.thumbnail.setFixedSize(THUMBNAIL_PX, THUMBNAIL_PX)
        self.thumbnail.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.name = QElidingLabel(run.name)
        self.name.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.status = QLabel()
        self.settings = QElidingLabel()
        self.settings.setStyleSheet("font-size: 11px;")
        self.settings.ensurePolished()  # else it is cut to the width of larger letters
        for label in (self.name, self.settings):
            label.setEllipsesWidth(NAME_MARGIN_PX)
        self._drawn: int | None = None
        self._config: StyleConfig | None = None
        self._lay_out()
        self.refresh(run)

    def refresh(self, run: "Run") -> None:
        """Show how the run is doing now."""
        self.name.setText(run.name)
        colour = STATE_COLOURS[run.state]
        self.status.setText(
            f'<span style="color:{colour}">●</span> {" · ".join([run.state.value, *facts(run)])}'
        )
        if (config := run.config) != self._config:
            self._config = config
            described = settings_text(differences(config, run.plan.preset))
            self.settings.setText(described or "as the preset")
        self.setToolTip(f"<p><b>{run.name}</b><br/>{run.text}<br/>{self.settings.text()}</p>")
        picture = run.picture
        if picture is not None and picture.ctypes.data != self._drawn:
            self._drawn = picture.ctypes.data
            self.thumbnail.setPixmap(pixmap(as_uint8(small(picture))))

    def sizeHint(self) -> QSize:
        """Ask for a row of one height, whatever its width."""
        return QSize(100, ROW_PX)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 2, 4, 2)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(0)
        grid.addWidget(self.thumbnail, 0, 0, 3, 1)
        for row, label in enumerate((self.name, self.status, self.settings)):
            grid.addWidget(label, row, 1)
        grid.setColumnStretch(1, 1)


def facts(run: "Run") -> list[str]:
    """Say step, loss and time of a run in short, as far as they are known."""
    if run.state is RunState.WAITING:
        return [run.text.rstrip(".").lower()]
    if not run.points:
        return [] if run.record is None else [f"{run.record.steps_done} steps"]
    last = run.points[-1]
    on = run.state in (RunState.RUNNING, RunState.PAUSED, RunState.STOPPING)
    seconds = last.seconds if run.result is None else run.result.seconds
    progress = f"step {last.iteration}" if on else duration_text(seconds)
    return [progress, loss_text(last.loss)]


def small(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Take every n-th pixel, so that the longest side is near the thumbnail's, never below."""
    stride = max(1, max(picture.shape[:2]) // (2 * THUMBNAIL_PX))
    return picture[::stride, ::stride]


def pixmap(picture: npt.NDArray[np.uint8]) -> QPixmap:
    """Make a thumbnail of a picture, shape (H, W, 3) or (H, W, 4)."""
    pixels = np.ascontiguousarray(picture)
    height, width, channels = pixels.shape
    form = QImage.Format.Format_RGBA8888 if channels == 4 else QImage.Format.Format_RGB888
    image = QImage(pixels.tobytes(), width, height, width * channels, form)
    return QPixmap.fromImage(image).scaled(
        THUMBNAIL_PX,
        THUMBNAIL_PX,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
