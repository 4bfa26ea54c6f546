"""The notice at the top of the dock about runs that were cut off."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QToolButton

from napari_nst.files.unfinished import KEPT_DAYS, Unfinished
from napari_nst.plugin.common.style import primary
from napari_nst.plugin.panels.run_list import pixmap

if TYPE_CHECKING:
    from napari_nst.plugin.runs.unfinished import UnfinishedRuns

_SIDE_PX = 64
_TIPS = {
    "Resume": "Open the pictures of this run and go on at the step it had come to; the result is "
    "that of a run which was never interrupted.",
    "Discard": "Delete what is kept of this run; it can be undone for a minute.",
    "Undo discard": "Bring back the run that was discarded last.",
    "Show folder": "Show the folder of this file.",
}
_LATER = (
    f"Hide this until the dock is opened in a new window. The runs are kept for {KEPT_DAYS} days."
)


class UnfinishedNote(QFrame):
    """Tells of the newest unfinished run, with buttons to go on or to discard it; else hidden.

    Parameters
    ----------
    runs
        What it tells of.
    """

    def __init__(self, runs: "UnfinishedRuns") -> None:
        super().__init__()
        self._runs = runs
        self.picture = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.later = QToolButton()
        self.later.setText("✕")
        self.later.setAutoRaise(True)
        self.later.setAccessibleName("Later")
        self.later.setToolTip(f"<p>{_LATER}</p>")
        self.later.clicked.connect(runs.dismiss)
        self.resume, self.discard, self.undo, self.folder = map(_button, _TIPS)
        primary(self.resume)
        self.resume.clicked.connect(runs.resume)
        self.discard.clicked.connect(runs.discard)
        self.undo.clicked.connect(runs.undo)
        self.folder.clicked.connect(self._show_folder)
        self._lay_out()
        runs.changed.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.setContentsMargins(5, 0, 0, 0)  # as napari's style indents labels
        for button in (self.resume, self.discard, self.undo, self.folder):
            buttons.addWidget(button)
        buttons.addStretch(1)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 4)
        grid.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        grid.addWidget(self.picture, 0, 0, 2, 1, top)
        grid.addWidget(self.text, 0, 1)
        grid.addWidget(self.later, 0, 2, top)
        grid.addLayout(buttons, 1, 1, 1, 2)

    def _show(self) -> None:
        runs = self._runs
        newest = runs.found[0] if runs.found else None
        can_go_on = newest is not None and newest.checkpoint is not None
        preview = None if newest is None else newest.preview
        if preview is not None:
            self.picture.setPixmap(pixmap(preview, _SIDE_PX))
        self.picture.setVisible(preview is not None)
        self.text.setText(_told(newest, len(runs.found), is_reading=runs.is_reading))
        for button in (self.resume, self.discard):
            button.setVisible(can_go_on)
        for each in (self.resume, self.discard, self.undo, self.later):
            each.setEnabled(not runs.is_reading)
        self.undo.setVisible(bool(runs.discarded))
        self.folder.setVisible(newest is not None and not can_go_on)
        self.setVisible(newest is not None or bool(runs.discarded))

    def _show_folder(self) -> None:
        if self._runs.found:
            folder = self._runs.found[0].path.parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def when_text(then: datetime, now: datetime) -> str:
    """Return a time as people say it: "today 18:02", "yesterday 18:02", "3 May 2026 18:02"."""
    days = {now.date(): "today", now.date() - timedelta(days=1): "yesterday"}
    day = days.get(then.date(), f"{then.day} {then:%B %Y}")
    return f"{day} {then:%H:%M}"


def _told(newest: Unfinished | None, count: int, *, is_reading: bool) -> str:
    if newest is None:
        return "The run was discarded."
    said = _sentence(newest)
    if is_reading:
        return f"{said} Reading it…"
    parts = [said, newest.problem if newest.checkpoint is not None else ""]
    if count > 1:
        parts.append(
            "One more is unfinished." if count == 2 else f"{count - 1} more are unfinished."
        )
    return "\n".join(filter(None, parts))


def _sentence(run: Unfinished) -> str:
    if run.checkpoint is None:
        return f"An unfinished run cannot go on: {run.problem}"
    when = when_text(datetime.fromtimestamp(run.written_at), datetime.now())
    return (
        f"A run of {when} was not finished: {_pair(run.checkpoint.note)}"
        f"step {run.checkpoint.record.steps_done} of {run.checkpoint.total}."
    )


def _pair(note: dict[str, object]) -> str:
    """Return "photo in the manner of starry, "; empty for a file of another program's."""
    pictures = note.get("pictures")
    if not isinstance(pictures, dict) or not {"content", "style"} <= set(pictures):
        return ""
    styles = [each["name"] for role, each in pictures.items() if role not in ("content", "init")]
    return f"{pictures['content']['name']} in the manner of {' and '.join(styles)}, "


def _button(title: str) -> QPushButton:
    button = QPushButton(title)
    button.setToolTip(f"<p>{_TIPS[title]}</p>")
    return button
