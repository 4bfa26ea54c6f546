"""The guard on a plain main window; on napari's own in test_dock_parts."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMainWindow, QMessageBox, QVBoxLayout, QWidget

from napari_nst.errors import ImageError
from napari_nst.plugin.dock import close_guard
from napari_nst.plugin.dock.close_guard import CloseChoice, CloseGuard, ask_user
from napari_nst.plugin.runs.autosave import Stake

pytestmark = pytest.mark.gui


def a_run(name, text, kept=("picture", "record"), *, goes_on_later=False):
    run = SimpleNamespace(name=name, text=text, kept=kept, goes_on_later=goes_on_later)
    run.finish_file = lambda: finished.append(run)
    return run


finished = []
"""The runs whose checkpoint is not needed any more."""

RUN = a_run("harbour × waves", "Finished: 5 steps.")
FORMING = a_run("cat × ink", "Step 12 of 300")
UNSEEN = a_run("cat × ink", "Loading the network", None)
LONG = a_run("dog × oil", "Step 3 of 5000", goes_on_later=True)


@pytest.fixture(autouse=True)
def nothing_finished():
    finished.clear()


class FakeAutosave:
    def __init__(self):
        self.stake = Stake((RUN,))
        self.folder = None
        self.error = None

    def at_stake(self):
        return self.stake

    def save(self, runs, folder):
        if self.error:
            raise self.error
        self.folder, self.saved = folder, runs


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

    def ask(window, stake):
        asked.append(stake)
        return answer

    guard.ask = ask
    return asked


def test_cancel_keeps_the_window(window, guard, autosave):
    asked = answering(guard, CloseChoice.CANCEL)
    assert not window.close()
    assert window.isVisible()
    assert asked == [Stake((RUN,))]
    assert autosave.folder is None


def test_discard_closes(window, guard, autosave):
    asked = answering(guard, CloseChoice.DISCARD)
    assert window.close()
    assert len(asked) == 1
    assert autosave.folder is None


def test_save_saves_and_closes(window, guard, autosave):
    answering(guard, CloseChoice.SAVE)
    assert window.close()
    assert autosave.folder == Path("results")
    assert autosave.saved == (RUN,)


def test_the_picture_of_a_run_that_goes_on_is_saved_too(window, guard, autosave):
    autosave.stake = Stake((RUN,), (FORMING,), (UNSEEN,))
    answering(guard, CloseChoice.SAVE)
    assert window.close()
    assert autosave.saved == (RUN, FORMING)


@pytest.mark.parametrize("answer", [CloseChoice.SAVE, CloseChoice.DISCARD])
def test_who_saves_or_discards_needs_no_checkpoint(window, guard, autosave, answer):
    autosave.stake = Stake((RUN,), (LONG,))
    answering(guard, answer)
    assert window.close()
    assert finished == [LONG]


@pytest.mark.parametrize("answer", [CloseChoice.CANCEL, CloseChoice.LATER])
def test_a_run_that_goes_on_keeps_its_checkpoint(window, guard, autosave, answer):
    autosave.stake = Stake((), (LONG,))
    answering(guard, answer)
    assert window.close() is (answer is CloseChoice.LATER)
    assert finished == []


def test_what_else_is_at_stake_is_asked_about_when_a_run_goes_on_later(window, guard, autosave):
    autosave.stake = Stake((RUN,), (LONG, FORMING))
    answers, asked = [CloseChoice.LATER, CloseChoice.DISCARD], []
    guard.ask = lambda _, stake: (asked.append(stake), answers.pop(0))[1]
    assert window.close()
    assert asked == [autosave.stake, Stake((RUN,), (FORMING,))]
    assert finished == [FORMING]


def test_a_failing_save_keeps_the_window_and_says_why(window, guard, autosave, monkeypatch):
    told = []
    monkeypatch.setattr(QMessageBox, "warning", lambda *args: told.append(args[-1]))
    autosave.error = ImageError("the disk is full")
    answering(guard, CloseChoice.SAVE)
    assert not window.close()
    assert told == ["the disk is full"]


def test_without_a_folder_one_is_asked_for(window, autosave, monkeypatch):
    chosen = ["", "pictures"]
    monkeypatch.setattr(close_guard.QFileDialog, "getExistingDirectory", lambda *_: chosen.pop(0))
    guard = CloseGuard(autosave, enabled=lambda: True, folder=lambda: None)
    guard.watch(window)
    answering(guard, CloseChoice.SAVE)
    assert not window.close(), "no folder is no answer"
    assert window.close()
    assert autosave.folder == Path("pictures")


def test_saved_results_are_not_asked_about(window, guard, autosave):
    autosave.stake = Stake()
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


@pytest.fixture
def pressed(window):
    """Answer the box by the button of that text: pressed(stake, text); returns answer and box."""

    def press(stake, text):
        seen = []

        def click():
            box = QApplication.activeModalWidget()
            offered = {button.text().replace("&", ""): button for button in box.buttons()}
            seen.append((box.text(), box.informativeText(), set(offered)))
            offered[text].click()

        QTimer.singleShot(100, click)
        return ask_user(window, stake), *seen[0]

    return press


def test_the_box_names_the_results(pressed):
    answer, text, names, _ = pressed(Stake((RUN,) * 8), "Discard")
    assert answer is CloseChoice.DISCARD
    assert text == "8 results are not saved yet (with their settings). Save before closing?"
    assert names.count("harbour") == 6
    assert names.endswith("…")


def test_the_box_tells_of_the_run_and_of_those_that_wait(pressed):
    stake = Stake((RUN,), (FORMING,), (UNSEEN, UNSEEN))
    answer, text, details, offered = pressed(stake, "Stop and save")
    assert answer is CloseChoice.SAVE
    assert text.startswith("“cat × ink” is not finished. 2 more runs wait. One result is also not")
    assert details.startswith("Step 12 of 300")
    assert offered == {"Stop and save", "Stop and discard", "Cancel"}
    assert pressed(stake, "Cancel")[0] is CloseChoice.CANCEL


def test_a_run_without_a_picture_offers_nothing_to_save(pressed):
    answer, text, _, offered = pressed(Stake((), (UNSEEN,)), "Stop and close")
    assert answer is CloseChoice.DISCARD
    assert text == "“cat × ink” is not finished. Close all the same?"
    assert offered == {"Stop and close", "Cancel"}


def test_the_box_offers_to_go_on_later_with_a_run_that_has_a_checkpoint(pressed):
    answer, _, details, offered = pressed(Stake((), (LONG,)), "Resume later")
    assert answer is CloseChoice.LATER
    assert "the dock offers to go on" in details
    assert offered == {"Stop and save", "Stop and discard", "Resume later", "Cancel"}
    assert pressed(Stake((), (LONG,)), "Cancel")[0] is CloseChoice.CANCEL
