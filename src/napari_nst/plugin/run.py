"""One run in the viewer: its thread, its live layer and its state."""

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_nst.core.control import RunControl
from napari_nst.errors import NstError
from napari_nst.plugin.frames import Frame, FrameGate, Point
from napari_nst.plugin.live_layer import LiveLayer
from napari_nst.plugin.pictures import as_uint8
from napari_nst.plugin.placement import Placement
from napari_nst.plugin.progress import RunState, StepClock, outcome_text, progress_text
from napari_nst.plugin.worker import RunRequest, RunWorker

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_nst.api import StyleResult

_TURNS_TO_PAINT = 2
"""Turns of the event loop after which Qt has painted: one posts the paint, one does it."""


class Run(QObject):
    """Ties a worker to a live layer; a widget listens to its signals.

    Signals: `changed` when state or text are new, `framed` with each Frame, `ended` once.

    Parameters
    ----------
    request
        What to run.
    viewer
        Gets the live layer.
    name
        The live layer's name.
    placement
        Where the content lies.
    """

    changed = Signal()
    framed = Signal(object)
    ended = Signal()

    def __init__(
        self, request: RunRequest, viewer: "Viewer", name: str, placement: Placement
    ) -> None:
        super().__init__()
        self.state = RunState.PREPARING
        self.text = "Loading the network and looking at the pictures…"
        self.result: StyleResult | None = None
        self.live = LiveLayer(viewer, name, placement)
        self.control = RunControl()
        self._viewer = viewer
        self._gate = FrameGate()
        self._clock = StepClock()
        self._drawing: tuple[float, bool] | None = None
        self._turns = 0
        self._worker: RunWorker | None = RunWorker(request, self.control, self._gate)
        self._worker.yielded.connect(self._on_frame)
        self._worker.returned.connect(self._on_result)
        self._worker.errored.connect(self._on_error)
        self._worker.finished.connect(self._on_finished)
        viewer.layers.events.removed.connect(self._on_layer_removed)

    def start(self) -> None:
        """Start the thread."""
        assert self._worker is not None
        self._worker.start()

    def pause(self) -> None:
        """Hold the run before its next step."""
        if self.state in (RunState.PREPARING, RunState.RUNNING):
            self.control.pause()
            self._set(RunState.PAUSED)

    def resume(self) -> None:
        """Let a paused run go on."""
        if self.state is RunState.PAUSED:
            self.control.resume()
            self._set(RunState.RUNNING)

    def stop(self) -> None:
        """End the run and keep what is there."""
        if self.state.active:
            self.control.stop()
            self._set(RunState.STOPPING)

    def abandon(self) -> None:
        """End the run and forget its layer, as when the viewer closes; safe to repeat."""
        self.live.release()
        self.result = None
        if self._worker is not None:
            self._worker.quit()

    def history(self) -> list[Point]:
        """Give the loss at every step of a run that has ended with a result."""
        history = () if self.result is None else self.result.history
        return [Point(at.iteration, at.loss, at.terms, at.seconds) for at in history]

    def _on_frame(self, frame: Frame) -> None:
        started = time.perf_counter()
        if self._worker is None or self._worker.abort_requested:
            return
        self._clock.add(frame.points)
        if frame.picture is not None:
            first = self.live.layer is None
            self.live.show(frame.picture)
            # Adding the layer is paid once; the next picture's cost is that of drawing.
            started = time.perf_counter() if first else started
        self.text = progress_text(frame, self._clock.left_s(frame.total))
        self._set(RunState.RUNNING if self.state is RunState.PREPARING else self.state)
        self.framed.emit(frame)
        self._drawing, self._turns = (started, frame.picture is not None), 0
        QTimer.singleShot(0, self._on_turn)

    def _on_turn(self) -> None:
        """Open the gate once Qt has painted, with what slot and painting took together."""
        if self._drawing is None:
            return
        self._turns += 1
        if self._turns < _TURNS_TO_PAINT:
            QTimer.singleShot(0, self._on_turn)
            return
        (started, picture), self._drawing = self._drawing, None
        self._gate.consumed(time.perf_counter() - started, picture=picture)

    def _on_result(self, result: "StyleResult") -> None:
        self.result = result
        self.live.finish(as_uint8(result.image), result.record)
        self.text = outcome_text(result.reason, result.record.steps_done, result.seconds)
        self._set(RunState.DONE)

    def _on_error(self, error: Exception) -> None:
        self.text = str(error) if isinstance(error, NstError) else repr(error)
        self._set(RunState.FAILED)

    def _on_finished(self) -> None:
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._worker = None
        if self.state.active:
            self.text = "The run ended with its layer."
            self._set(RunState.DONE)
        self.ended.emit()

    def _on_layer_removed(self, event: "Event[Any]") -> None:
        layer: Layer = event.value
        if self.live.is_layer(layer):
            self.abandon()

    def _set(self, state: RunState) -> None:
        self.state = state
        self.changed.emit()
