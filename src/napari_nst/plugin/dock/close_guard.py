"""Asks before the viewer's window closes over a run, or results in no file with their settings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from weakref import ReferenceType, ref

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QMainWindow, QMessageBox, QWidget

from napari_nst.errors import ImageError
from napari_nst.plugin.runs.autosave import Autosave, Stake
from napari_nst.plugin.runs.viewer_run import ViewerRun

_MOST_NAMES = 6


class CloseChoice(Enum):
    """What is to become of unsaved results, and of the picture of a run that goes on."""

    SAVE = "save"
    DISCARD = "discard"
    LATER = "later"
    CANCEL = "cancel"


class CloseGuard(QObject):
    """Watches a main window; a person who closes it is asked, a script is not.

    `QApplication.quit()` closes windows as a window manager does; only the application's event
    before it tells them apart.

    Parameters
    ----------
    autosave
        Knows what is unsaved, and saves it.
    enabled
        Whether to ask at all, as the preferences say.
    folder
        Where to save without asking for a folder; None asks.
    """

    def __init__(
        self,
        autosave: Autosave,
        *,
        enabled: Callable[[], bool],
        folder: Callable[[], Path | None],
    ) -> None:
        super().__init__()
        self._autosave = autosave
        self._enabled = enabled
        self._folder = folder
        self._window: ReferenceType[QMainWindow] | None = None
        self._quitting = False
        self.ask: Callable[[QWidget, Stake], CloseChoice] = ask_user

    def watch(self, window: QMainWindow) -> None:
        """Start watching; a window is watched once, and not kept alive."""
        if self._window is None:
            self._window = ref(window)
            # Of the application, which alone is told of its end; it sees the window's events too.
            if (app := QApplication.instance()) is not None:
                app.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold a close event back where the user wants to stay."""
        if event is not None and event.type() == QEvent.Type.Quit:
            self._quitting = True  # until the windows have been closed, or one has refused
            QTimer.singleShot(0, self._end_quitting)
        window = None if self._window is None else self._window()
        closes = event is not None and event.type() == QEvent.Type.Close
        if window is None or event is None or not closes or watched is not window:
            return False
        if self._quitting or not self._enabled() or not _is_a_persons(window, event):
            return False
        stake = self._autosave.at_stake()
        if not stake or self._settled(window, stake):
            return False
        event.ignore()
        return True

    def _end_quitting(self) -> None:
        self._quitting = False

    def _settled(self, window: QWidget, stake: Stake) -> bool:
        """Ask, and save if so wished; whether the window may close, which ends all runs.

        Runs that are to go on later keep their checkpoints, and the rest is asked about.
        """
        answer = self.ask(window, stake)
        if answer is CloseChoice.LATER:
            rest = replace(stake, running=stake.ending)
            return not rest or self._settled(window, rest)
        if answer is CloseChoice.CANCEL or (
            answer is CloseChoice.SAVE and not self._saved(window, stake)
        ):
            return False
        for run in stake.running:
            run.finish_file()
        return True

    def _saved(self, window: QWidget, stake: Stake) -> bool:
        """Save what can be; whether that was done."""
        folder = self._folder() or _chosen_folder(window)
        if folder is None:
            return False
        try:
            self._autosave.save(stake.savable, folder)
        except ImageError as error:
            QMessageBox.warning(window, "Not saved", str(error))
            return False
        return True


def ask_user(window: QWidget, stake: Stake) -> CloseChoice:
    """Ask in a box what is to become of unsaved results and of runs that go on."""
    buttons = QMessageBox.StandardButton
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Question)
    goes_on = bool(stake.running or stake.waiting)
    box.setWindowTitle("A run goes on" if goes_on else "Unsaved results")
    box.setText(_question(stake))
    box.setInformativeText(_details(stake))
    keep = buttons.Save if stake.savable else buttons.NoButton
    box.setStandardButtons(keep | buttons.Discard | buttons.Cancel)
    later = None
    if len(stake.ending) < len(stake.running):
        later = box.addButton("Resume later", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(buttons.Save if stake.savable else buttons.Cancel)
    if goes_on:
        discard = "Stop and discard" if stake.savable else "Stop and close"
        for which, text in ((buttons.Save, "Stop and save"), (buttons.Discard, discard)):
            if (button := box.button(which)) is not None:
                button.setText(text)
    box.exec()
    clicked = box.clickedButton()
    if later is not None and clicked is later:
        return CloseChoice.LATER
    answers = {buttons.Save: CloseChoice.SAVE, buttons.Discard: CloseChoice.DISCARD}
    return answers.get(box.standardButton(clicked), CloseChoice.CANCEL)


def _question(stake: Stake) -> str:
    parts = [f"“{run.name}” is not finished." for run in stake.running]
    if stake.waiting:
        parts.append(_count(stake.waiting, "more run waits.", "more runs wait."))
    if stake.unsaved:
        also = " also" if parts else ""
        one = f"result is{also} not saved yet (with its settings)."
        parts.append(
            _count(stake.unsaved, one, f"results are{also} not saved yet (with their settings).")
        )
    return " ".join([*parts, "Save before closing?" if stake.savable else "Close all the same?"])


def _details(stake: Stake) -> str:
    forming = [run.text for run in stake.running]
    if any(run in stake.savable for run in stake.running):
        forming.append("Stop and save keeps the picture as it is now, with its settings.")
    if len(stake.ending) < len(stake.running):
        forming.append(
            "Resume later closes napari; the dock offers to go on when it is open again."
        )
    return "\n".join([*forming, *_names(stake.unsaved)])


def _names(runs: Sequence[ViewerRun]) -> list[str]:
    names = [run.name for run in runs]
    return [*names[:_MOST_NAMES], *(["…"] if len(names) > _MOST_NAMES else [])]


def _count(runs: Sequence[ViewerRun], one: str, more: str) -> str:
    return f"One {one}" if len(runs) == 1 else f"{len(runs)} {more}"


def _is_a_persons(window: QMainWindow, event: QEvent) -> bool:
    """Return whether a person closes the window, by its button or by napari's menu.

    `viewer.close()` of a script closes the canvas before the window, and a window that was
    never shown has nobody before it.
    """
    centre = window.centralWidget()
    if not window.isVisible() or centre is None:
        return False
    parts = centre.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return event.spontaneous() or any(not part.isHidden() for part in parts)


def _chosen_folder(window: QWidget) -> Path | None:
    chosen = QFileDialog.getExistingDirectory(window, "Save the results in")
    return Path(chosen) if chosen else None
