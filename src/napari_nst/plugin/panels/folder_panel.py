"""The dock's section on folders: every content of a folder in every style of another."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, QTimer, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_nst.errors import ConfigError, NstError
from napari_nst.plugin.common.style import beside, form_layout, make_bar
from napari_nst.plugin.layers.records import read_file
from napari_nst.plugin.runs.folder_run import FolderFrame, FolderPlan, FolderRun
from napari_nst.runs.batch.pairs import INDEX_FILE, Pair
from napari_nst.runs.batch.plan import BatchPlan, BatchRequest
from napari_nst.runs.batch.run import PairResult
from napari_nst.runs.naming import counted
from napari_nst.runs.progress import duration_text
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.runs.session import Session

_FORMATS = {"PNG": ".png", "TIFF": ".tif", "JPEG": ".jpg", "WebP": ".webp"}
_BAR_STEPS = 1000
_LIST_PX = 130


class FolderPanel(QWidget):
    """Asks for three folders, runs every pair with the settings of the form, and lists results.

    Signals: `asked` with a function that starts the run on given weights.

    Parameters
    ----------
    viewer
        Gets the layers.
    form
        The settings of the runs.
    session
        Its runs wait meanwhile.
    """

    asked = Signal(object)

    def __init__(self, viewer: "Viewer", form: "SettingsForm", session: "Session") -> None:
        super().__init__()
        self._viewer = viewer
        self._form = form
        self._session = session
        self._run: FolderRun | None = None
        self._stopped = False
        self._folder = Path()
        self._rows: dict[Path, QListWidgetItem] = {}
        self._tally = _Tally()
        self.contents = _folder_line("Contents", "A folder of pictures to be painted")
        self.styles = _folder_line("Styles", "A folder of pictures that lend their manner")
        self.results = _folder_line(
            "Results", "Where the results go; one that does not exist is made"
        )
        self.format = QComboBox()
        self.format.addItems(list(_FORMATS))
        self.format.setToolTip("<p>The format of the results; their settings are stored in it.</p>")
        self.again = QCheckBox("Run finished ones again")
        self.again.setToolTip(
            "<p>Without this, results that were made with the same settings, pictures and weights "
            "stay as they are, so that a run that was stopped goes on where it was.</p>"
        )
        self.start = QPushButton("Run folder")
        self.start.setToolTip(
            "<p>Paint every content in every style, with the settings above, into files. "
            "One pair runs at a time; runs in the queue wait.</p>"
        )
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("<p>End it. Finished results stay; the current pair is left out.</p>")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.bar: QProgressBar = make_bar()
        self.bar.setMaximum(_BAR_STEPS)
        self.list = QListWidget()
        self.show_layers = QPushButton("Show as layers")
        self.show_layers.setToolTip("<p>Open the results that are selected in the list.</p>")
        self.sheet = QPushButton("Contact sheet")
        self.sheet.setToolTip("<p>Open the page that shows all results, in your browser.</p>")
        self._lay_out()
        self._connect()
        self._offer()

    @property
    def running(self) -> bool:
        """Whether a folder run waits or computes."""
        return self._run is not None

    def close_run(self) -> None:
        """End what runs, as when the viewer closes; finished results stay."""
        if self._run is not None:
            self._run.abandon()

    def _ask(self) -> None:
        """Say beside the button what is missing, else ask for a start."""
        try:
            self._request("auto")
        except NstError as error:
            self._say(in_words(error))
        else:
            self.asked.emit(self._start)

    def _start(self, weights: str) -> None:
        """Start, or raise NstError with what is missing."""
        if self._run is not None:
            return
        self.bar.setValue(0)
        run = FolderRun(self._request(weights), self._viewer, self._session)
        run.planned.connect(self._on_planned)
        run.stepped.connect(self._on_step)
        run.settled.connect(self._on_settled)
        run.ended.connect(self._on_ended)
        self._run = run
        busy = self._session.busy
        self._say("Starts when the current run has ended." if busy else "Looking at the pictures…")
        self._offer()
        run.start()

    def _request(self, weights: str) -> BatchRequest:
        folders = [_folder_of(line) for line in (self.contents, self.styles, self.results)]
        for folder, name in zip(folders, ("contents", "styles", "results"), strict=True):
            if folder is None:
                raise ConfigError(f"Choose a folder for the {name}.")
        contents, styles, results = (folder or Path() for folder in folders)
        return BatchRequest(
            contents=[contents],
            styles=[styles],
            folder=results,
            config=self._form.config(),
            suffix=_FORMATS[self.format.currentText()],
            weights=weights,
            device=self._session.device,
            overwrite=self.again.isChecked(),
        )

    def _stop(self) -> None:
        if self._run is not None:
            self._stopped = True
            self._say("Stopping…")
            self._run.stop()

    def _suggest(self) -> None:
        """Suggest a folder beside the contents', as the original script had it."""
        contents = _folder_of(self.contents)
        if contents is not None and _folder_of(self.results) is None:
            self.results.value = contents.parent / "generated"

    def _on_planned(self, planned: FolderPlan) -> None:
        plan = planned.plan
        self._folder = plan.request.folder
        self._rows.clear()
        self.list.clear()
        self._tally = _Tally()
        for pair in plan.pairs:
            row = QListWidgetItem(f"· {pair.output.name}")
            row.setToolTip(str(pair.output))
            self._rows[pair.output] = row
            self.list.addItem(row)
        self._say(_plan_text(plan, planned.seconds))
        self._offer()
        QTimer.singleShot(0, self._reveal)

    def _on_step(self, frame: FolderFrame) -> None:
        at = frame.step
        parts = [
            f"Pair {at.number} of {at.count}: {at.pair.output.stem}",
            f"step {at.step.iteration} of {at.step.total}",
        ]
        if at.left_s is not None:
            parts.append(f"{duration_text(at.left_s)} left of all")
        self._say(" · ".join(parts))
        self.bar.setValue(round(_BAR_STEPS * at.share))
        self._mark(at.pair)

    def _on_settled(self, result: PairResult) -> None:
        self._tally.count(result)
        row = self._rows[result.pair.output]
        spent = "" if result.seconds is None else f"  {duration_text(result.seconds)}"
        signs = {"done": "✓", "kept": "✓", "failed": "✗", "stopped": "·"}
        row.setText(f"{signs[result.state]} {result.pair.output.name}{spent}")
        row.setToolTip(result.reason or str(result.pair.output))
        if result.state in ("done", "kept"):
            row.setData(Qt.ItemDataRole.UserRole, str(result.pair.output))
        self._offer()

    def _on_ended(self, fault: str) -> None:
        self._run = None
        left = len(self._rows) - self._tally.ended
        if fault:
            self._say(fault)
        elif self._stopped:
            self._say(f"Stopped. {self._tally.text(left)} Run folder goes on from here.")
        else:
            self._say(self._tally.text(left))
        self._stopped = False
        self._offer()
        QTimer.singleShot(0, self._reveal)

    def _say(self, text: str) -> None:
        self.text.setText(text)
        self.text.setVisible(bool(text))

    def _reveal(self) -> None:
        """Scroll the dock to the state of the run."""
        area = self.parent()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parent()
        if area is not None and self.isVisible():
            area.ensureWidgetVisible(self.show_layers, 0, 0)

    def _mark(self, pair: Pair) -> None:
        row = self._rows[pair.output]
        if row.text().startswith("·"):
            row.setText(f"▸ {pair.output.name}")
            self.list.scrollToItem(row)

    def _show_selected(self) -> None:
        rows = self.list.selectedItems() or list(self._rows.values())
        paths = [path for row in rows if (path := row.data(Qt.ItemDataRole.UserRole))]
        for path in paths:
            try:
                ((pixels, arguments, _),) = read_file(path)
            except NstError as error:
                show_error(in_words(error))
            else:
                self._viewer.add_image(pixels, **arguments)

    def _open_sheet(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder / INDEX_FILE)))

    def _offer(self) -> None:
        """Enable what can be done now."""
        idle = self._run is None
        self.start.setVisible(idle)
        self.stop.setVisible(not idle)
        for line in (self.contents, self.styles, self.results):
            line.enabled = idle
        self.format.setEnabled(idle)
        self.again.setEnabled(idle)
        self.list.setVisible(bool(self._rows))
        self.bar.setVisible(not idle)
        has_results = self._tally.written > 0
        self.show_layers.setEnabled(has_results)
        self.sheet.setEnabled(idle and has_results)

    def _connect(self) -> None:
        slots: dict[QPushButton, Callable[[], None]] = {
            self.start: self._ask,
            self.stop: self._stop,
            self.show_layers: self._show_selected,
            self.sheet: self._open_sheet,
        }
        for button, slot in slots.items():
            button.clicked.connect(slot)
        self.list.itemDoubleClicked.connect(self._show_selected)
        self.contents.changed.connect(self._suggest)

    def _lay_out(self) -> None:
        self.list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.list.setMaximumHeight(_LIST_PX)
        self.list.setAccessibleName("results of the folder run")
        rows = form_layout()
        for line in (self.contents, self.styles, self.results):
            rows.addRow(line.label, line.native)
        rows.addRow("Format", self.format)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(rows)
        for widget in (self.again, self.start, self.stop, self.text, self.bar, self.list):
            column.addWidget(widget)
        column.addLayout(beside(self.show_layers, self.sheet))


@dataclass
class _Tally:
    """How the pairs of a folder run ended so far."""

    done: int = 0
    kept: int = 0
    failed: int = 0

    def count(self, result: PairResult) -> None:
        if result.state != "stopped":
            setattr(self, result.state, getattr(self, result.state) + 1)

    @property
    def written(self) -> int:
        return self.done + self.kept

    @property
    def ended(self) -> int:
        return self.written + self.failed

    def text(self, left: int) -> str:
        parts = [counted(self.done, "new result")]
        if self.kept:
            parts.append(f"{self.kept} of before kept")
        if self.failed:
            parts.append(f"{self.failed} failed (point at ✗ to read why)")
        if left:
            parts.append(f"{left} not run")
        return ", ".join(parts) + "."


def _plan_text(plan: BatchPlan, seconds: float) -> str:
    parts = [f"{len(plan.due)} of {len(plan.pairs)} pairs to run"]
    if plan.due:
        parts.append(f"about {duration_text(seconds)}")
    if plan.kept:
        parts.append(f"{len(plan.kept)} finished already")
    if replaced := plan.replaced:
        parts.append(f"replaces {counted(replaced, 'result')} of other settings or pictures")
    return " · ".join(parts)


def _folder_line(title: str, tip: str) -> FileEdit:
    line = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, label=title, tooltip=tip, nullable=True)
    line.choose_btn.text = "Browse…"
    line.native.setAccessibleName(f"{title.lower()} folder")
    return line


def _folder_of(line: FileEdit) -> Path | None:
    """Return the folder that a line names; None if it is empty."""
    text = str(line.line_edit.value or "").strip()
    return Path(os.path.expanduser(text)) if text else None  # Path's own raises for ~nobody
