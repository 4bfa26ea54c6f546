"""Keeps results safe: saves each one unasked, or knows which are in no file yet."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari.qt.threading import FunctionWorker
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.runs.session import Session
from napari_nst.plugin.runs.viewer_run import ViewerRun
from napari_nst.runs.export import is_saved, save_result
from napari_nst.runs.progress import RunState

LONG_S = 60
"""Whoever waits longer than this has looked elsewhere, and is told that a run is done."""


@dataclass(frozen=True)
class Stake:
    """What would be lost if the viewer closed now; previews, which nobody keeps, left out.

    Parameters
    ----------
    unsaved
        Runs with a result that is in no file with its settings.
    running
        Runs that compute, or are paused.
    waiting
        Runs in the queue.
    """

    unsaved: tuple[ViewerRun, ...] = ()
    running: tuple[ViewerRun, ...] = ()
    waiting: tuple[ViewerRun, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return bool(self.unsaved or self.running or self.waiting)

    @property
    def savable(self) -> tuple[ViewerRun, ...]:
        """Runs with a picture: results, and what has formed of those that run."""
        return (*self.unsaved, *(run for run in self.running if run.kept is not None))

    @property
    def ending(self) -> tuple[ViewerRun, ...]:
        """Runs that compute and cannot go on later: they have no checkpoint."""
        return tuple(run for run in self.running if not run.goes_on_later)


class Autosave(QObject):
    """Saves the results of a session in threads of their own.

    Signals: `kept` with the ViewerRun and the Path, once a result is in a file.

    Parameters
    ----------
    session
        Its runs are watched.
    folder
        Tells the folder of the user's choice; None saves nothing unasked.
    """

    kept = Signal(object, object)

    def __init__(self, session: Session, folder: Callable[[], Path | None]) -> None:
        super().__init__()
        self._session = session
        self._folder = folder
        self._saving: dict[ViewerRun, FunctionWorker] = {}
        session.ended.connect(self._on_ended)

    def unsaved(self) -> list[ViewerRun]:
        """Return the runs whose result is in the viewer, and neither in a file nor being saved."""
        return [
            run
            for run in self._session.runs
            if _is_worth_keeping(run)
            and run.record is not None
            and run.live.layer is not None
            and run not in self._saving
            and not is_saved(run.record)
        ]

    def at_stake(self) -> Stake:
        """Return what closing the viewer would lose."""
        kept = [run for run in self._session.runs if not _is_preview(run)]
        return Stake(
            tuple(self.unsaved()),
            tuple(run for run in kept if run.state.active),
            tuple(run for run in kept if run.state is RunState.WAITING),
        )

    def save(self, runs: Iterable[ViewerRun], folder: Path) -> None:
        """Save pictures at once, in the calling thread: results, or those of runs as they are now.

        Raises
        ------
        ImageError
            If one cannot be written.
        """
        for run in runs:
            if run.kept is not None and run not in self._saving:
                save_result(folder, run.name, *run.kept)

    def _on_ended(self, run: ViewerRun) -> None:
        folder = self._folder()
        result = run.result
        if folder is None or result is None or not _is_worth_keeping(run):
            return
        worker = FunctionWorker(save_result, folder, run.name, result.image, result.record)
        worker.returned.connect(partial(self._on_kept, run))
        worker.errored.connect(self._on_error)
        worker.finished.connect(partial(self._saving.pop, run, None))
        self._saving[run] = worker
        worker.start()

    def _on_kept(self, run: ViewerRun, path: Path) -> None:
        self.kept.emit(run, path)

    def _on_error(self, error: Exception) -> None:
        show_warning(f"A result was not saved: {translated(error)}")


def _is_worth_keeping(run: ViewerRun) -> bool:
    return run.result is not None and not _is_preview(run)


def _is_preview(run: ViewerRun) -> bool:
    return run.plan.full is not None


def tell_when_done(run: ViewerRun, window: QWidget) -> None:
    """Tell of the end of a run that took long, or whose dock is closed, in napari and the task bar.

    Who stopped it knows.
    """
    result = run.result
    if result is None or result.reason == "stopped":
        return
    closed = isinstance(window.parentWidget(), QMainWindow)  # which keeps a closed dock's widget
    if closed or result.seconds > LONG_S:
        show_info(f"{run.name}: {run.text}")
        QApplication.alert(window)
