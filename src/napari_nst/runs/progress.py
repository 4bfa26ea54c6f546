"""The words of a run: its state, its progress, the time left."""

from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from statistics import median
from typing import Self

from napari_nst.runs.frame_gate import Frame
from napari_nst.settings.results import LossPoint

_WINDOW = 24
_JOINED = "\N{NO-BREAK SPACE}"


class RunState(StrEnum):
    """What a run is doing; the value is the word shown."""

    IDLE = "Ready"
    WAITING = "Waiting"
    PREPARING = "Preparing"
    RUNNING = "Running"
    PAUSED = "Paused"
    STOPPING = "Stopping"
    DONE = "Done"
    STOPPED = "Stopped"
    FAILED = "Failed"

    @classmethod
    def after(cls, reason: str) -> Self:
        """Return the state of a run that ended with a result, by the record's reason."""
        return cls.STOPPED if reason in ("stopped", "diverged") else cls.DONE

    @property
    def active(self) -> bool:
        """Whether a thread is at work."""
        return self in (
            RunState.PREPARING,
            RunState.RUNNING,
            RunState.PAUSED,
            RunState.STOPPING,
        )

    @property
    def over(self) -> bool:
        """Whether a run has ended, in whatever way."""
        return self in (RunState.DONE, RunState.STOPPED, RunState.FAILED)


class StepClock:
    """Estimates the time left from the median time of the last steps.

    The median forgives a pause, which is one long step.
    """

    def __init__(self) -> None:
        self._steps_s: deque[float] = deque(maxlen=_WINDOW)
        self._last: LossPoint | None = None

    def add(self, points: Iterable[LossPoint]) -> None:
        """Record steps, oldest first."""
        for point in points:
            if self._last is not None:
                self._steps_s.append(point.seconds - self._last.seconds)
            self._last = point

    def left_s(self, total: int) -> float | None:
        """Estimate the seconds to the end; None before the second step."""
        if self._last is None or not self._steps_s:
            return None
        return median(self._steps_s) * (total - self._last.iteration)


def progress_text(frame: Frame, left_s: float | None) -> str:
    """Return where a run stands: step, loss and time left."""
    last = frame.points[-1]
    parts = [f"Step {last.iteration} of {frame.total}"]
    if frame.scale.count > 1:
        parts.append(f"scale {frame.scale.index + 1} of {frame.scale.count}")
    parts.append(loss_text(last.loss))
    if left_s is not None:
        parts.append(f"{duration_text(left_s)} left")
    return " · ".join(part.replace(" ", _JOINED) for part in parts)


def loss_text(loss: float) -> str:
    """Return a loss to four digits: "loss 35.21", "loss 13620"."""
    return f"loss {loss:.0f}" if 1e3 <= loss < 1e6 else f"loss {loss:.4g}"


def outcome_text(reason: str, steps: int, seconds: float | None) -> str:
    """Return how a run ended; for a run of an earlier session the seconds are not known."""
    spent = f"{steps} {'step' if steps == 1 else 'steps'}"
    spent += "" if seconds is None else f" in {duration_text(seconds)}"
    match reason:
        case "stopped":
            return f"Stopped after {spent}; the layer keeps what is there."
        case "diverged":
            return (
                f"The loss was no longer a number after {spent}; the layer keeps the last good "
                "picture. Lower the learning rate or the style strength and run again."
            )
        case "converged":
            return f"Converged: {spent}; more steps would not change the picture."
    return f"Finished: {spent}."


def duration_text(seconds: float) -> str:
    """Return a duration as read off a clock: 8 s, 3:07 min, 1:02 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def megabytes_text(done: int, total: int) -> str:
    """Return how much of a download has arrived."""
    return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"
