"""While Steer is on the dock says what the run paints with, and loses nothing that was typed."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_nst.settings.config import StyleConfig

pytestmark = pytest.mark.gui


@pytest.fixture
def running(docked, pictures, engine, qtbot):
    """The dock during a run of style strength 1, colours of the style."""
    engine(100_000, wait_s=0.005)
    docked.form.basic["style_strength"].value = 1
    docked.run()
    qtbot.waitUntil(lambda: bool(docked.current.points))
    return docked


def strength(dock):
    return dock.form.basic["style_strength"]


def type_strength(dock, text):
    line = strength(dock).native.lineEdit()
    line.selectAll()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)


def test_the_runs_own_values_are_said_where_the_form_shows_others(running):
    type_strength(running, "0.5")
    assert running.panel.steered.text() == ""
    running.panel.steer.click()
    said = running.panel.steered
    assert said.isVisibleTo(running.panel)
    assert said.text() == "This run paints with style strength 1. What you change now acts on it."
    running.panel.steer.click()
    assert not said.isVisibleTo(running.panel)


def test_nothing_is_said_where_form_and_run_agree(running):
    running.panel.steer.click()
    assert running.panel.steered.text() == ""


def test_what_was_steered_and_what_still_differs_are_both_said(running):
    type_strength(running, "0.5")
    running.panel.steer.click()
    box = running.form.basic["colors"].native
    box.setCurrentIndex(box.findText("of the content"))
    running.steering.flush()
    text = running.panel.steered.text()
    assert text.startswith("Colours of the content from the next step on.")
    assert text.endswith("This run also paints with style strength 1.")


@pytest.mark.parametrize("end", ["untick", "stop"])
def test_settings_for_the_next_run_come_back_after_steering(running, qtbot, end):
    type_strength(running, "0.5")
    running.panel.steer.click()
    type_strength(running, "3")
    running.steering.flush()
    run = running.current
    if end == "untick":
        running.panel.steer.click()
    else:
        run.stop()
        qtbot.waitUntil(lambda: not run.state.active, timeout=20_000)
    assert strength(running).value == 0.5
    assert run._steered == {"style_strength": 3}, "what comes back steers nothing"


def test_settings_put_into_the_form_meanwhile_stay(running):
    running.panel.steer.click()
    type_strength(running, "3")
    running.form.apply(StyleConfig(style_strength=7))
    running.panel.steer.click()
    assert strength(running).value == 7


def test_an_edit_just_before_steer_is_switched_off_still_acts(running):
    running.panel.steer.click()
    type_strength(running, "3")
    running.panel.steer.click()
    assert running.current.config.style_strength == 3


def test_the_run_to_steer_is_named_as_in_the_list_after_a_rename_too(running):
    run, named = running.current, running.panel.steer_name
    running.panel.steer.setChecked(True)
    run.live.layer.name = "waves"  # a layer has this name: napari numbers it
    assert run.name == "waves [1]"
    assert named.text() == named.toolTip() == running.runs_list.row(run).name.text() == run.name
    assert running.panel.steer.isChecked(), "a new name does not end steering"
