"""Which steps of a run reach the screen: one frame in flight, none too soon."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from napari_nst.core.control import RunControl
from napari_nst.files.depth import as_uint8
from napari_nst.settings.results import LossPoint, Scale

if TYPE_CHECKING:
    from napari_nst.api import Step, StyleResult
    from napari_nst.runs.snapshots import SnapshotStore
    from napari_nst.settings.record import RunRecord

DRAWING_RATIO = 30
"""A frame comes no sooner than this many times the cost of drawing the last one."""

LONGEST_S = 5.0
"""But a picture no later than this: on a busy machine drawing looks expensive, and is still due."""

LEAST_PICTURES = 6
"""And no later than this part of the run: a short one must be seen too."""

SHORTEST_S = 0.1
"""Progress changes no more often than this: nobody reads faster."""

SCREEN_WAIT_S = 0.5
"""How long a run waits at most for the screen at its first frame."""

_POLL_S = 0.01

Portion = Literal["nothing", "text", "picture"]


@dataclass(frozen=True)
class Frame:
    """What the GUI is told at once.

    Parameters
    ----------
    points
        Every step since the last frame, oldest first; the last one again where only its picture
        is new.
    total
        Steps of the whole run.
    scale
        The scale of the last step.
    picture : array, shape (H, W, 3) or (H, W, 4), uint8, or None
        After the last step; None when only the progress moved.
    record
        What reproduces the picture, of a run stopped there.
    """

    points: tuple[LossPoint, ...]
    total: int
    scale: Scale
    picture: npt.NDArray[np.uint8] | None
    record: "RunRecord | None" = None


class FrameGate:
    """Decides in the run's thread what may be shown; the GUI reports what that cost.

    Parameters
    ----------
    clock
        A monotonic clock in seconds.
    interval_s
        A picture comes no sooner than this after the last one, as the user prefers.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, interval_s: float = 0.0
    ) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._ready = threading.Event()
        self._ready.set()
        # When, and at which cost in seconds, anything was drawn, and a picture.
        self._last = self._last_picture = (-float("inf"), 0.0)

    def take(self, *, run_s: float = float("inf"), urgent: bool = False) -> Portion:
        """Claim what may be shown now; anything but "nothing" is then in flight.

        Parameters
        ----------
        run_s
            How long the whole run will take.
        urgent
            A picture is wanted whatever it costs, for the run is about to pause.
        """
        now = self._clock()
        longest_s = min(LONGEST_S, run_s / LEAST_PICTURES)

        def is_due(last: tuple[float, float], least_s: float) -> bool:
            drawn, cost_s = last
            return now >= drawn + max(least_s, min(DRAWING_RATIO * cost_s, longest_s))

        if not self._ready.is_set() or not (urgent or is_due(self._last, SHORTEST_S)):
            return "nothing"
        self._ready.clear()
        wanted = urgent or is_due(self._last_picture, self._interval_s)
        return "picture" if wanted else "text"

    def wait_for_screen(self, control: RunControl) -> None:
        """Hold the run's thread until the frame in flight is drawn, for long only in a pause."""
        end = time.monotonic() + SCREEN_WAIT_S
        while control.paused or time.monotonic() < end:
            if control.stopped or self._ready.wait(_POLL_S):
                return

    def consumed(self, cost_s: float, *, picture: bool) -> None:
        """Let the next frame come, after it drew for `cost_s` seconds.

        Parameters
        ----------
        cost_s
            Time that the GUI thread spent.
        picture
            Whether a picture was drawn, and not only progress.
        """
        self._last = (self._clock(), cost_s)
        if picture:
            self._last_picture = self._last
        self._ready.set()


def frames(
    run: "Generator[Step, None, StyleResult]",
    gate: FrameGate,
    control: RunControl,
    *,
    snapshots: "SnapshotStore | None" = None,
    until: int | None = None,
) -> "Generator[Frame, None, StyleResult]":
    """Exhaust a run, yielding a frame where the gate lets one through.

    The run is closed on every way out, which frees its tensors.

    Parameters
    ----------
    run
        What `iter_stylize` gave.
    gate
        Lets frames through.
    control
        Of the run.
    snapshots
        Gets the snapshots that are due.
    until
        Stop after this step, to repeat a run that was stopped there.
    """
    points: list[LossPoint] = []
    is_first = True
    unseen: Step | None = None
    try:
        while True:
            # A pause may have been asked for since the step: it holds the run within `next`.
            if control.paused and unseen is not None:
                gate.wait_for_screen(control)
                if gate.take(urgent=True) == "picture":
                    yield _frame(points or [_point(unseen)], unseen, with_picture=True)
                    points, unseen = [], None
            try:
                step = next(run)
            except StopIteration as end:
                result: StyleResult = end.value
                return result
            points.append(_point(step))
            unseen = step
            if step.iteration == until:
                control.stop()
            if snapshots is not None:
                _remember(snapshots, points[-1], step)
            portion = gate.take(run_s=step.seconds / step.iteration * step.total)
            if portion != "nothing":
                yield _frame(points, step, with_picture=portion == "picture")
                points, unseen = [], None if portion == "picture" else step
                if is_first:
                    # Adding the layer is the GUI's most expensive step: leave it the CPU.
                    gate.wait_for_screen(control)
                    is_first = False
    finally:
        run.close()


def newer(points: Iterable[LossPoint], than: Sequence[LossPoint]) -> list[LossPoint]:
    """Return the points after the last of those known."""
    last = than[-1].iteration if than else 0
    return [point for point in points if point.iteration > last]


def _point(step: "Step") -> LossPoint:
    return LossPoint(step.iteration, step.scale.index, step.loss, step.terms, step.seconds)


def _frame(points: list[LossPoint], step: "Step", *, with_picture: bool) -> Frame:
    if not with_picture:
        return Frame(tuple(points), step.total, step.scale, None)
    return Frame(tuple(points), step.total, step.scale, as_uint8(step.image()), step.record())


def _remember(snapshots: "SnapshotStore", point: LossPoint, step: "Step") -> None:
    snapshots.learn((point,))
    if snapshots.due(step.iteration):
        snapshots.add(step.iteration, step.loss, step.scale.index, as_uint8(step.image()))
