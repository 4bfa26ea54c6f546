"""Asks before the viewer's window closes over results that are in no file yet."""

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from weakref import ReferenceType, ref

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QWidget

from napari_nst.errors import ImageError
from napari_nst.plugin.autosave import Autosave
from napari_nst.plugin.run import Run

_MOST_NAMES = 6


class Answer(Enum):
    """What is to become of unsaved results."""

    SAVE = "save"
    DISCARD = "discard"
    CANCEL = "cancel"


class CloseGuard(QObject):
    """Watches a main window; a person who closes it is asked, a script is not.

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
        self.ask: Callable[[QWidget, Sequence[Run]], Answer] = ask_user

    def watch(self, window: QMainWindow) -> None:
        """Start watching; a window is watched once, and not kept alive."""
        if self._window is None:
            self._window = ref(window)
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold a close event back where the user wants to stay."""
        window = None if self._window is None else self._window()
        closes = event is not None and event.type() == QEvent.Type.Close
        if window is None or event is None or not closes or watched is not window:
            return False
        if not self._enabled() or not _is_a_persons(window, event):
            return False
        unsaved = self._autosave.unsaved()
        if not unsaved or self._settled(window, unsaved):
            return False
        event.ignore()
        return True

    def _settled(self, window: QWidget, unsaved: Sequence[Run]) -> bool:
        """Ask, and save if so wished; whether the window may close."""
        answer = self.ask(window, unsaved)
        if answer is not Answer.SAVE:
            return answer is Answer.DISCARD
        folder = self._folder() or _chosen_folder(window)
        if folder is None:
            return False
        try:
            self._autosave.save(unsaved, folder)
        except ImageError as error:
            QMessageBox.warning(window, "Not saved", str(error))
            return False
        return True


def ask_user(window: QWidget, unsaved: Sequence[Run]) -> Answer:
    """Ask in a box what is to become of unsaved results."""
    count = "One result is" if len(unsaved) == 1 else f"{len(unsaved)} results are"
    names = [run.name for run in unsaved[:_MOST_NAMES]]
    more = ["…"] if len(unsaved) > _MOST_NAMES else []
    buttons = QMessageBox.StandardButton
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Unsaved results")
    box.setText(f"{count} in no file yet. Save before closing?")
    box.setInformativeText("\n".join([*names, *more]))
    box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
    box.setDefaultButton(buttons.Save)
    answers = {buttons.Save: Answer.SAVE, buttons.Discard: Answer.DISCARD}
    return answers.get(buttons(box.exec()), Answer.CANCEL)


def _is_a_persons(window: QMainWindow, event: QEvent) -> bool:
    """Whether a person closes the window, by its button or by napari's menu.

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
