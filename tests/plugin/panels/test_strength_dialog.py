"""The slider for how much of its colours a finished picture gets."""

import numpy as np
import pytest

from napari_nst.plugin.panels.strength_dialog import StrengthDialog

pytestmark = pytest.mark.gui


@pytest.fixture
def run(docked, pictures, qtbot, finished):
    """A run of the real engine that has ended, with the colours of its content."""
    docked.form.basic["size"].value = 32
    docked.form.basic["steps"].value = 1
    docked.form.basic["colors"].value = "content"
    docked.run()
    finished(docked)
    return docked.current


def test_the_slider_shows_its_colours_at_once_and_cancel_takes_them_back(docked, run, qtbot):
    shown = np.array(run.live.layer.data)
    dialog = StrengthDialog([run], docked)
    qtbot.addWidget(dialog)
    assert dialog.slider.value() == 100
    dialog.slider.setValue(0)
    qtbot.waitUntil(lambda: run.config.color_strength == 0)
    painted = np.rint(run.result.painted.clip(0, 1) * 255)
    np.testing.assert_array_equal(run.live.layer.data[..., :3], painted)
    dialog.reject()
    np.testing.assert_array_equal(run.live.layer.data, shown)
    assert run.config.color_strength == 1


def test_what_was_accepted_is_undone_by_the_undo_of_the_dock(docked, run, qtbot, monkeypatch):
    shown, record = np.array(run.live.layer.data), run.record

    def move(dialog):
        dialog.slider.setValue(40)
        dialog.accept()

    monkeypatch.setattr(StrengthDialog, "exec", move)
    docked.actions_of_runs.choose_strength([run])
    assert run.record.ending.color_strength == 0.4
    assert (run.live.layer.data != shown).any()
    assert docked.runs_list.undo.text() == "Undo colours"
    docked.undo_stack.undo()
    np.testing.assert_array_equal(run.live.layer.data, shown)
    assert run.record == record
    assert docked.undo_stack.text == ""


def test_the_docks_slider_and_box_show_the_same_strength(docked):
    slider, number = docked.form.color_slider, docked.form.basic["color_strength"]
    assert slider.value() == 100
    slider.setValue(35)
    assert docked.form.config().color_strength == 0.35
    number.value = 0.505
    assert slider.value() in (50, 51)
    assert docked.form.config().color_strength == 0.505
