"""The guard on a plain main window; on napari's own in test_studio."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMainWindow, QMessageBox, QVBoxLayout, QWidget

from napari_nst.errors import ImageError
from napari_nst.plugin import close_guard
from napari_nst.plugin.close_guard import Answer, CloseGuard, ask_user

pytestmark = pytest.mark.gui

RUN = SimpleNamespace(name="harbour × waves")


class FakeAutosave:
    def __init__(self):
        self.runs = [RUN]
        self.folder = None
        self.error = None

    def unsaved(self):
        return self.runs

    def save(self, runs, folder):
        if self.error:
            raise self.error
        self.folder = folder


@pytest.fixture
def window(qtbot):
    window = QMainWindow()
    centre = QWidget()
    layout = QVBoxLayout(centre)
    layout.addWidget(QWidget())
    window.setCentralWidget(centre)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.hide()


@pytest.fixture
def autosave():
    return FakeAutosave()


@pytest.fixture
def guard(window, autosave):
    guard = CloseGuard(autosave, enabled=lambda: True, folder=lambda: Path("results"))
    guard.watch(window)
    guard.ask = lambda *_: pytest.fail("nobody is to be asked")
    return guard


def answering(guard, answer):
    asked = []

    def ask(window, unsaved):
        asked.append(list(unsaved))
        return answer

    guard.ask = ask
    return asked


def test_cancel_keeps_the_window(window, guard, autosave):
    asked = answering(guard, Answer.CANCEL)
    assert not window.close()
    assert window.isVisible()
    assert asked == [[RUN]]
    assert autosave.folder is None


def test_discard_closes(window, guard, autosave):
    answering(guard, Answer.DISCARD)
    assert window.close()
    assert autosave.folder is None


def test_save_saves_and_closes(window, guard, autosave):
    answering(guard, Answer.SAVE)
    assert window.close()
    assert autosave.folder == Path("results")


def test_a_failing_save_keeps_the_window_and_says_why(window, guard, autosave, monkeypatch):
    told = []
    monkeypatch.setattr(QMessageBox, "warning", lambda *args: told.append(args[-1]))
    autosave.error = ImageError("the disk is full")
    answering(guard, Answer.SAVE)
    assert not window.close()
    assert told == ["the disk is full"]


def test_without_a_folder_one_is_asked_for(window, autosave, monkeypatch):
    chosen = ["", "pictures"]
    monkeypatch.setattr(close_guard.QFileDialog, "getExistingDirectory", lambda *_: chosen.pop(0))
    guard = CloseGuard(autosave, enabled=lambda: True, folder=lambda: None)
    guard.watch(window)
    answering(guard, Answer.SAVE)
    assert not window.close(), "no folder is no answer"
    assert window.close()
    assert autosave.folder == Path("pictures")


def test_saved_results_are_not_asked_about(window, guard, autosave):
    autosave.runs = []
    assert window.close()


def test_whoever_does_not_want_it_is_not_asked(window, autosave):
    guard = CloseGuard(autosave, enabled=lambda: False, folder=lambda: None)
    guard.watch(window)
    guard.ask = lambda *_: pytest.fail("nobody is to be asked")
    assert window.close()


def test_a_script_that_closes_the_canvas_first_is_not_asked(window, guard):
    window.centralWidget().layout().itemAt(0).widget().close()
    assert window.close()


def test_a_window_that_was_never_shown_is_not_asked_about(window, guard):
    window.hide()
    assert window.close()


def test_the_box_names_the_results(window):
    seen = []

    def press():
        box = QApplication.activeModalWidget()
        seen.append((box.text(), box.informativeText()))
        box.button(QMessageBox.StandardButton.Discard).click()

    QTimer.singleShot(100, press)
    assert ask_user(window, [RUN] * 8) is Answer.DISCARD
    text, names = seen[0]
    assert text.startswith("8 results are in no file yet.")
    assert names.count("harbour") == 6
    assert names.endswith("…")
