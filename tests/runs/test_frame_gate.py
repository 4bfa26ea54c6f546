import threading

import numpy as np

from napari_nst.core.control import RunControl
from napari_nst.runs.frame_gate import FrameGate, frames
from tests.plugin.fakes import FakeStep


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_one_frame_is_in_flight_until_it_is_consumed():
    clock = Clock()
    gate = FrameGate(clock)
    assert gate.take() == "picture"
    clock.now = 100
    assert gate.take() == "nothing"
    gate.consumed(0.001, picture=True)
    clock.now = 200
    assert gate.take() == "picture"


def test_the_next_frame_comes_no_sooner_than_30_times_the_cost_of_the_last():
    clock = Clock()
    gate = FrameGate(clock)
    gate.take()
    gate.consumed(0.05, picture=True)
    clock.now = 1.49
    assert gate.take() == "nothing"
    clock.now = 1.51
    assert gate.take() == "picture"


def test_a_picture_that_was_dear_to_draw_does_not_stop_the_next_for_long():
    clock = Clock()
    gate = FrameGate(clock)
    gate.take()
    gate.consumed(10.0, picture=True)
    clock.now = 4.9
    assert gate.take() == "nothing"
    clock.now = 5.1
    assert gate.take() == "picture"


def test_a_short_run_is_seen_six_times_however_dear_drawing_is():
    clock = Clock()
    gate = FrameGate(clock)
    gate.take(run_s=6.0)
    gate.consumed(10.0, picture=True)
    clock.now = 0.99
    assert gate.take(run_s=6.0) == "nothing"
    clock.now = 1.01
    assert gate.take(run_s=6.0) == "picture"


def test_pictures_come_no_sooner_than_the_user_prefers():
    clock = Clock()
    gate = FrameGate(clock, interval_s=5.0)
    gate.take()
    gate.consumed(0.001, picture=True)
    clock.now = 4.9
    assert gate.take() == "text"
    gate.consumed(0.001, picture=False)
    clock.now = 5.1
    assert gate.take() == "picture"


def test_a_run_about_to_pause_shows_its_picture_at_once():
    clock = Clock()
    gate = FrameGate(clock)
    gate.take()
    gate.consumed(10.0, picture=True)
    assert gate.take(urgent=True) == "picture"


def test_a_pause_waits_for_a_slow_screen_to_show_where_it_is(monkeypatch):
    monkeypatch.setattr("napari_nst.runs.frame_gate.SCREEN_WAIT_S", 0.0)
    control, gate = RunControl(), FrameGate()
    shown = frames(run_of(2, []), gate, control)
    assert next(shown).points[-1].iteration == 1
    control.pause()
    slow = threading.Timer(0.2, lambda: gate.consumed(0.001, picture=True))
    slow.start()
    frame = next(shown)
    slow.join()
    assert frame.points[-1].iteration == 2
    assert frame.picture is not None


def test_a_pause_asked_for_behind_a_step_shows_that_step():
    clock, control = Clock(), RunControl()
    gate = FrameGate(clock, interval_s=100.0)
    shown = frames(run_of(3, []), gate, control)
    next(shown)
    gate.consumed(0.0, picture=True)
    clock.now += 1.0
    behind = next(shown)
    assert behind.picture is None, "only words: the picture is not due"
    gate.consumed(0.0, picture=False)
    control.pause()
    again = next(shown)
    assert again.points == behind.points
    assert again.picture is not None


def run_of(total, closed):
    try:
        for iteration in range(1, total + 1):
            yield FakeStep(iteration, total)
        return "result"
    finally:
        closed.append(True)


def test_every_step_is_in_some_frame_though_few_are_drawn():
    clock, closed = Clock(), []
    gate = FrameGate(clock)
    stream = frames(run_of(9, closed), gate, RunControl())
    seen, outcome = [], None
    while True:
        try:
            frame = next(stream)
        except StopIteration as end:
            outcome = end.value
            break
        seen += [point.iteration for point in frame.points]
        gate.consumed(0.001, picture=frame.picture is not None)
        clock.now += 1
    assert seen == list(range(1, 10))
    assert outcome == "result"
    assert closed == [True]


def test_a_picture_is_8_bit_and_of_the_step_that_is_shown():
    frame = next(frames(run_of(1, []), FrameGate(Clock()), RunControl()))
    assert frame.picture.dtype == np.uint8
    assert frame.picture[0, 0, 0] == 1


def test_leaving_the_frames_closes_the_run():
    closed = []
    stream = frames(run_of(9, closed), FrameGate(Clock()), RunControl())
    next(stream)
    stream.close()
    assert closed == [True]
