"""A run without an engine: steps of any number, cost and misfortune."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, SteeringEvent

SCALE = SimpleNamespace(index=0, count=1, height=8, width=10)


@dataclass(frozen=True)
class FakeStep:
    iteration: int
    total: int
    scale: object = field(default_factory=lambda: SCALE)
    loss: float = 1.0
    terms: dict = field(default_factory=lambda: {"content": 0.25, "style": 0.75})
    seconds: float = 0.0
    events: tuple = ()

    def image(self):
        return np.full((8, 10, 3), self.iteration % 256, np.uint8)

    def record(self):
        return result(self.iteration, "stopped", events=self.events).record


def result(steps_done, reason="finished", config=None, events=()):
    record = RunRecord(
        config or StyleConfig(), {}, {}, "untrained", tuple(events), steps_done, reason
    )
    return SimpleNamespace(
        image=np.full((8, 10, 3), 77, np.uint8),
        painted=np.full((8, 10, 3), 77 / 255, np.float32),
        history=(),
        reason=reason,
        record=record,
        seconds=1.0,
    )


def fake_engine(total=20, *, wait_s=0.0, fail_at=None, error=None, closed=None):
    """Make a stand-in for iter_stylize; `closed` collects the iterations at which it closed."""

    def iter_stylize(content, style, config, *, control, **_):
        step, events = 0, []
        try:
            for step in range(1, total + 1):
                if control.wait_while_paused():
                    return result(step - 1, "stopped", config, events)
                changes = control.take_changes()
                events += [SteeringEvent(step - 1, *change) for change in changes.items()]
                control._stopped.wait(wait_s)
                if step == fail_at:
                    raise error
                yield FakeStep(step, total, seconds=step * wait_s, events=tuple(events))
            return result(total, config=config, events=events)
        finally:
            if closed is not None:
                closed.append(step)

    return iter_stylize
