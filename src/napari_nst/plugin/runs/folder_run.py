"""A folder run in the viewer: its thread, and the one layer that shows the pair that is running."""

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, QTimer, Signal

from napari_nst.core.control import RunControl
from napari_nst.errors import NstError
from napari_nst.files.depth import as_uint8
from napari_nst.plugin.layers.extents import bring_layer_into_view, rectangle_of, union
from napari_nst.plugin.layers.visible_picture import PAINTED, PASSING
from napari_nst.plugin.runs.worker import EngineWorker, load_engine
from napari_nst.runs.batch.pairs import Pair
from napari_nst.runs.batch.plan import BatchPlan, BatchRequest
from napari_nst.runs.batch.run import BatchStep, PairResult
from napari_nst.runs.frame_gate import FrameGate
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_nst.plugin.runs.session import Session

_GAP = 0.05
"""Between the other layers and the pair that is running, as a share of their width."""


@dataclass(frozen=True)
class FolderPlan:
    """What a folder run is going to do, and the seconds that it is estimated to take."""

    plan: BatchPlan
    seconds: float


@dataclass(frozen=True)
class FolderFrame:
    """What the screen shows of a step: progress, and sometimes the picture.

    Parameters
    ----------
    step
        The step, without its picture.
    picture : array, shape (H, W, 3) or (H, W, 4), uint8, or None
        After the step; None when only the progress moved.
    """

    step: BatchStep
    picture: npt.NDArray[np.uint8] | None


class FolderRun(QObject):
    """Runs every content in every style, into files, while the viewer stays usable.

    It computes alone: runs of the session that wait start after it, and it starts after the one
    that computes.

    Signals: `planned` with a FolderPlan, `stepped` with a FolderFrame, `settled` with each
    PairResult, `ended` once, with a sentence if it failed and an empty text otherwise.

    Parameters
    ----------
    request
        What to run.
    viewer
        Gets the layer that shows the pair that is running; it is removed at the end, for every
        result is a file then.
    session
        Its queue is held meanwhile.
    """

    planned = Signal(object)
    stepped = Signal(object)
    settled = Signal(object)
    ended = Signal(str)

    def __init__(self, request: BatchRequest, viewer: "Viewer", session: "Session") -> None:
        super().__init__()
        self.request = request
        self._viewer = viewer
        self._session = session
        self._control = RunControl()
        self._gate = FrameGate(interval_s=session.interval_s)
        self._worker: EngineWorker | None = None
        self._layer: Image | None = None
        self._shown: Pair | None = None
        self._goal: tuple[float, float, float] | None = None
        self._drawn = (0.0, False)
        self._fault = ""

    def start(self) -> None:
        """Start as soon as no run of the session computes."""
        self._session.queue.hold()
        if self._session.busy:
            self._session.queue.changed.connect(self._on_queue)
        else:
            self._begin()

    def stop(self) -> None:
        """End it; what is done stays, and the pair that is running is given up."""
        self._control.stop()
        if self._worker is None:
            self._on_finished()

    def abandon(self) -> None:
        """End it and touch the viewer no more, as when the viewer closes; safe to repeat."""
        self._layer = None
        self._control.stop()  # it may still wait for a run to end
        if self._worker is not None:
            self._worker.quit()

    def _on_queue(self) -> None:
        if not self._session.busy:
            self._session.queue.changed.disconnect(self._on_queue)
            self._begin()

    def _begin(self) -> None:
        if self._control.stopped:
            return
        worker = EngineWorker(self._control, folder_events, self.request, self._control, self._gate)
        worker.yielded.connect(self._on_event)
        worker.errored.connect(self._on_error)
        worker.finished.connect(self._on_finished)
        self._worker = worker
        worker.start()

    def _on_event(self, event: FolderPlan | FolderFrame | PairResult) -> None:
        if self._worker is None or self._worker.abort_requested:
            return
        if isinstance(event, FolderPlan):
            self.planned.emit(event)
        elif isinstance(event, PairResult):
            self.settled.emit(event)
        else:
            began = time.perf_counter()
            if event.picture is not None:
                self._show(event.step.pair, event.picture)
            self.stepped.emit(event)
            self._drawn = began, event.picture is not None
            QTimer.singleShot(0, self._on_drawn)

    def _on_drawn(self) -> None:
        began, with_picture = self._drawn
        self._gate.consumed(time.perf_counter() - began, picture=with_picture)

    def _show(self, pair: Pair, picture: npt.NDArray[np.uint8]) -> None:
        """Show a picture in the layer, unless the user has removed it."""
        name = f"folder run: {pair.output.stem}"
        if self._shown is None:
            self._goal = _place_beside(self._viewer)
            self._layer = self._viewer.add_image(
                picture, rgb=True, name=name, metadata={PAINTED: True, PASSING: True}
            )
            self._lay(self._layer, picture)
            bring_layer_into_view(self._viewer, self._layer)
        elif self._layer is not None and self._layer in self._viewer.layers:
            self._layer.data = picture
            self._lay(self._layer, picture)
            if pair != self._shown:
                self._layer.name = name
        self._shown = pair

    def _lay(self, layer: "Image", picture: npt.NDArray[np.uint8]) -> None:
        """Lay the layer beside what was there before, as high as that is."""
        if self._goal is not None:
            top, left, height = self._goal
            factor = height / picture.shape[0]
            layer.scale = (factor, factor)
            layer.translate = (top + factor / 2, left + factor / 2)

    def _on_error(self, error: Exception) -> None:
        self._fault = in_words(error) if isinstance(error, NstError) else repr(error)

    def _on_finished(self) -> None:
        self._worker = None
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None
        self._session.queue.release()
        self.ended.emit(self._fault)


def _place_beside(viewer: "Viewer") -> tuple[float, float, float] | None:
    """Return top, left and height of a place at the right of the visible layers, if there are."""
    shown = [rectangle_of(layer, viewer.dims) for layer in viewer.layers if layer.visible]
    if not shown or viewer.dims.ndisplay != 2 or viewer.canvas.grid.enabled:
        return None
    (top, left), (bottom, right) = union(shown)
    return float(top), float(right + _GAP * (right - left)), float(bottom - top)


def folder_events(
    request: BatchRequest, control: RunControl, gate: FrameGate
) -> Generator[FolderPlan | FolderFrame | PairResult, None, None]:
    """Plan and run a request; yields the plan, what became of each pair, and frames between."""
    load_engine()
    from napari_nst.runs.batch.plan import plan_batch
    from napari_nst.runs.batch.run import run_batch

    plan = plan_batch(request)
    yield FolderPlan(plan, plan.estimate().seconds if plan.due else 0.0)
    if control.stopped:
        return
    with closing(run_batch(plan, control)) as events:
        for event in events:
            if isinstance(event, PairResult):
                yield event
                continue
            step = event.step
            run_s = step.seconds / step.iteration * step.total
            portion = gate.take(run_s=run_s)
            if portion != "nothing":
                picture = as_uint8(step.image()) if portion == "picture" else None
                yield FolderFrame(event, picture)
