import pytest

from napari_nst.runs.frame_gate import Frame
from napari_nst.runs.progress import (
    RunState,
    StepClock,
    duration_text,
    megabytes_text,
    outcome_text,
    progress_text,
)
from napari_nst.settings.results import LossPoint
from tests.plugin.fakes import SCALE


def points(*seconds):
    return [LossPoint(i + 1, 0, 5.0, {}, s) for i, s in enumerate(seconds)]


def test_time_left_forgives_a_pause():
    clock = StepClock()
    clock.add(points(1, 2, 3, 4, 604, 605))
    assert clock.left_s(10) == 4


def test_time_left_is_unknown_before_the_second_step():
    clock = StepClock()
    assert clock.left_s(10) is None
    clock.add(points(1))
    assert clock.left_s(10) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1:00 min"), (187, "3:07 min"), (3720, "1:02 h")],
)
def test_durations_read_like_a_clock(seconds, text):
    assert duration_text(seconds) == text


def test_progress_names_step_loss_and_time_left():
    text = progress_text(Frame(tuple(points(1, 2)), 500, SCALE, None), 90)
    assert text.replace("\xa0", " ") == "Step 2 of 500 · loss 5 · 1:30 min left"


def test_an_outcome_says_what_was_kept():
    assert outcome_text("stopped", 1, 2).startswith("Stopped after 1 step in 2 s")
    assert "last good picture" in outcome_text("diverged", 3, 2)
    assert outcome_text("finished", 3, 2) == "Finished: 3 steps in 2 s."
    assert outcome_text("converged", 3, 2).startswith("Converged")


def test_megabytes_of_an_unknown_total_are_plain():
    assert megabytes_text(12_000_000, 0) == "12 MB"
    assert megabytes_text(12_000_000, 500_000_000) == "12 of 500 MB"


def test_only_states_with_a_thread_are_active():
    ended = {RunState.DONE, RunState.STOPPED, RunState.FAILED}
    idle = {RunState.IDLE, RunState.WAITING}
    assert {state for state in RunState if not state.active} == idle | ended


def test_the_state_says_whether_a_run_came_to_its_end():
    assert RunState.after("finished") is RunState.after("converged") is RunState.DONE
    assert RunState.after("stopped") is RunState.after("diverged") is RunState.STOPPED
    assert not any(state.over and state.active for state in RunState)
