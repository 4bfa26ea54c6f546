"""Saving by hand: from the dock, from the runs list, and when the window closes over a run."""

from pathlib import Path

import numpy as np
import pytest
from napari.settings import get_settings
from napari.utils.notifications import notification_manager

from napari_nst.files.images import read_picture, read_settings
from napari_nst.plugin.common import preferences
from napari_nst.plugin.dock.close_guard import CloseChoice
from napari_nst.plugin.dock.docking import main_window_of
from napari_nst.plugin.panels import save_dialog
from napari_nst.runs import export
from napari_nst.runs.progress import RunState

pytestmark = pytest.mark.gui


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """Begin and end with no folder, format or result of an earlier save."""
    monkeypatch.setattr(export, "_saved", set())  # fake runs of other tests have equal records
    history = get_settings().application.save_history
    yield
    get_settings().application.save_history = history
    preferences.plugin_settings().files.save_format = "PNG"


@pytest.fixture
def dialog(monkeypatch):
    """Answer the file dialog: dialog.answer is path and filter; dialog.asked what it showed."""

    class Dialog:
        answer = ("", "")
        folder = ""

        def __init__(self):
            self.asked = []

        def getSaveFileName(self, _, title, suggested, filters, chosen):
            self.asked.append((title, suggested, filters, chosen))
            path, name = self.answer
            return path, next((each for each in filters.split(";;") if name in each), "")

        def getExistingDirectory(self, _, title, folder):
            self.asked.append((title, folder))
            return self.folder

    dialog = Dialog()
    monkeypatch.setattr(save_dialog, "QFileDialog", dialog)
    return dialog


def run_once(docked, engine, finished, steps):
    engine(steps)
    docked.run()
    finished(docked)


def choose(widget, title):
    (entry,) = [each for each in widget.runs_list.menu().actions() if each.text() == title]
    assert entry.isEnabled()
    entry.trigger()


def test_a_result_is_saved_with_its_settings_and_the_next_follows_it(
    docked, pictures, engine, finished, dialog, tmp_path
):
    assert not docked.panel.save.isEnabled()
    run_once(docked, engine, finished, 7)
    dialog.answer = (str(tmp_path / "night 2.5 x"), "TIFF")
    docked.panel.save.click()
    _, suggested, filters, _ = dialog.asked[0]
    assert Path(suggested).name == docked.current.name
    assert [each.split()[0] for each in filters.split(";;")] == ["PNG", "TIFF", "JPEG"]
    path = tmp_path / "night 2.5 x.tif"
    assert read_settings(path).record == docked.current.record
    assert (read_picture(path)[:, :, 0] == 77).all()
    assert docked.autosave.unsaved() == []

    dialog.answer = ("", "")
    docked.panel.save.click()
    _, suggested, _, chosen = dialog.asked[1]
    assert Path(suggested).parent == tmp_path
    assert chosen.startswith("TIFF")
    assert list(tmp_path.iterdir()) == [path], "who thinks better of it saves nothing"


def test_nothing_is_replaced_unasked(docked, pictures, engine, finished, dialog, tmp_path):
    run_once(docked, engine, finished, 7)
    for name, wanted in (("a", "PNG"), ("a", "PNG"), ("b.jpg", "PNG")):
        dialog.answer = (str(tmp_path / name), wanted)
        docked.panel.save.click()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a.png", "a 2.png", "b.jpg", "b.jpg.json"}
    docked.panel.save.click()
    assert dialog.asked[-1][-1].startswith("JPEG"), "a suffix that is typed decides"


def test_during_a_run_the_picture_is_saved_as_it_is(
    docked, pictures, viewer, engine, qtbot, dialog, tmp_path
):
    engine(100_000, wait_s=0.005)
    docked.run()
    assert not docked.panel.save.isEnabled(), "there is no picture yet"
    qtbot.waitUntil(docked.panel.save.isEnabled)
    dialog.answer = (str(tmp_path / "forming"), "PNG")
    docked.panel.save.click()
    record = read_settings(tmp_path / "forming.png").record
    assert record.reason == "stopped"
    assert record.steps_done > 0
    picture = read_picture(tmp_path / "forming.png")
    assert (picture == record.steps_done % 256).all(), "picture and record are of one step"
    assert docked.current.state is RunState.RUNNING


def test_several_runs_of_the_list_go_into_a_folder(
    docked, pictures, engine, finished, dialog, tmp_path
):
    for steps in (4, 5):
        run_once(docked, engine, finished, steps)
    docked.runs_list.list.selectAll()
    preferences.remember_format("JPEG")
    dialog.folder = str(tmp_path)
    choose(docked, "Save…")
    assert "2 results" in dialog.asked[0][0]
    assert "JPEG" in dialog.asked[0][0]
    records = [read_settings(path).record for path in sorted(tmp_path.glob("*.jpg"))]
    assert {record.steps_done for record in records} == {4, 5}


def test_an_adopted_result_is_saved_from_the_list(
    docked, pictures, viewer, engine, finished, dialog, tmp_path
):
    run_once(docked, engine, finished, 4)
    layer = docked.current.live.layer
    copied = dict(layer.metadata)
    docked.session.delete(docked.current)
    viewer.add_image(np.full((9, 9, 3), 5, np.uint8), rgb=True, name="old", metadata=copied)
    dialog.answer = (str(tmp_path / "old"), "PNG")
    choose(docked, "Save…")
    assert read_settings(tmp_path / "old.png").record.steps_done == 4


def test_a_place_that_refuses_is_told(docked, pictures, engine, finished, dialog, tmp_path):
    run_once(docked, engine, finished, 4)
    dialog.answer = (str(tmp_path / "nowhere" / "a"), "PNG")
    seen = []
    notification_manager.notification_ready.connect(seen.append)
    docked.panel.save.click()
    notification_manager.notification_ready.disconnect(seen.append)
    assert "cannot be written" in str(seen[0].message)
    assert docked.autosave.unsaved() == [docked.current]


@pytest.fixture
def refusing(tmp_path):
    """Let no preference be written, as in a folder that is read-only."""
    blocker = tmp_path / "no folder"
    blocker.touch()
    both = (preferences.plugin_settings(), get_settings())
    before = [each.config_path for each in both]

    def write_to(paths):
        for each, path in zip(both, paths, strict=True):
            each._save_on_change = False
            each.config_path = path
            each._save_on_change = True

    write_to([blocker / "plugin.yaml", blocker / "napari.yaml"])
    with pytest.raises(OSError, match="no folder"):
        both[0].save()
    yield
    write_to(before)


@pytest.mark.parametrize("name", ["a", "a.jpg"])
def test_preferences_that_cannot_be_written_stop_no_save(
    docked, pictures, engine, finished, dialog, tmp_path, caplog, refusing, name
):
    run_once(docked, engine, finished, 4)
    results = tmp_path / "results"
    results.mkdir()
    dialog.answer = (str(results / name), "TIFF")
    docked.panel.save.click()
    assert len([path for path in results.iterdir() if path.suffix != ".json"]) == 1
    assert docked.autosave.unsaved() == []
    assert "preferences were not kept" in caplog.text


def test_a_folder_that_cannot_be_kept_counts_until_napari_ends(docked, tmp_path, refusing):
    preferences.prefer(autosave_folder=str(tmp_path), suggest_download=False)
    try:
        assert docked.preferences.current.autosave_folder == tmp_path
        assert not docked.weights_panel.suggests
    finally:
        preferences.prefer(autosave_folder="", suggest_download=True)


@pytest.mark.parametrize("put_away", [False, True])
def test_closing_the_window_during_a_run_can_keep_its_picture(
    make_napari_viewer, engine, qtbot, tmp_path, put_away
):
    engine(100_000, wait_s=0.005)
    viewer = make_napari_viewer(show=True)
    for name in ("harbour", "waves"):
        viewer.add_image(np.zeros((16, 20, 3), np.uint8), name=name)
    frame, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    dock.form.set_weights("untrained")
    qtbot.waitUntil(dock.isVisible)
    dock.run()
    dock.run()
    first, second = dock.session.runs
    qtbot.waitUntil(lambda: first.kept is not None)
    guard, window = dock.guard, main_window_of(dock)
    stakes, answers = [], [CloseChoice.CANCEL, CloseChoice.SAVE]
    guard.ask = lambda _, stake: stakes.append(stake) or answers.pop(0)
    guard._folder = lambda: tmp_path
    if put_away:
        frame.title.close_button.click()
        qtbot.waitUntil(lambda: dock.parentWidget() is not None)  # docking keeps it
    assert not window.close()
    assert first.state is RunState.RUNNING
    assert (stakes[0].running, stakes[0].waiting) == ((first,), (second,))
    assert window.close()
    (path,) = tmp_path.iterdir()
    record = read_settings(path).record
    assert record.reason == "stopped"
    assert (read_picture(path) == record.steps_done % 256).all()
    viewer.close()
    assert len(stakes) == 2, "a script is not asked"
    qtbot.waitUntil(lambda: not first.state.active)


def test_a_preview_that_computes_does_not_hold_the_window(docked, pictures, engine, qtbot):
    engine(100_000, wait_s=0.005)
    docked.panel.preview.click()
    qtbot.waitUntil(lambda: docked.current.state is RunState.RUNNING)
    assert not docked.autosave.at_stake()
    docked.run()
    assert docked.autosave.at_stake().waiting == (docked.session.runs[1],)
