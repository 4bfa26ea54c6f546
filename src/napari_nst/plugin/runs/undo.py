"""What can be undone: deletions of runs, for a minute, and other colours of their pictures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QDeadlineTimer, QObject, QTimer, Signal

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import Look, ViewerRun

KEPT_MS = 60_000
MOST_COLORS = 20
"""Changes of colours that can be undone; each keeps a picture."""


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

    @property
    def text(self) -> str:
        count = len(self.entries)
        return "Undo delete" if count == 1 else f"Undo delete of {count} runs"

    def undo(self, session: "Session") -> None:
        entries = self.entries[::-1]
        for entry in entries:
            session.bring_back(entry.run, entry.layers)
        waiting = [(entry.run, entry.ahead) for entry in entries if entry.ahead is not None]
        session.line_up(waiting)

    def let_go(self) -> None:
        for entry in self.entries:
            entry.run.abandon()
            entry.run.snapshots.clear()


@dataclass(frozen=True, eq=False)
class _Recolored:
    """Runs with what they looked like before; kept as long as the runs."""

    looks: "list[tuple[ViewerRun, Look]]"
    text = "Undo colours"

    def undo(self, session: "Session") -> None:
        for run, look in self.looks:
            if run in session.runs:
                run.restore(look)

    def let_go(self) -> None:
        self.looks.clear()


class UndoStack(QObject):
    """Deletes runs of a session, and takes the last deletions and other colours back.

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
        self._done: list[_Batch | _Recolored] = []
        self.kept_ms = KEPT_MS
        # A method of this alone is connected. A `partial` in a connection would keep this alive,
        # to be freed by the end of its own child: PySide then deletes the timer twice.
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.timeout.connect(self._forget_due)

    @property
    def text(self) -> str:
        """What `undo` would do, as on a button; empty if there is nothing to undo."""
        return self._done[-1].text if self._done else ""

    def note_colors(self, looks: "list[tuple[ViewerRun, Look]]") -> None:
        """Let `undo` bring back what runs looked like before they got other colours."""
        self._done.append(_Recolored(looks))
        for oldest in [each for each in self._done if isinstance(each, _Recolored)][:-MOST_COLORS]:
            self._done.remove(oldest)
        self.changed.emit()

    def delete(self, runs: "list[ViewerRun]") -> None:
        """Delete runs with their layers; those that compute end."""
        self.moving.emit()
        entries = []
        for run in runs:
            ahead = self._session.ahead_of(run)
            entries.append(_Entry(run, self._session.set_aside(run), ahead))
        self._done.append(_Batch(entries, QDeadlineTimer(self.kept_ms)))
        self._await_next()
        self.changed.emit()

    def undo(self) -> None:
        """Undo what was done last."""
        if self._done:
            last = self._done.pop()
            if isinstance(last, _Batch):
                self.moving.emit()
            last.undo(self._session)
            self.changed.emit()

    def close(self) -> None:
        """Let go of all that is kept. No Qt here: Qt may have deleted its part of this already."""
        for each in self._done:
            each.let_go()
        self._done.clear()

    def _forget_due(self) -> None:
        due = [batch for batch in self._batches if batch.until.hasExpired()]
        for batch in due:
            self._done.remove(batch)
            batch.let_go()
        gone = [entry.run for batch in due for entry in batch.entries]
        for each in [each for each in self._done if isinstance(each, _Recolored)]:
            each.looks[:] = [(run, look) for run, look in each.looks if run not in gone]
            if not each.looks:
                self._done.remove(each)
        self._await_next()
        if due:
            self.changed.emit()

    def _await_next(self) -> None:
        if self._batches:
            self._clock.start(max(0, min(batch.until.remainingTime() for batch in self._batches)))

    @property
    def _batches(self) -> list[_Batch]:
        return [each for each in self._done if isinstance(each, _Batch)]
