"""Deleted runs, kept with their layers for a minute, so that a deletion can be undone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QDeadlineTimer, QObject, QTimer, Signal

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import ViewerRun

KEPT_MS = 60_000


@dataclass(frozen=True, eq=False)
class _Entry:
    """A run, and its layers by their places in the list.

    `ahead` are the runs that would have started before it; None of a run that did not wait.
    """

    run: "ViewerRun"
    layers: "list[tuple[int, Layer]]"
    ahead: "tuple[ViewerRun, ...] | None"


@dataclass(frozen=True, eq=False)
class _Batch:
    """What one deletion took, and how long it is kept."""

    entries: list[_Entry]
    until: QDeadlineTimer

    def let_go(self) -> None:
        for entry in self.entries:
            entry.run.abandon()
            entry.run.snapshots.clear()


class Deleted(QObject):
    """Deletes runs of a session, and brings the last deleted ones back.

    Signals: `moving` before layers go or come back, `changed` when there is something to undo, or
    no longer.

    Parameters
    ----------
    session
        The runs.

    Attributes
    ----------
    kept_ms
        How long runs to be deleted are kept.
    """

    moving = Signal()
    changed = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__()
        self._session = session
        self._batches: list[_Batch] = []
        self.kept_ms = KEPT_MS
        # A method of this alone is connected. A `partial` in a connection would keep this alive,
        # to be freed by the end of its own child: PySide then deletes the timer twice.
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.timeout.connect(self._forget_due)

    @property
    def count(self) -> int:
        """How many runs `undo` would bring back."""
        return len(self._batches[-1].entries) if self._batches else 0

    def delete(self, runs: "list[ViewerRun]") -> None:
        """Delete runs with their layers; those that compute end."""
        self.moving.emit()
        entries = []
        for run in runs:
            ahead = self._session.ahead_of(run)
            entries.append(_Entry(run, self._session.set_aside(run), ahead))
        self._batches.append(_Batch(entries, QDeadlineTimer(self.kept_ms)))
        self._await_next()
        self.changed.emit()

    def undo(self) -> None:
        """Bring back the runs that were deleted last, if they are still there."""
        if self._batches:
            self.moving.emit()
            entries = self._batches.pop().entries[::-1]
            for entry in entries:
                self._session.bring_back(entry.run, entry.layers)
            waiting = [(entry.run, entry.ahead) for entry in entries if entry.ahead is not None]
            self._session.line_up(waiting)
            self.changed.emit()

    def close(self) -> None:
        """Let go of all deleted runs. No Qt here: Qt may have deleted its part of this already."""
        for batch in self._batches:
            batch.let_go()
        self._batches.clear()

    def _forget_due(self) -> None:
        due = [batch for batch in self._batches if batch.until.hasExpired()]
        for batch in due:
            self._batches.remove(batch)
            batch.let_go()
        self._await_next()
        if due:
            self.changed.emit()

    def _await_next(self) -> None:
        if self._batches:
            self._clock.start(max(0, min(batch.until.remainingTime() for batch in self._batches)))
