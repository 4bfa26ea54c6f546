"""The runs of one viewer, in order, and the queue that lets one of them compute at a time."""

from bisect import insort
from dataclasses import replace
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_nst.errors import NstError
from napari_nst.files.checkpoints import EVERY_S
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.records import adopt_record
from napari_nst.plugin.layers.visible_picture import is_single, picture_of
from napari_nst.plugin.runs.plan import RunPlan
from napari_nst.plugin.runs.viewer_run import ViewerRun
from napari_nst.plugin.runs.worker import settle_workers_at_exit
from napari_nst.runs.naming import RunName
from napari_nst.runs.progress import RunState
from napari_nst.runs.queue import RunQueue
from napari_nst.runs.snapshots import SnapshotStore

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

SNAPSHOT_EVERY = 10
SNAPSHOT_BYTES = 256 * 2**20


class Session(QObject):
    """Holds the runs of a viewer, starts them in turn and knows their layers.

    Signals, each with the ViewerRun: `added`, `changed` (state, text or frame; at most ten times a
    second), `ended` (once, with or without a result), `removed`.

    Parameters
    ----------
    viewer
        Its layers are watched.

    Attributes
    ----------
    runs
        Oldest first; change them only by the methods.
    queue
        Which of them compute and which wait.
    history_every
        Steps between snapshots of runs to come; None keeps only those asked for.
    history_bytes
        What the snapshots of all runs may take.
    interval_s
        The least time between two pictures of a run to come.
    checkpoint_every_s
        The least time between two checkpoints of a long run to come; 0 writes none.
    device
        Where runs to come compute, if they do not say so themselves.
    """

    added = Signal(object)
    changed = Signal(object)
    ended = Signal(object)
    removed = Signal(object)

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__()
        settle_workers_at_exit()
        self.runs: list[ViewerRun] = []
        self.queue: RunQueue[ViewerRun] = RunQueue(self._begin, ViewerRun.stop)
        self.snapshot_every: int | None = SNAPSHOT_EVERY
        self.snapshot_bytes = SNAPSHOT_BYTES
        self.interval_s = 0.0
        self.checkpoint_every_s = float(EVERY_S)
        self.device = "auto"
        self._viewer = viewer
        self._latest: ViewerRun | None = None
        self._numbers = count()
        self.queue.changed.connect(self._on_queue)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        viewer.layers.events.inserted.connect(self._on_layer_inserted)

    @property
    def current(self) -> ViewerRun | None:
        """The run that computes, else the one that did last."""
        return self._latest

    @property
    def busy(self) -> bool:
        """Whether a run computes."""
        return self.queue.computing is not None

    @property
    def last_sweep(self) -> list[ViewerRun]:
        """The runs of the newest sweep that have a picture."""
        placed = [
            (run.plan.place.sweep, run)
            for run in self.runs
            if run.plan.place is not None and run.live.layer is not None
        ]
        newest = max((number for number, _ in placed), default=0)
        return [run for number, run in placed if number == newest]

    def start(self, plan: RunPlan) -> ViewerRun:
        """Start a run now if none computes, else let it wait for its turn."""
        if plan.request is not None and plan.request.device == "auto":
            plan = replace(plan, request=replace(plan.request, device=self.device))
        snapshots = SnapshotStore(self.snapshot_bytes, every=self.snapshot_every)
        run = ViewerRun(
            plan,
            self._viewer,
            snapshots,
            interval_s=self.interval_s,
            checkpoint_every_s=0 if plan.full else self.checkpoint_every_s,
            taken=self._taken_names,
        )
        run.changed.connect(self._on_changed)
        run.ended.connect(self._on_ended)
        self._share_memory(run)
        self._add(run)
        self.queue.enqueue(run)
        return run

    def cancel(self, run: ViewerRun) -> None:
        """Stop a run that computes; take one that waits off the list."""
        if run.state is RunState.WAITING:
            self.delete(run)
        else:
            run.stop()

    def cancel_all(self) -> None:
        """Stop the run that computes and take all that wait off the list."""
        for run in self.queue.waiting:
            self.delete(run)
        self.queue.cancel_all()

    def move(self, run: ViewerRun, by: int) -> None:
        """Let a waiting run start earlier (negative) or later."""
        if run in self.queue.waiting:
            self.queue.move(run, self.queue.waiting.index(run) + by)

    def delete(self, run: ViewerRun) -> None:
        """End a run that is running, remove its layers and forget it."""
        if run in self.queue.waiting:
            self.queue.cancel(run)
        layers = run.layers
        run.abandon()
        run.snapshots.clear()
        if run in self.runs:
            self.runs.remove(run)
        for layer in layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        if self._latest is run and not run.state.active:
            self._latest = None
        self.removed.emit(run)

    def set_aside(self, run: ViewerRun) -> "list[tuple[int, Layer]]":
        """Take a run and its layers out, ending it if it runs, so that it can come back.

        Returns
        -------
        list of (int, Layer)
            The layers with their places in the layer list, in the order of their removal.
        """
        if run in self.queue.waiting:
            self.queue.cancel(run)
        elif run.state.active and run.live.layer is None:
            run.abandon()  # a first picture would add a layer
        else:
            run.stop()
        self.runs.remove(run)
        layers = []
        for layer in run.layers:
            if layer in self._viewer.layers:
                layers.append((self._viewer.layers.index(layer), layer))
                self._viewer.layers.remove(layer)
        if self._latest is run and not run.state.active:
            self._latest = None
        self.removed.emit(run)
        return layers

    def bring_back(self, run: ViewerRun, layers: "list[tuple[int, Layer]]") -> None:
        """Undo `set_aside`: put a run and its layers back to their places; `line_up` is next."""
        run.settle_name()
        insort(self.runs, run, key=attrgetter("number"))
        self.added.emit(run)
        for index, layer in reversed(layers):
            self._viewer.layers.insert(min(index, len(self._viewer.layers)), layer)
        if self._latest is None and run.state is not RunState.WAITING:
            self._latest = run
        self.changed.emit(run)

    def ahead_of(self, run: ViewerRun) -> tuple[ViewerRun, ...] | None:
        """Return the waiting runs that start before a waiting one; None if it does not wait."""
        line = self.queue.waiting
        return line[: line.index(run)] if run in line else None

    def line_up(self, runs: list[tuple[ViewerRun, tuple[ViewerRun, ...]]]) -> None:
        """Enqueue runs again, each right behind those that were ahead of it and still wait.

        Parameters
        ----------
        runs
            With what `ahead_of` returned for each; the one set aside last comes first.
        """
        line = list(self.queue.waiting)
        for run, ahead in runs:
            places = [place for place, other in enumerate(line) if other in ahead]
            line.insert(max(places, default=-1) + 1, run)
        back = [run for run, _ in runs]
        for place, run in enumerate(line):  # in order: the first may start at once
            if run in back:
                self.queue.enqueue(run)
                self.queue.move(run, place)

    def run_of(self, layer: "Layer") -> ViewerRun | None:
        """Return the run that a layer belongs to; None if there is none."""
        return next((run for run in self.runs if any(layer == own for own in run.layers)), None)

    def adopt_layers(self) -> None:
        """List the results of earlier sessions that the viewer holds."""
        for layer in self._viewer.layers:
            self._adopt(layer)

    def close(self) -> None:
        """End all runs and watch the viewer no more; safe to repeat."""
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._viewer.layers.events.inserted.disconnect(self._on_layer_inserted)
        self.queue.changed.disconnect()
        for run in self.queue.waiting:
            self.queue.cancel(run)
        for run in self.runs:
            run.abandon()

    def _taken_names(self) -> set[str]:
        """Return the names of all runs, those without a layer included, and of all layers."""
        return {run.name for run in self.runs} | set(map(full_name, self._viewer.layers))

    def _add(self, run: ViewerRun) -> None:
        run.number = next(self._numbers)
        self.runs.append(run)
        self.added.emit(run)

    def _share_memory(self, newest: ViewerRun) -> None:
        """Assign half of the snapshots' memory to the newest run, the rest to the older ones."""
        older = [run for run in self.runs if run is not newest and run.snapshots.kept]
        if not older:
            return
        newest.snapshots.budget_bytes = self.snapshot_bytes // 2
        for run in older:
            run.snapshots.budget_bytes = self.snapshot_bytes // 2 // len(older)
            run.snapshots.learn(())

    def _begin(self, run: ViewerRun) -> None:
        self._latest = run
        run.start()

    def _on_changed(self, run: ViewerRun) -> None:
        self.changed.emit(run)

    def _on_ended(self, run: ViewerRun) -> None:
        if run in self.runs:
            self.ended.emit(run)
        self.queue.ended(run)
        if self._latest is run and run not in self.runs:
            self._latest = None
            self.removed.emit(run)

    def _on_queue(self) -> None:
        """Tell each waiting run its place in the queue."""
        for place, run in enumerate(self.queue.waiting, start=1):
            text = "Starts next." if place == 1 else f"Number {place} in the queue."
            if run.text != text:
                run.text = text
                self.changed.emit(run)

    def _on_layer_removed(self, event: "Event[Any]") -> None:
        for run in [run for run in self.runs if run.forget_layer(event.value)]:
            if run.plan.request is None and not run.layers:
                self.delete(run)
            else:
                self.changed.emit(run)

    def _on_layer_inserted(self, event: "Event[Any]") -> None:
        self._adopt(event.value)

    def _adopt(self, layer: "Layer") -> None:
        from napari.layers import Image

        if not isinstance(layer, Image) or self.run_of(layer) is not None:
            return
        if layer.rgb and not is_single(layer):  # a history, copied or opened again
            return
        if layer.multiscale:  # a slide: its finest level may be larger than memory
            return
        record = adopt_record(layer)
        if record is None:
            return
        try:
            placement = picture_of(layer, self._viewer.dims).placement
        except NstError:
            return
        run = ViewerRun(
            RunPlan(None, RunName(full_name(layer)), placement),
            self._viewer,
            SnapshotStore(0, every=None),
        )
        run.adopt(layer, record)
        run.changed.connect(self._on_changed)
        self._add(run)
