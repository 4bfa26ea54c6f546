import threading

import pytest

from napari_nst.core.control import RunControl, Stopped
from napari_nst.errors import ConfigError


def test_stop_releases_a_paused_run() -> None:
    control = RunControl()
    control.pause()
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(control.wait_while_paused()))
    waiter.start()
    assert waiter.is_alive()
    control.stop()
    waiter.join(5)
    assert answers == [True]


@pytest.mark.parametrize("ends_by", ["resume", "stop"])
def test_a_step_by_windows_holds_while_paused_and_ends_by_a_stop(ends_by: str) -> None:
    control, ended = RunControl(), []

    def work() -> None:
        try:
            control.hold()
            ended.append("resume")
        except Stopped:
            ended.append("stop")

    control.pause()
    worker = threading.Thread(target=work)
    worker.start()
    assert worker.is_alive()
    getattr(control, ends_by)()
    worker.join(5)
    assert ended == [ends_by]


def test_pause_and_resume() -> None:
    control = RunControl()
    control.pause()
    assert control.paused
    control.resume()
    assert not control.paused
    assert control.wait_while_paused() is False


def test_a_stopped_run_cannot_be_paused() -> None:
    control = RunControl()
    control.stop()
    control.pause()
    assert control.wait_while_paused() is True


def test_changes_are_handed_over_once() -> None:
    control = RunControl()
    control.steer(style_strength=2.0)
    control.steer(style_strength=3.0, tv_weight=1.0)
    assert control.take_changes() == {"style_strength": 3.0, "tv_weight": 1.0}
    assert control.take_changes() == {}


def test_only_steerable_fields_and_valid_values_are_taken() -> None:
    control = RunControl()
    with pytest.raises(ConfigError, match="size cannot change"):
        control.steer(size=64)
    with pytest.raises(ConfigError, match="at least 0"):
        control.steer(style_strength=-1.0)
    with pytest.raises(ConfigError, match="at least 0"):
        control.steer(style_layer_weights=(1.0, -1.0, 1.0, 1.0, 1.0))
    with pytest.raises(ConfigError, match="5 style layers; got 2"):
        control.steer(style_layer_weights=(1.0, 1.0))
    assert control.take_changes() == {}
