"""One dock for each viewer: opened by whatever way, closed during a run, and found again."""

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QDockWidget

from napari_nst.plugin.common.keys import KEYS
from napari_nst.plugin.dock.docking import main_window_of
from napari_nst.plugin.dock.widget import StyleTransferWidget
from napari_nst.runs.progress import RunState

pytestmark = pytest.mark.gui

DOCK = ("napari-nst", "Neural Style Transfer")


@pytest.fixture
def notes():
    seen = []
    notification_manager.notification_ready.connect(seen.append)
    yield seen
    notification_manager.notification_ready.disconnect(seen.append)


@pytest.fixture
def shown(make_napari_viewer_proxy, qtbot):
    """A viewer with two pictures, seen on the screen."""
    viewer = make_napari_viewer_proxy(show=True)
    for name in ("harbour", "waves"):
        viewer.add_image(np.zeros((16, 20, 3), np.uint8), name=name)
    return viewer


def opened(viewer, qtbot):
    _, dock = viewer.window.add_plugin_dock_widget(*DOCK)
    dock.form.set_weights("untrained")
    qtbot.waitUntil(dock.isVisible)
    return dock


def open_by_menu():
    get_app_model().commands.execute_command("napari-nst.dock").result()


def docks_in(viewer):
    return [
        each for each in viewer.window.dock_widgets.values() if type(each) is StyleTransferWidget
    ]


def close_by_cross(dock):
    dock.parentWidget().title.close_button.click()


def test_a_second_way_to_open_the_dock_finds_the_first_one(shown, qtbot):
    dock = opened(shown, qtbot)
    dock.form.basic["steps"].value = 23
    open_by_menu()
    window = main_window_of(dock)
    frames = [each for each in window.findChildren(QDockWidget) if "Neural" in each.windowTitle()]
    assert len(frames) == 2, "napari makes a dock with another title"
    qtbot.waitUntil(lambda: len(docks_in(shown)) == 1)
    assert docks_in(shown) == [dock]
    qtbot.waitUntil(dock.isVisible)
    assert dock.form.config().steps == 23
    open_by_menu()
    assert not dock.isVisible(), "the menu's entry hides and shows the one dock"
    open_by_menu()
    assert dock.isVisible()


def test_a_dock_that_is_closed_during_a_run_keeps_its_session(shown, engine, qtbot, notes):
    engine(100_000, wait_s=0.005)
    dock = opened(shown, qtbot)
    dock.run()
    dock.run()
    first, second = dock.session.runs
    qtbot.waitUntil(lambda: bool(first.points))
    close_by_cross(dock)
    assert not shown.keymap
    qtbot.waitUntil(lambda: len(notes) == 1)
    message = str(notes[0].message)
    assert message.startswith("Layers > Filter > Neural Style Transfer opens the dock again")
    assert "The run goes on" in message
    assert first.name in message
    assert "1 more in the queue" in message
    assert docks_in(shown) == []
    assert shown.status == message
    steps = len(first.points)
    qtbot.waitUntil(lambda: len(first.points) > steps)

    open_by_menu()
    (again,) = docks_in(shown)
    qtbot.waitUntil(again.isVisible)
    assert again.session.runs == [first, second]
    assert again.current is first
    assert again.panel.state.text().endswith("<b>Running</b>")
    assert second.state is RunState.WAITING
    assert again.runs_list.row(second).isVisibleTo(again)
    assert len(shown.keymap) == len(KEYS)
    again.run()
    assert again.session.runs[2].state is RunState.WAITING, "nothing computes beside the run"
    again.session.cancel_all()
    qtbot.waitUntil(lambda: first.state is RunState.STOPPED, timeout=20_000)


def test_a_dock_that_is_closed_over_a_paused_run_says_that_it_is_paused(
    shown, engine, qtbot, notes
):
    engine(100_000, wait_s=0.005)
    dock = opened(shown, qtbot)
    dock.run()
    run = dock.current
    qtbot.waitUntil(lambda: bool(run.points))
    dock.panel.pause.click()
    close_by_cross(dock)
    qtbot.waitUntil(lambda: len(notes) == 1)
    assert f"The run is paused: “{run.name}”." in str(notes[0].message)
    dock.session.cancel_all()
    qtbot.waitUntil(lambda: run.state is RunState.STOPPED, timeout=20_000)


def test_a_run_that_ends_while_its_dock_is_closed_is_told(shown, engine, qtbot, notes):
    engine(60, wait_s=0.01)
    dock = opened(shown, qtbot)
    dock.run()
    run = dock.current
    qtbot.waitUntil(lambda: bool(run.points))
    close_by_cross(dock)
    qtbot.waitUntil(lambda: run.state is RunState.DONE, timeout=20_000)
    qtbot.waitUntil(lambda: any(run.text in str(note.message) for note in notes))


def test_a_dock_without_a_run_closes_quietly_and_comes_back(shown, qtbot, notes):
    dock = opened(shown, qtbot)
    for _ in range(2):
        close_by_cross(dock)
        qtbot.waitUntil(lambda: dock.parentWidget() is not None)
        assert not dock.isVisible()
        assert opened(shown, qtbot) is dock
    assert notes == []


def test_closing_the_viewer_ends_the_run_of_a_closed_dock(
    make_napari_viewer, engine, qtbot, settled
):
    closed = []
    engine(100_000, wait_s=0.005, closed=closed)
    viewer = make_napari_viewer(show=True)
    for name in ("harbour", "waves"):
        viewer.add_image(np.zeros((16, 20, 3), np.uint8), name=name)
    dock = opened(viewer, qtbot)
    dock.run()
    run = dock.current
    qtbot.waitUntil(lambda: bool(run.points))
    close_by_cross(dock)
    qtbot.waitUntil(lambda: dock.parentWidget() is not None)  # docking keeps it
    settled(dock)
    assert run.state is RunState.RUNNING
    viewer.close()
    qtbot.waitUntil(lambda: not run.state.active)
    assert len(closed) == 1


def test_two_viewers_have_two_docks_and_two_sessions(make_napari_viewer_proxy):
    viewers = [make_napari_viewer_proxy() for _ in range(2)]
    docks = [viewer.window.add_plugin_dock_widget(*DOCK)[1] for viewer in viewers]
    assert docks[0] is not docks[1]
    assert docks[0].session is not docks[1].session
    for viewer, dock in zip(viewers, docks, strict=True):
        assert docks_in(viewer) == [dock]


def test_layers_of_a_runs_history_are_no_runs(docked, pictures, viewer, engine, finished):
    engine(4)
    docked.session.snapshot_every = 1
    docked.run()
    finished(docked)
    stack = docked.snapshot_layers.show_stack(docked.current)
    copied = dict(stack.metadata)
    viewer.add_image(np.array(stack.data), rgb=True, name="a copy", metadata=copied)
    assert docked.session.runs == [docked.current]
    assert not docked.runs_list.row(docked.current).thumbnail.pixmap().isNull()
