"""Deleting runs in a real napari, and bringing them back."""

import gc
import weakref

import numpy as np
import pytest
from qtpy.compat import isalive
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QMessageBox

from napari_nst.runs.progress import RunState

pytestmark = pytest.mark.gui


@pytest.fixture
def asked(monkeypatch):
    """Questions asked; each is answered with Yes."""
    questions = []

    def answer(parent, title, text, buttons, default):
        questions.append((text, default))
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", answer)
    return questions


@pytest.fixture
def three(docked, pictures, engine, qtbot):
    """Three runs that have ended."""
    engine(4)
    docked.session.snapshot_every = 1
    for strength in (1.0, 2.0, 3.0):
        docked.form.basic["style_strength"].value = strength
        docked.run()
    qtbot.waitUntil(lambda: all(run.state.over for run in docked.session.runs), timeout=30_000)
    qtbot.wait(20)
    return list(docked.session.runs)


def rows(docked):
    """Names in the runs list, from the top."""
    return [
        docked.runs_list.list.itemWidget(docked.runs_list.list.item(at)).name.text()
        for at in range(docked.runs_list.list.count())
    ]


def test_no_is_the_answer_that_return_gives(docked, three, asked):
    docked.actions_of_runs.delete(three[:1])
    ((text, default),) = asked
    assert default == QMessageBox.StandardButton.No
    assert "undone for a minute" in text


@pytest.mark.parametrize("which", [[1], [0, 2], [0, 1, 2]])
def test_a_deletion_is_undone_with_layers_order_and_history(docked, viewer, three, asked, which):
    docked.snapshot_layers.pin_best(three[1])
    before = [layer.name for layer in viewer.layers], list(docked.session.runs), rows(docked)
    pixels = [np.array(layer.data) for layer in viewer.layers]
    moments = [run.snapshots.kept for run in three]
    chosen = [three[at] for at in which]
    docked.actions_of_runs.delete(chosen)
    assert not any(run in docked.session.runs for run in chosen)
    assert len(rows(docked)) == 3 - len(which)
    assert not docked.runs_section.isHidden()
    assert not docked.runs_list.undo.isHidden()
    docked.runs_list.undo.click()
    assert ([layer.name for layer in viewer.layers], docked.session.runs, rows(docked)) == before
    for layer, picture in zip(viewer.layers, pixels, strict=True):
        np.testing.assert_array_equal(layer.data, picture)
    assert [run.snapshots.kept for run in three] == moments
    assert docked.runs_list.undo.isHidden()
    viewer.layers.remove(three[1].live.layer.name)
    assert three[1].live.layer is None, "the run and its layer belong together again"


def test_a_run_comes_back_to_its_place_whatever_went_and_came_meanwhile(
    docked, viewer, three, asked, engine, finished
):
    first, second, third = three
    live = first.live.layer
    viewer.add_image(np.array(live.data), name="reopened", rgb=True, metadata=dict(live.metadata))
    reopened = docked.session.runs[-1]
    docked.run()
    finished(docked)
    fifth = docked.session.runs[-1]
    docked.actions_of_runs.delete([fifth])
    viewer.layers.remove("reopened")
    assert reopened not in docked.session.runs, "its layer was all there was of it"
    docked.run()
    finished(docked)
    sixth = docked.session.runs[-1]
    docked.runs_list.undo.click()
    assert docked.session.runs == [first, second, third, fifth, sixth]
    assert rows(docked) == [run.name for run in reversed(docked.session.runs)]


def test_after_an_undo_the_chosen_runs_are_the_oldest_first(docked, three, asked):
    docked.actions_of_runs.delete(three[:1])
    docked.runs_list.undo.click()
    docked.runs_list.list.selectAll()
    assert docked.runs_list.chosen == three


def test_after_a_minute_it_is_gone_for_good(docked, viewer, three, asked, qtbot):
    docked.undo_stack.kept_ms = 50
    gone = weakref.ref(three[0])
    layers = len(viewer.layers)
    docked.actions_of_runs.delete(list(three))
    three.clear()
    qtbot.waitUntil(docked.runs_list.undo.isHidden)
    assert docked.runs_section.isHidden()
    docked.undo_stack.undo()
    assert docked.session.runs == []
    assert len(viewer.layers) == layers - 3
    gc.collect()
    assert gone() is None, "the memory is free"


def test_ctrl_z_in_the_dock_undoes(docked, three, asked):
    docked.actions_of_runs.delete(three[:1])
    undo = QKeySequence(QKeySequence.StandardKey.Undo)
    (shortcut,) = [each for each in docked.findChildren(QShortcut) if each.key() == undo]
    shortcut.activated.emit()
    assert docked.session.runs == three


def test_a_closed_window_lets_go_of_deleted_runs(docked, viewer, three, asked, qtbot):
    docked.undo_stack.kept_ms = 200
    deleted, gone = docked.undo_stack, weakref.ref(three[0])
    docked.actions_of_runs.delete(list(three))
    three.clear()
    viewer.close()
    qtbot.waitUntil(lambda: not isalive(docked))
    assert deleted.text == ""
    gc.collect()
    assert gone() is None, "the memory is free"
    qtbot.wait(300)  # what would have been told to the dock now raises in Qt's loop


def test_deleting_a_running_run_ends_it_and_undoing_brings_its_picture(
    docked, pictures, viewer, engine, asked, qtbot
):
    engine(100_000, wait_s=0.005)
    docked.run()
    docked.run()
    first, second = docked.session.runs
    qtbot.waitUntil(lambda: first.live.layer is not None)
    docked.actions_of_runs.delete([first])
    assert "What is running ends." in asked[0][0]
    qtbot.waitUntil(lambda: first.state.over)
    qtbot.waitUntil(lambda: second.state is RunState.RUNNING)
    assert first.live.layer not in viewer.layers
    docked.runs_list.undo.click()
    assert first.state is RunState.STOPPED
    assert first.live.layer in viewer.layers
    assert docked.current is second


def test_a_run_deleted_before_its_first_picture_adds_no_layer(
    docked, pictures, viewer, engine, asked, qtbot
):
    engine(100_000, wait_s=0.005)
    docked.run()
    docked.run()
    first, second = docked.session.runs
    docked.actions_of_runs.delete([second, first])
    qtbot.waitUntil(lambda: not first.state.active)
    assert [layer.name for layer in viewer.layers] == ["harbour", "waves"]
    docked.runs_list.undo.click()
    assert docked.session.runs == [first, second]
    qtbot.waitUntil(lambda: second.state is RunState.RUNNING)
    docked.session.cancel_all()


def test_the_list_is_as_high_as_its_rows_and_the_newest_is_on_top(docked, three, qtbot):
    docked.resize(360, 500)
    listed = docked.runs_list.list
    assert rows(docked) == [run.name for run in reversed(three)]
    assert listed.height() >= 3 * listed.sizeHintForRow(0)
    assert listed.verticalScrollBar().maximum() == 0


def test_a_run_whose_layer_was_removed_comes_back_with_its_result(docked, viewer, three, asked):
    run = three[1]
    result, record, moments = run.result, run.record, run.snapshots.kept
    viewer.layers.remove(run.live.layer.name)
    docked.actions_of_runs.delete([run])
    docked.runs_list.undo.click()
    assert (run.result, run.record, run.snapshots.kept) == (result, record, moments)
    docked.actions_of_runs.show_or_hide([run])
    assert run.live.layer in viewer.layers


@pytest.mark.parametrize("how", ["compare", "order", "blink", "hold", "fade"])
def test_what_was_deleted_while_comparing_comes_back_as_it_was(docked, viewer, three, asked, how):
    three[0].live.layer.visible = False
    three[2].live.layer.opacity = 0.9

    def looks():
        return [
            (each.name, each.visible, each.opacity, each.name_overlay.visible)
            for each in viewer.layers
        ]

    before, panel = looks(), docked.compare_panel
    if how == "order":
        panel.enter([run.live.layer for run in reversed(three)], ordered=True)
    elif how == "fade":
        panel.fade.setValue(20)
    else:
        {"compare": panel.toggle, "blink": panel.toggle_blink, "hold": panel.hold}[how]()
    assert looks() != before
    docked.actions_of_runs.delete(three[1:])
    docked.runs_list.undo.click()
    panel.leave()
    assert looks() == before


@pytest.fixture
def line(docked, pictures, engine):
    """A run that computes and three that wait."""
    engine(100_000, wait_s=0.005)
    for _ in range(4):
        docked.run()
    return list(docked.session.runs)


def waiting(docked):
    return list(docked.session.queue.waiting)


@pytest.mark.parametrize("batches", [[[1, 2]], [[2, 1]], [[1]], [[3, 1], [2]], [[1, 2, 3]]])
def test_waiting_runs_come_back_to_their_turns(docked, line, asked, batches):
    for batch in batches:
        docked.actions_of_runs.delete([line[at] for at in batch])
    for _ in batches:
        docked.runs_list.undo.click()
    assert waiting(docked) == line[1:]


def test_turns_are_kept_where_the_line_has_moved_on(docked, line, asked, qtbot):
    docked.actions_of_runs.delete([line[2]])
    line[0].stop()
    qtbot.waitUntil(lambda: line[1].state is RunState.RUNNING)
    docked.runs_list.undo.click()
    assert waiting(docked) == line[2:]


def test_the_first_in_line_is_the_first_to_start_when_nothing_computes(docked, line, asked, qtbot):
    docked.actions_of_runs.delete(list(line))
    qtbot.waitUntil(lambda: line[0].state.over)
    docked.runs_list.undo.click()
    assert docked.current is line[1]
    assert waiting(docked) == line[2:]
