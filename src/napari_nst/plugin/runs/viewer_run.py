"""One run in the viewer: its thread, its layers and its state."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from napari_nst.core.control import RunControl
from napari_nst.errors import NstError
from napari_nst.files.depth import as_uint8
from napari_nst.plugin.common.torch_import import import_torch
from napari_nst.plugin.layers.live_layer import LiveLayer
from napari_nst.plugin.runs.plan import RunPlan, find_content
from napari_nst.plugin.runs.run_file import RunFile
from napari_nst.plugin.runs.worker import EngineWorker, run_request
from napari_nst.runs.export import record_at
from napari_nst.runs.frame_gate import Frame, FrameGate, newer
from napari_nst.runs.naming import is_generated, unique
from napari_nst.runs.progress import RunState, StepClock, outcome_text, progress_text
from napari_nst.runs.snapshots import SnapshotStore
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.fields import COLOR_SETTINGS, Colors
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.record import METADATA_KEY, RunRecord
from napari_nst.settings.regions import REGIONS, Regions
from napari_nst.settings.results import LossPoint
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from napari_nst.api import StyleResult
    from napari_nst.plugin.runs.snapshot_layers import SnapshotLayer

_TURNS_TO_PAINT = 2
"""Turns of the event loop after which Qt has painted: one posts the paint, one does it."""


@dataclass(frozen=True, eq=False)
class Look:
    """A finished picture with what reproduces it.

    Parameters
    ----------
    picture : array, shape (H, W, 3) or (H, W, 4)
    record, result
        As in ViewerRun.
    """

    picture: npt.NDArray[Any]
    record: RunRecord
    result: "StyleResult | None"


class ViewerRun(QObject):
    """Ties a worker to a live layer; a session listens to its signals.

    Signals: `changed` and `ended` (once) with the run itself, `framed` with each Frame.

    Parameters
    ----------
    plan
        What to run, and where to show it.
    viewer
        Gets the live layer.
    snapshots
        Keeps pictures of the run's past.
    interval_s
        The least time between two pictures.
    checkpoint_every_s
        The least time between two checkpoints; 0 writes none.
    taken
        Returns the names that this run cannot have; its own may be among them.

    Attributes
    ----------
    number
        Its place among all runs of the session, deleted ones included.
    """

    changed = Signal(object)
    framed = Signal(object)
    ended = Signal(object)

    def __init__(
        self,
        plan: RunPlan,
        viewer: "Viewer",
        snapshots: SnapshotStore,
        *,
        interval_s: float = 0.0,
        checkpoint_every_s: float = 0.0,
        taken: Callable[[], Collection[str]] = tuple,
    ) -> None:
        super().__init__()
        self.plan = plan
        resumed = plan.resume
        wanted = {} if resumed is None else resumed.note
        self.name = unique(wanted.get("name", plan.name.text), taken())
        self.number = 0
        self.state = RunState.WAITING
        self.text = "Waits for its turn."
        self.points: list[LossPoint] = [] if resumed is None else list(resumed.history)
        self.shown: Frame | None = None
        self.result: StyleResult | None = None
        self.record: RunRecord | None = None
        self.error: Exception | None = None
        self.snapshots = snapshots
        self.live = LiveLayer(viewer, self.name, plan.placement)
        self.live.renamed.connect(self._on_renamed)
        self.snapshot_layers: list[SnapshotLayer] = []
        self.control = RunControl()
        events = () if resumed is None else resumed.record.events
        self._steered: dict[str, Any] = {e.field: e.value for e in events if e.field != REGIONS}
        self._regions = None if plan.request is None else plan.request.regions
        if resumed is not None:
            self._regions = resumed.record.ending_regions
        self._viewer, self._taken = viewer, taken
        self._opened: npt.NDArray[Any] | None = None
        self._content: PixelSource | None = None
        self._told = plan.name.text if resumed is None else self._telling_name
        self._gate = FrameGate(interval_s=interval_s)
        self._clock = StepClock()
        self._drawing: tuple[float, bool] | None = None
        self._turns = 0
        self._worker: EngineWorker | None = None
        self._checkpoint_every_s = checkpoint_every_s
        self._file: RunFile | None = None
        self._has_warned = False

    @property
    def config(self) -> StyleConfig:
        """The settings as asked, with what was steered since."""
        if self.record is not None:
            return self.record.ending
        assert self.plan.request is not None
        return self.plan.request.config.replace(**self._steered)

    @property
    def regions(self) -> Regions | None:
        """The regions of now; None where there are none."""
        if self.record is not None:
            return self.record.ending_regions
        return self._regions

    @property
    def picture(self) -> "npt.NDArray[Any] | None":
        """The picture of now, shape (H, W, 3) or (H, W, 4); None before the first."""
        if self.result is not None:
            return self.result.image
        layer = self.live.layer
        if layer is None or not layer.rgb:
            return None
        data = layer.data[0] if layer.multiscale else layer.data
        return np.asarray(data.reshape(data.shape[-3:]))

    @property
    def painted(self) -> "npt.NDArray[Any] | None":
        """The picture to go on from: as painted, before it got its colours, where it is known."""
        if self.result is None:
            return self.picture
        return self.result.painted.clip(0, 1)

    @property
    def kept(self) -> "tuple[npt.NDArray[Any], RunRecord] | None":
        """What a file would hold: the picture, and the record that reproduces it.

        Before the end they are those of a run stopped at the picture shown last; None before the
        first picture.
        """
        if self.record is not None:
            picture, record = self.picture, self.record
        elif self.shown is not None and self.shown.record is not None:
            picture, record = self.shown.picture, self.shown.record
        else:
            return None
        return None if picture is None else (picture, record)

    @property
    def layers(self) -> "list[Layer]":
        """The layers of this run that the viewer has."""
        live = [] if self.live.layer is None else [self.live.layer]
        return [*live, *(snapshot.layer for snapshot in self.snapshot_layers)]

    @property
    def is_name_generated(self) -> bool:
        """Whether the name tells the settings; False once the user has renamed the layer."""
        return is_generated(self.name, self._told)

    @property
    def goes_on_later(self) -> bool:
        """Whether the run computes and, if it is cut off, can be gone on with."""
        return self._file is not None and self._file.is_kept

    def start(self) -> None:
        """Start the thread."""
        assert self.plan.request is not None
        self._file = RunFile(self.plan, self.name, self._checkpoint_every_s)
        self.text = "Loading the network and looking at the pictures…"
        worker = EngineWorker(
            self.control,
            run_request,
            self.plan.request,
            self.control,
            self._gate,
            self.snapshots,
            self._file,
        )
        worker.yielded.connect(self._on_frame)
        worker.returned.connect(self._on_result)
        worker.errored.connect(self._on_error)
        worker.finished.connect(self._on_finished)
        self._worker = worker
        self._set(RunState.PREPARING)
        worker.start()

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
        """End the run and keep what is there; its checkpoint is deleted."""
        if self.state.active:
            self.finish_file()
            self.control.stop()
            self._set(RunState.STOPPING)

    def finish_file(self) -> None:
        """Let the checkpoint be deleted when the run ends, in whatever way."""
        if self._file is not None:
            self._file.is_over.set()

    def steer(self, **changes: Any) -> None:  # noqa: ANN401 - validated by StyleConfig
        """Change settings from the next step on; raises ConfigError if they do not fit."""
        self.control.steer(**changes)
        self._steered |= changes
        if not set(changes) <= set(COLOR_SETTINGS):  # losses before and after other colours compare
            self.snapshots.mark_change(self.points[-1].iteration if self.points else 0)
        if self.plan.request is not None and not self.plan.request.events:
            self._tell_settings()  # a replay's settings are known at its end

    def repaint(self, regions: Regions | None) -> None:
        """Change the regions from the next step on; raises ConfigError if they do not fit."""
        self.control.repaint(regions)
        self._regions = regions
        self.snapshots.mark_change(self.points[-1].iteration if self.points else 0)

    def recolor(self, colors: Colors, strength: float | None = None) -> None:
        """Give a finished picture other colours, without running again.

        Parameters
        ----------
        colors, strength
            As in StyleConfig; without a strength that of now stays.

        Raises
        ------
        ConfigError
            If its record is from a version that kept no colours of its content and style, or the
            colours come from what is not at hand.
        """
        if self.result is not None:
            self.result = self.result.with_colors(colors, strength)
            self.record = self.result.record
            self._tell_settings()
            self.show_result()
        elif self.record is not None and self.picture is not None:
            self._recolor_layer(self.picture, self.record.with_colors(colors, strength))
        self.changed.emit(self)

    @property
    def look(self) -> "Look | None":
        """What `restore` brings back after other colours; None before the end."""
        if self.record is None or self.picture is None:
            return None
        return Look(self.picture, self.record, self.result)

    def restore(self, look: "Look") -> None:
        """Take other colours back."""
        self.result, self.record = look.result, look.record
        self._tell_settings()
        self.live.finish(as_uint8(look.picture), look.record)
        self.changed.emit(self)

    def _recolor_layer(self, picture: npt.NDArray[Any], record: RunRecord) -> None:
        """Give the layer of an earlier session the record's colours, from those that it had."""
        import_torch()
        from napari_nst.api import recolored

        ending = record.ending
        if ending.colors == "luminance" and self._content is None:
            self._content = find_content(self._viewer, record)
        if self._opened is None:
            self._opened = as_uint8(picture)
        picture = recolored(
            self._opened,
            self._opened[..., :3].astype(np.float32) / np.float32(255),
            record,
            ending.colors,
            strength=ending.color_strength,
            content=self._content,
        )
        self.record = record
        self.live.finish(picture, record)

    def abandon(self) -> None:
        """End the run and forget its layers, as when the viewer closes; safe to repeat."""
        self.live.release()
        self.snapshot_layers.clear()
        self.result = self.shown = None
        if self._worker is not None:
            self._worker.quit()

    def adopt(self, layer: "Image", record: RunRecord) -> None:
        """Become the run of an earlier session that left `layer`."""
        self.live.adopt(layer)
        self.record = record
        self.state = RunState.after(record.reason)
        self.text = outcome_text(record.reason, record.steps_done, None)

    def forget_layer(self, layer: "Layer") -> bool:
        """Forget a layer that was removed; a running run ends without its live layer.

        Returns
        -------
        bool
            Whether the layer was this run's.
        """
        kept = [snapshot for snapshot in self.snapshot_layers if snapshot.layer != layer]
        ours = len(kept) < len(self.snapshot_layers)
        self.snapshot_layers[:] = kept
        if self.live.is_layer(layer):
            ours = True
            if self.state.active:
                self.abandon()
            self.live.release()
        return ours

    def settle_name(self) -> None:
        """Make the name unique again: another run may have got it while this one was set aside."""
        self.live.rename(unique(self.name, self._taken()))

    def show_result(self) -> None:
        """Show the result, in a new layer if the old one is gone."""
        if self.result is not None and self.record is not None:
            self.live.finish(self.result.image, self.record)

    def label_snapshot(self, snapshot: "SnapshotLayer") -> None:
        """Store in a snapshot's layer what reproduces it, as soon as that is known."""
        if self.record is not None:
            snapshot.layer.metadata[METADATA_KEY] = record_at(
                self.record, snapshot.steps[-1]
            ).to_dict()

    def _tell_settings(self) -> None:
        """Update a generated name to the settings of now; one that the user gave stays."""
        request = self.plan.request
        if request is None or not self.is_name_generated:
            return
        told = self._telling_name
        if told != self._told:
            self._told = told
            self.live.rename(unique(told, set(self._taken()) - {self.name}))

    @property
    def _telling_name(self) -> str:
        """The planned name, with the settings of now."""
        request = self.plan.request
        assert request is not None
        return self.plan.name.steered(request.config, self.config, request.events).text

    def _on_renamed(self, name: str) -> None:
        self.name = name
        if self._file is not None:
            self._file.note["name"] = name
        self.changed.emit(self)

    def _on_frame(self, frame: Frame) -> None:
        started = time.perf_counter()
        if self._worker is None or self._worker.abort_requested:
            return
        self._warn_of_file()
        self.points += (fresh := newer(frame.points, self.points))
        self._clock.add(fresh)
        if frame.picture is not None:
            first = self.live.layer is None
            self.live.show(frame.picture)
            self.shown = frame
            # Adding the layer is paid once; the next picture's cost is that of drawing.
            started = time.perf_counter() if first else started
        self.text = progress_text(frame, self._clock.left_s(frame.total))
        self._set(RunState.RUNNING if self.state is RunState.PREPARING else self.state)
        self.framed.emit(frame)
        self._drawing, self._turns = (started, frame.picture is not None), 0
        QTimer.singleShot(0, self._on_turn)

    def _warn_of_file(self) -> None:
        """Tell once that the run could not go on after a crash."""
        problem = "" if self._file is None else self._file.problem
        if problem and not self._has_warned:
            self._has_warned = True
            show_warning(f"{self.name} goes on, but without a checkpoint: {problem}")

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
        self.result, self.record = result, result.record
        self.points = list(result.history)
        self._remember_end(result)
        for event in result.record.events:
            if event.field in COLOR_SETTINGS:
                continue
            self.snapshots.mark_change(event.step)
        self._tell_settings()
        self.live.finish(result.image, result.record)
        for snapshot in self.snapshot_layers:
            self.label_snapshot(snapshot)
        self.text = outcome_text(result.reason, result.record.steps_done, result.seconds)
        self._set(RunState.after(result.reason))

    def _remember_end(self, result: "StyleResult") -> None:
        """Let the snapshots end with the result, and know their losses."""
        if result.history:
            last, picture = result.history[-1], as_uint8(result.image)
            self.snapshots.add(result.record.steps_done, last.loss, last.scale, picture)
        self.snapshots.learn(self.points)

    def _on_error(self, error: Exception) -> None:
        self.error = error
        self.text = in_words(error) if isinstance(error, NstError) else repr(error)
        self._set(RunState.FAILED)

    def _on_finished(self) -> None:
        self._worker = None
        if self.state.active:
            self.text = "The run ended with its layer."
            self._set(RunState.STOPPED)
        self.ended.emit(self)

    def _set(self, state: RunState) -> None:
        self.state = state
        self.changed.emit(self)
