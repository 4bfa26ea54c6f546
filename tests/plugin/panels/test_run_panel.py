import pytest

from napari_nst.plugin.panels.run_panel import RunPanel
from napari_nst.runs.progress import RunState


@pytest.fixture
def panel(qtbot):
    panel = RunPanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


def test_while_a_run_is_prepared_only_dots_move(panel, qtbot):
    panel.show_state(RunState.PREPARING, "Loading…")
    assert panel.bar.maximum() > 0, "else Qt draws the window anew 30 times a second"
    qtbot.waitUntil(lambda: "Preparing.." in panel.state.text())
    panel.show_state(RunState.RUNNING, "Step 1")
    assert panel.state.text().endswith("<b>Running</b>")


def test_the_bar_is_empty_at_the_start_and_full_at_the_end(panel):
    for state, value in ((RunState.PREPARING, 0), (RunState.DONE, 1), (RunState.PREPARING, 0)):
        panel.show_state(state, "")
        assert panel.bar.value() / panel.bar.maximum() == value


def test_steering_is_offered_by_the_name_of_a_run_that_computes(panel):
    assert not panel.steer.isVisible()
    panel.turn_to_run("harbour × waves")
    panel.show_state(RunState.RUNNING, "Step 1")
    assert panel.steer.isVisible()
    assert not panel.steer.isChecked()
    assert panel.steer_name.text() == "harbour × waves"


def test_steering_ends_with_its_run(panel):
    panel.show_state(RunState.RUNNING, "Step 1")
    panel.steer.click()
    for state in (RunState.DONE, RunState.STOPPED, RunState.FAILED):
        panel.show_state(RunState.RUNNING, "Step 1")
        panel.steer.setChecked(True)
        panel.show_state(state, "")
        assert not panel.steer.isChecked()
