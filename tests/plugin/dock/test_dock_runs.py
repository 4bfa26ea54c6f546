"""Queue, runs list, sections and menu in a real napari, with the engine replaced by fakes."""

import gc
import json
import weakref

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_nst.plugin.layers.canvas import CANVAS
from napari_nst.runs.progress import RunState
from napari_nst.runs.sweep import differences
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import METADATA_KEY, RunRecord

pytestmark = pytest.mark.gui


@pytest.fixture
def all_ended(qtbot):
    def wait(widget, timeout=60_000):
        runs = widget.session.runs
        qtbot.waitUntil(lambda: all(run.state.over for run in runs), timeout=timeout)
        qtbot.wait(20)

    return wait


def act(widget, title):
    """Choose an entry of the menu of the chosen runs."""
    menu = widget.runs_list.menu()
    (entry,) = [entry for entry in menu.actions() if entry.text() == title]
    assert entry.isEnabled(), title
    entry.trigger()


def test_a_newcomer_is_told_what_to_do_and_one_button_does_it(docked, viewer):
    assert not docked.welcome.isHidden()
    assert not docked.panel.run.isEnabled()
    docked.welcome.button.click()
    assert docked.welcome.isHidden()
    assert [layer.name for layer in viewer.layers] == ["coffee", "brush strokes"]
    assert docked.panel.run.isEnabled()


def test_a_preview_is_small_and_short(docked, pictures, engine, all_ended):
    engine(3)
    docked.panel.preview.click()
    config = docked.current.plan.request.config
    assert (config.size, config.steps) == (256, 40)
    assert "· preview" in docked.current.name
    all_ended(docked)


def test_waiting_runs_move_and_leave_the_queue(docked, pictures, engine, qtbot, all_ended):
    engine(100_000, wait_s=0.01)
    for _ in range(4):
        docked.run()
    first, second, third, fourth = docked.session.runs
    assert [run.state for run in docked.session.runs[1:]] == [RunState.WAITING] * 3
    assert second.text == "Starts next."
    docked.runs_list.select(fourth)
    act(docked, "Start earlier")
    docked.runs_list.select(second)
    act(docked, "Cancel")
    waiting = list(docked.session.queue.waiting)
    assert waiting == [fourth, third]
    assert second not in docked.session.runs
    first.stop()
    qtbot.waitUntil(lambda: docked.current is fourth)
    assert first.state is RunState.STOPPED
    docked.runs_list.cancel_all.click()
    all_ended(docked)
    assert docked.session.runs == [first, fourth]
    assert not docked.runs_list.cancel_all.isEnabled()


def test_each_run_has_a_row_with_its_state_and_what_differs(docked, pictures, engine, all_ended):
    engine(5)
    docked.form.basic["style_strength"].value = 2.5
    docked.run()
    (run,) = docked.session.runs
    all_ended(docked)
    row = docked.runs_list.row(run)
    assert "Done" in row.status.text()
    assert row.settings.text() == "style strength 2.5"
    assert not row.thumbnail.pixmap().isNull()


def test_choosing_a_run_selects_its_layers(docked, pictures, viewer, engine, all_ended):
    engine(5)
    docked.run()
    docked.run()
    all_ended(docked)
    for run in docked.session.runs:
        docked.runs_list.select(run)
        assert docked.runs_list.chosen == [run]
        assert set(viewer.layers.selection) == set(run.layers)


def test_settings_of_a_run_come_back_into_the_form(docked, pictures, engine, all_ended):
    engine(2)
    config = StyleConfig.preset("seed", size=48, steps=7, pyramid="down_to", min_scale=32)
    docked.form.apply(config)
    docked.run()
    all_ended(docked)
    docked.form.apply(StyleConfig())
    act(docked, "Reuse these settings")
    run = docked.session.runs[0]
    assert docked.form.config() == run.config, "those without a control as well"
    assert "scales down_to" in docked.form.unseen.text()
    docked.form.preset.setCurrentText("johnson")
    assert docked.form.config().pyramid == "single"


def test_settings_go_to_the_clipboard_as_json(docked, pictures, engine, all_ended):
    engine(2)
    docked.run()
    all_ended(docked)
    act(docked, "Copy settings as JSON")
    assert json.loads(QApplication.clipboard().text())["weights"] == "untrained"


def test_hiding_and_showing_a_run(docked, pictures, viewer, engine, all_ended):
    engine(2)
    docked.run()
    all_ended(docked)
    (run,) = docked.session.runs
    act(docked, "Show / hide")
    assert not run.live.layer.visible
    act(docked, "Show / hide")
    assert run.live.layer.visible
    viewer.layers.remove(run.live.layer.name)
    assert run.layers == []
    act(docked, "Show / hide")
    assert run.live.layer in viewer.layers
    assert METADATA_KEY in run.live.layer.metadata


def test_deleting_a_run_asks_and_takes_its_layers(
    docked, pictures, viewer, engine, all_ended, monkeypatch
):
    engine(2)
    docked.run()
    all_ended(docked)
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    act(docked, "Delete…")
    assert len(docked.session.runs) == 1
    act(docked, "Delete…")
    assert docked.session.runs == []
    assert len(viewer.layers) == 2
    assert docked.panel.run.isEnabled()


def test_a_run_that_is_on_can_be_deleted(docked, pictures, viewer, engine, qtbot, monkeypatch):
    engine(100_000, wait_s=0.005)
    docked.run()
    (run,) = docked.session.runs
    docked.run()
    qtbot.waitUntil(lambda: run.live.layer is not None)
    docked.session.delete(run)
    assert len(viewer.layers) == 2
    qtbot.waitUntil(lambda: not run.state.active)
    qtbot.waitUntil(lambda: docked.session.runs[0].state.active)


def test_a_sweep_queues_runs_named_by_what_differs(docked, pictures, engine, all_ended):
    engine(2)
    form = docked.sweep_panel.settings
    docked.form.pickers.start.value = "noise"
    form.values[0].setText("1, 2")
    form.settings[1].setCurrentIndex(form.settings[1].findData("seed"))
    form.values[1].setText("0..2")
    assert form.queue.text() == "Queue 6 runs"
    form.queue.click()
    names = [run.name for run in docked.session.runs]
    assert names[0] == "style strength 1 · seed 0 · untrained"
    assert names[4] == "style strength 2 · seed 1 · untrained"
    assert differences(docked.session.runs[5].config) == {
        "style_strength": 2,
        "seed": 2,
        "init": "noise",
    }
    all_ended(docked)


def test_a_sweep_of_seeds_is_refused_until_runs_start_from_noise(docked, pictures, engine):
    form, start = docked.sweep_panel.settings, docked.form.pickers.start
    start.value = "content"
    form.settings[0].setCurrentIndex(form.settings[0].findData("seed"))
    form.values[0].setText("1, 2")
    for value, allowed in (("noise", True), (pictures[0], False), ("content", False)):
        start.value = value
        assert form.queue.isEnabled() is allowed
        told = form.text.text().startswith("Seed acts only when starting from noise.")
        assert told is not allowed


@pytest.mark.parametrize("text", ["", "one", "-1"])
def test_a_sweep_that_does_not_fit_says_so_while_it_is_typed(docked, pictures, text):
    docked.sweep_panel.settings.values[0].setText(text)
    assert not docked.sweep_panel.settings.queue.isEnabled()
    assert docked.sweep_panel.settings.text.text()


def test_results_of_earlier_sessions_are_listed(docked, viewer, pictures):
    record = RunRecord(StyleConfig(size=99), {}, {}, "untrained", (), 5, "finished")
    metadata = {METADATA_KEY: record.to_dict()}
    layer = viewer.add_image(np.zeros((9, 9, 3), np.uint8), name="old", metadata=metadata)
    (run,) = docked.session.runs
    assert (run.state, run.config.size) == (RunState.DONE, 99)
    act(docked, "Reuse these settings")
    assert docked.form.config().size == 99
    seen = []
    notification_manager.notification_ready.connect(seen.append)
    act(docked, "Run again")
    notification_manager.notification_ready.disconnect(seen.append)
    assert "cannot be found" in str(seen[0].message)
    viewer.layers.remove(layer.name)
    assert docked.session.runs == []


def test_older_runs_give_up_snapshots_for_newer_ones(docked, pictures, engine, all_ended):
    engine(2)
    docked.session.snapshot_bytes = 1000
    for _ in range(3):
        docked.run()
        all_ended(docked)
    budgets = [run.snapshots.budget_bytes for run in docked.session.runs]
    assert budgets == [250, 250, 500]


@pytest.fixture
def sixfold(docked, pictures, viewer):
    """Two contents and three styles, ticked in the sweep's table."""
    for name in ("castle", "ink", "glass"):
        viewer.add_image(np.zeros((9, 12, 3), np.uint8), name=name, rgb=True)
    form = docked.sweep_panel.pictures
    form.tick(2, 1)
    for row in (3, 4):
        form.tick(row, 2)
    return form


def test_every_ticked_content_is_painted_like_every_ticked_style(
    docked, sixfold, viewer, engine, all_ended
):
    engine(2)
    assert sixfold.queue.text() == "Queue 6 runs"
    sixfold.queue.click()
    assert [run.name for run in docked.session.runs] == [
        f"{content} × {style} · untrained"
        for content in ("harbour", "castle")
        for style in ("waves", "ink", "glass")
    ]
    contents = {run.plan.request.content.shape for run in docked.session.runs}
    assert contents == {(60, 80, 3), (9, 12, 3)}
    all_ended(docked)


def test_a_sweep_stands_in_the_grid_by_rows_and_columns(docked, sixfold, viewer, engine, all_ended):
    engine(2)
    button = docked.sweep_panel.grid
    assert not button.isEnabled()
    sixfold.queue.click()
    all_ended(docked)
    before = [layer.name for layer in viewer.layers]
    viewer.layers.move(5, 8)  # whatever the order of the layer list
    moved = [layer.name for layer in viewer.layers]
    assert moved != before
    button.click()
    grid = viewer.canvas.grid
    for run in docked.session.runs:
        at = grid.position(viewer.layers.index(run.live.layer.name), viewer.layers)
        assert at == (run.plan.place.row, run.plan.place.column)
    docked.compare_panel.compare.click()
    assert [layer.name for layer in viewer.layers] == moved
    assert not grid.enabled


def test_a_picture_is_content_or_style_and_ticks_outlive_the_layer_list(docked, sixfold, viewer):
    sixfold.tick(0, 2)
    assert not sixfold.is_ticked(0, 1)
    assert sixfold.queue.text() == "Queue 4 runs"
    viewer.layers.remove("waves")
    assert sixfold.queue.text() == "Queue 3 runs"
    sixfold.table.horizontalHeader().sectionClicked.emit(2)
    assert sixfold.queue.text() == "Queue the runs"
    assert "Tick one" in sixfold.text.text()
    sixfold.table.horizontalHeader().sectionClicked.emit(1)
    assert all(sixfold.is_ticked(row, 1) for row in range(4))


def test_buttons_offer_only_what_there_is(docked, pictures, viewer, engine, all_ended):
    history, compare = docked.snapshots_form, docked.compare_panel
    buttons = [history.show_stack, history.pin, history.best, compare.compare, compare.blink]
    viewer.layers.selection.clear()
    assert not any(button.isEnabled() for button in buttons)
    docked.session.snapshot_every = 1
    engine(4)
    docked.run()
    all_ended(docked)
    assert all(button.isEnabled() for button in buttons)
    docked.session.delete(docked.session.runs[0])
    viewer.layers.selection.clear()
    assert not any(button.isEnabled() for button in buttons)
    viewer.layers.selection = set(viewer.layers)
    assert compare.compare.isEnabled()


def test_the_queue_goes_on_when_the_live_layer_is_removed(
    docked, pictures, viewer, engine, qtbot, all_ended
):
    engine(100_000, wait_s=0.005)
    docked.run()
    docked.run()
    first, second = docked.session.runs
    qtbot.waitUntil(lambda: first.live.layer is not None)
    viewer.layers.remove(first.live.layer.name)
    qtbot.waitUntil(lambda: second.state is RunState.RUNNING)
    assert docked.current is second
    docked.session.cancel_all()
    all_ended(docked)


def test_closing_the_dock_ends_the_run_and_empties_the_queue(
    docked, pictures, viewer, engine, qtbot
):
    closed = []
    engine(100_000, wait_s=0.005, closed=closed)
    docked.run()
    docked.run()
    session, (first, second) = docked.session, docked.session.runs
    qtbot.waitUntil(lambda: first.live.layer is not None)
    viewer.window.remove_dock_widget(docked)
    docked.deleteLater()
    qtbot.waitUntil(lambda: not first.state.active)
    assert len(closed) == 1
    assert second.state is RunState.WAITING
    assert session.queue.waiting == ()


def test_deleting_the_only_run_while_it_is_on_leaves_an_idle_dock(docked, pictures, engine, qtbot):
    engine(100_000, wait_s=0.005)
    docked.run()
    (run,) = docked.session.runs
    qtbot.waitUntil(lambda: run.live.layer is not None)
    docked.session.delete(run)
    qtbot.waitUntil(lambda: not run.state.active)
    qtbot.waitUntil(lambda: docked.current is None)
    assert docked.panel.state.text().endswith("<b>Ready</b>")


def test_a_deleted_run_leaves_nothing_behind(docked, pictures, engine, all_ended):
    engine(2)
    docked.run()
    docked.run()
    all_ended(docked)
    gone = weakref.ref(docked.session.runs[0])
    docked.session.delete(gone())
    gc.collect()
    assert gone() is None


def test_run_follows_what_the_canvas_shows(docked, viewer, pictures):
    content, _ = pictures
    later = viewer.add_image(np.zeros((60, 80), np.uint8), name="later")
    docked.form.pickers.content.value = CANVAS
    assert docked.panel.run.isEnabled()
    content.visible = later.visible = False
    assert not docked.panel.run.isEnabled()
    docked.run()
    assert "The canvas shows nothing" in docked.panel.text.text()
    later.visible = True
    assert docked.panel.run.isEnabled()
    assert "The canvas shows nothing" not in docked.panel.text.text()
