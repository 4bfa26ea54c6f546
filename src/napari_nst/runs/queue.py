"""The queue of runs: one computes at a time, the others wait."""

from collections.abc import Callable
from typing import Generic, TypeVar

from psygnal import Signal

Job = TypeVar("Job")


class RunQueue(Generic[Job]):
    """Start each job when the one before it has ended.

    The state of a started job is its own affair (`runs.progress.RunState`); the queue is only told
    of its end. All calls and signals belong to the main thread.

    Signals: `changed` when a job was added, left, moved or started.

    Parameters
    ----------
    start
        Starts a job and returns; `ended` must be called when the job is over, in whatever way. It
        may end before `start` returns.
    stop
        Asks a started job to end; `ended` follows.
    """

    changed = Signal()

    def __init__(self, start: Callable[[Job], None], stop: Callable[[Job], None]) -> None:
        self._start = start
        self._stop = stop
        self._waiting: list[Job] = []
        self._computing: Job | None = None
        self._held = False

    @property
    def waiting(self) -> tuple[Job, ...]:
        """Jobs that wait, in the order in which they start."""
        return tuple(self._waiting)

    @property
    def computing(self) -> Job | None:
        """The job that was started and has not ended."""
        return self._computing

    def enqueue(self, job: Job) -> None:
        """Start a job now if none computes, else when its turn comes."""
        self._waiting.append(job)
        self._advance()

    def move(self, job: Job, place: int) -> None:
        """Put a waiting job at `place` in the queue, 0 the next to start.

        A place outside the queue is its nearer end; a job that does not wait stays as it is.
        """
        if job in self._waiting:
            self._waiting.remove(job)
            self._waiting.insert(max(0, place), job)
            self.changed.emit()

    def cancel(self, job: Job) -> None:
        """Remove a waiting job, or ask it to stop if it computes."""
        if job in self._waiting:
            self._waiting.remove(job)
            self.changed.emit()
        elif job == self._computing:
            self._stop(job)

    def cancel_all(self) -> None:
        """Remove all waiting jobs and ask the one that computes to stop."""
        self._waiting.clear()
        self.changed.emit()
        if self._computing is not None:
            self._stop(self._computing)

    def hold(self) -> None:
        """Let no further job start until `release`; the one that computes goes on."""
        self._held = True

    def release(self) -> None:
        """Undo `hold`; safe to repeat."""
        self._held = False
        self._advance()

    def ended(self, job: Job) -> None:
        """Start the next job after the one that computed is over; safe to repeat."""
        if job == self._computing:
            self._computing = None
            self._advance()

    def _advance(self) -> None:
        # A loop, since a job may end before its start returns.
        while self._waiting and self._computing is None and not self._held:
            job = self._computing = self._waiting.pop(0)
            try:
                self._start(job)
            except BaseException:
                if self._computing == job:
                    self._computing = None
                raise
        self.changed.emit()
