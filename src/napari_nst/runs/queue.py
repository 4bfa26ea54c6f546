"""The queue of runs: one computes at a time on a device, the others wait. No Qt here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from psygnal import Signal

from napari_nst.errors import NstError

Job = TypeVar("Job")


@dataclass(frozen=True, eq=False)
class Ticket(Generic[Job]):
    """A place in the queue; two tickets are never equal, even of the same job.

    Parameters
    ----------
    job
        What is to be run, such as a RunRequest.
    device
        Where it computes, "auto" resolved: "auto" and "cuda:0" count as two devices.
    """

    job: Job
    device: str


class RunQueue(Generic[Job]):
    """Starts a job where its device is free, lets it wait where it is not.

    How far a started job has come is its own affair (`plugin.progress.RunState`); the queue
    is told only of its end. All calls and signals belong to one thread, the main one.

    Signals: `changed` when a ticket came, went, moved or started; `refused` with a ticket
    whose start failed and the NstError, after which the queue goes on.

    Parameters
    ----------
    start
        Starts a ticket's job and returns; `ended` must be called when the job is over, by
        whatever way. It may end before `start` returns.
    stop
        Asks a started job to end; `ended` follows.
    """

    changed = Signal()
    refused = Signal(object, object)

    def __init__(
        self,
        start: Callable[[Ticket[Job]], None],
        stop: Callable[[Ticket[Job]], None],
    ) -> None:
        self._start = start
        self._stop = stop
        self._waiting: list[Ticket[Job]] = []
        self._computing: dict[str, Ticket[Job]] = {}

    @property
    def waiting(self) -> tuple[Ticket[Job], ...]:
        """Tickets that wait, in the order in which they start."""
        return tuple(self._waiting)

    @property
    def computing(self) -> tuple[Ticket[Job], ...]:
        """Tickets whose job was started and has not ended; one a device at most."""
        return tuple(self._computing.values())

    def enqueue(self, job: Job, *, device: str = "cpu") -> Ticket[Job]:
        """Start a job now if its device is free, else when its turn comes."""
        ticket = Ticket(job, device)
        self._waiting.append(ticket)
        self._advance()
        return ticket

    def move(self, ticket: Ticket[Job], place: int) -> None:
        """Put a waiting ticket at `place` in the line, 0 the next to start.

        A place beyond the line's ends is its end; a ticket that waits no more stays as it is.
        """
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            self._waiting.insert(max(0, place), ticket)
            self.changed.emit()

    def cancel(self, ticket: Ticket[Job]) -> None:
        """Take a ticket off the line, or ask its job to stop if it computes."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            self.changed.emit()
        elif ticket in self.computing:
            self._stop(ticket)

    def cancel_all(self) -> None:
        """Empty the line and ask all jobs that compute to stop."""
        self._waiting.clear()
        self.changed.emit()
        for ticket in self.computing:
            self._stop(ticket)

    def ended(self, ticket: Ticket[Job]) -> None:
        """Free the device of a job that is over and start the next; safe to repeat."""
        if self._computing.get(ticket.device) is ticket:
            del self._computing[ticket.device]
            self._advance()

    def _advance(self) -> None:
        """Start what can start, then tell the listeners."""
        while (ticket := self._next()) is not None:
            self._waiting.remove(ticket)
            self._computing[ticket.device] = ticket
            self._begin(ticket)
        self.changed.emit()

    def _next(self) -> Ticket[Job] | None:
        return next((each for each in self._waiting if each.device not in self._computing), None)

    def _begin(self, ticket: Ticket[Job]) -> None:
        try:
            self._start(ticket)
        except NstError as error:
            self._release(ticket)
            self.refused.emit(ticket, error)
        except BaseException:
            self._release(ticket)
            raise

    def _release(self, ticket: Ticket[Job]) -> None:
        if self._computing.get(ticket.device) is ticket:
            del self._computing[ticket.device]
