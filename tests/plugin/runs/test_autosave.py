from types import SimpleNamespace

import pytest
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_nst.files.images import read_settings
from napari_nst.plugin.runs import autosave as module
from napari_nst.plugin.runs.autosave import LONG_S, Autosave, tell_when_done
from napari_nst.runs.progress import RunState
from napari_nst.settings.record import RunRecord
from tests.plugin.fakes import result

pytestmark = pytest.mark.gui


class FakeSession(QObject):
    ended = Signal(object)

    def __init__(self):
        super().__init__()
        self.runs = []


class FakeRun:
    def __init__(self, name, tmp_path):
        self.name = name
        self.plan = SimpleNamespace(full=None)
        self.text = "Finished: 5 steps."
        self.state = RunState.DONE
        self.result = result(5)
        hashes = {"content": f"{tmp_path}{name}"}
        self.result.record = self.record = self.result.record.replace(hashes=hashes)
        self.kept = self.result.image, self.record
        self.live = SimpleNamespace(layer=object())


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def run(session, tmp_path):
    run = FakeRun("harbour × waves", tmp_path)
    session.runs.append(run)
    return run


def end(autosave, session, run, qtbot):
    with qtbot.waitSignal(autosave.kept, timeout=10_000) as kept:
        session.ended.emit(run)
    qtbot.waitUntil(lambda: not autosave._saving)
    return kept.args[1]


def test_each_result_is_saved_with_its_settings(session, run, tmp_path, qtbot):
    autosave = Autosave(session, lambda: tmp_path / "new")
    path = end(autosave, session, run, qtbot)
    assert path == tmp_path / "new" / "harbour × waves.png"
    assert isinstance(read_settings(path).record, RunRecord)
    assert end(autosave, session, run, qtbot).name == "harbour × waves 2.png"
    assert autosave.unsaved() == []


def test_without_a_folder_the_result_is_known_to_be_unsaved(session, run, tmp_path):
    autosave = Autosave(session, lambda: None)
    session.ended.emit(run)
    assert autosave.unsaved() == [run]
    autosave.save([run], tmp_path)
    assert autosave.unsaved() == []
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_what_the_user_removed_or_what_failed_is_not_missed(session, run):
    autosave = Autosave(session, lambda: None)
    run.live.layer = None
    assert autosave.unsaved() == []
    run.live.layer, run.result = object(), None
    assert autosave.unsaved() == []


def test_a_result_that_cannot_be_saved_is_told_and_stays_unsaved(
    session, run, tmp_path, qtbot, monkeypatch
):
    told = []
    monkeypatch.setattr(module, "show_warning", told.append)
    blocked = tmp_path / "file"
    blocked.write_text("")
    autosave = Autosave(session, lambda: blocked)
    session.ended.emit(run)
    qtbot.waitUntil(lambda: bool(told) and not autosave._saving, timeout=10_000)
    assert "cannot be written" in told[0]
    assert autosave.unsaved() == [run]


def test_only_a_long_run_tells_when_it_is_done(run, qtbot, monkeypatch):
    told = []
    monkeypatch.setattr(module, "show_info", told.append)
    window = QWidget()
    qtbot.addWidget(window)
    run.result.seconds = LONG_S
    tell_when_done(run, window)
    assert not told
    run.result.seconds = LONG_S + 1
    tell_when_done(run, window)
    assert told == ["harbour × waves: Finished: 5 steps."]
    run.result.reason = "stopped"
    tell_when_done(run, window)
    assert len(told) == 1, "who stopped it knows"
