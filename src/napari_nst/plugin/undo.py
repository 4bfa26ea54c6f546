"""Deleted runs, kept with their layers for a minute, so that a deletion can be undone."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_nst.plugin.run import Run
    from napari_nst.plugin.session import Session

KEPT_MS = 60_000


@dataclass(frozen=True, eq=False)
class _Entry:
    """A run, and its layers by their places in the list.

    `ahead` are the runs that would have started before it; None of a run that did not wait.
    """

    run: "Run"
    layers: "list[tuple[int, Layer]]"
    ahead: "tuple[Run, ...] | None"


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
        self._batches: list[list[_Entry]] = []
        self.kept_ms = KEPT_MS

    @property
    def count(self) -> int:
        """How many runs `undo` would bring back."""
        return len(self._batches[-1]) if self._batches else 0

    def delete(self, runs: "list[Run]") -> None:
        """Delete runs with their layers; those that compute end."""
        self.moving.emit()
        batch = []
        for run in runs:
            ahead = self._session.ahead_of(run)
            batch.append(_Entry(run, self._session.set_aside(run), ahead))
        self._batches.append(batch)
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(partial(self._forget, batch))
        timer.timeout.connect(timer.deleteLater)
        timer.start(self.kept_ms)
        self.changed.emit()

    def undo(self) -> None:
        """Bring back the runs that were deleted last, if they are still there."""
        if self._batches:
            self.moving.emit()
            entries = self._batches.pop()[::-1]
            for entry in entries:
                self._session.bring_back(entry.run, entry.layers)
            waiting = [(entry.run, entry.ahead) for entry in entries if entry.ahead is not None]
            self._session.line_up(waiting)
            self.changed.emit()

    def close(self) -> None:
        """Let go of all deleted runs at once and tell nobody, for the dock is gone."""
        self.blockSignals(True)
        for batch in list(self._batches):
            self._forget(batch)

    def _forget(self, batch: list[_Entry]) -> None:
        if batch in self._batches:
            self._batches.remove(batch)
            for entry in batch:
                entry.run.abandon()
                entry.run.history.clear()
            batch.clear()  # the timer keeps the list until Qt deletes it
            self.changed.emit()
