"""The past of a run as layers: one stack that the slider scrubs through, and pinned snapshots."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_nst.errors import ConfigError
from napari_nst.files.depth import as_uint8
from napari_nst.plugin.layers.extents import overlap, rectangle_of
from napari_nst.plugin.layers.visible_picture import PAINTED

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import ViewerRun

_COVERING = ("inserted", "removed", "reordered", "visible")
"""Events of the layer list, and of its layers, after which another layer may be on top."""


@dataclass(frozen=True, eq=False)
class SnapshotLayer:
    """A layer that shows a run's past.

    Parameters
    ----------
    layer
        The layer.
    steps
        The steps after which it shows the picture: one, or one for each place of a stack.
    labels
        What the overlay says of each.
    """

    layer: "Image"
    steps: tuple[int, ...]
    labels: tuple[str, ...] = ()

    @property
    def is_stack(self) -> bool:
        """Whether the layer is a stack of all snapshots, rather than one picture."""
        return bool(self.labels)


def run_at_hand(viewer: "Viewer", session: "Session") -> "ViewerRun | None":
    """Return the run whose layers are selected, else the newest that has a picture."""
    owners = {session.run_of(layer) for layer in viewer.layers.selection}
    if len(owners) == 1 and (owner := owners.pop()) is not None:
        return owner
    pictured = [run for run in session.runs if run.picture is not None]
    return pictured[-1] if pictured else None


class SnapshotLayers:
    """Shows the snapshots of a session's runs, and says in the overlay which one is seen.

    Signals: `kept` when a run has one more layer, or a new one, that shows its past.

    Parameters
    ----------
    viewer
        Gets the layers and the overlay's text.
    session
        The runs.
    """

    kept = Signal()

    def __init__(self, viewer: "Viewer", session: "Session") -> None:
        self._viewer = viewer
        self._session = session
        self._text_before: tuple[bool, str] | None = None
        viewer.dims.events.current_step.connect(self._label)
        viewer.layers.events.connect(self._on_layers)
        viewer.canvas.grid.events.enabled.connect(self._label)

    def show_stack(self, run: "ViewerRun") -> "Image":
        """Show all snapshots of a run as one layer, or bring the layer up to date.

        Raises
        ------
        ConfigError
            If there are none.
        """
        snapshots = run.snapshots.kept
        if not snapshots:
            raise ConfigError(
                "this run has kept no snapshots. Under History set how often one is kept, then "
                "run again."
            )
        placement = run.plan.placement
        stack = run.snapshots.stack()
        data, size = placement.expand_stack(stack), stack.shape[1:3]
        steps = tuple(kept.step for kept in snapshots)[: len(stack)]
        labels = tuple(kept.label for kept in snapshots)[: len(stack)]
        before = self._stack_of(run)
        if before is not None and before.layer.data.shape[1:] == data.shape[1:]:
            layer = before.layer
            layer.data = data
            run.snapshot_layers.remove(before)
        else:
            layer = self._viewer.add_image(
                data,
                rgb=True,
                name=f"{run.name} · history",
                metadata={PAINTED: True},
                **placement.stack_arguments(size),
            )
        self._keep(run, SnapshotLayer(layer, steps, labels))
        layer.visible = True
        if not self._is_seen(layer):
            layers = self._viewer.layers
            layers.move(layers.index(layer), len(layers))
        self._viewer.dims.set_current_step(self._viewer.dims.ndim - layer.ndim, len(stack) - 1)
        self._label()
        return layer

    def pin(self, run: "ViewerRun") -> "Image":
        """Keep the picture that is seen as a layer of its own: the slider's, else the latest.

        The slider's is put beneath the history, so that the slider goes on to show.

        Raises
        ------
        ConfigError
            If there is no picture yet.
        """
        stack = self._stack_of(run)
        if stack is not None and stack.layer.visible:
            place = self._place(stack)
            picture = stack.layer.data[place]
            layer = self._pin(run, picture.reshape(picture.shape[-3:]), stack.steps[place])
            layers = self._viewer.layers
            layers.move(layers.index(layer), layers.index(stack.layer))
            return layer
        if run.result is not None and run.record is not None:
            kept = run.snapshots.kept[-1:]
            step = run.record.steps_done
            return self._pin(run, kept[0].picture if kept else run.result.image, step)
        if run.shown is None or run.shown.picture is None:
            raise ConfigError("there is no picture to pin yet. Wait for the first one.")
        last, scale = run.shown.points[-1], run.shown.scale.index
        run.snapshots.add(last.iteration, last.loss, scale, run.shown.picture, pinned=True)
        run.snapshots.learn(run.points)
        return self._pin(run, run.shown.picture, last.iteration)

    def pin_best(self, run: "ViewerRun") -> "Image":
        """Show the snapshot of lowest loss at the final scale since the last change.

        Raises
        ------
        ConfigError
            If there is none.
        """
        best = run.snapshots.best()
        if best is None:
            raise ConfigError("no snapshot has been kept since the last change. Let it run on.")
        return self._pin(run, best.picture, best.step, word="best, ")

    def close(self) -> None:
        """Watch the viewer no more."""
        self._viewer.dims.events.current_step.disconnect(self._label)
        self._viewer.layers.events.disconnect(self._on_layers)
        self._viewer.canvas.grid.events.enabled.disconnect(self._label)

    def _pin(
        self, run: "ViewerRun", picture: npt.NDArray[Any], step: int, *, word: str = ""
    ) -> "Image":
        placement = run.plan.placement
        layer = self._viewer.add_image(
            # A copy of 8 bits: a float layer would take its contrast limits from its pixels.
            placement.expand(np.array(as_uint8(picture))),
            rgb=True,
            name=f"{run.name} · {word}step {step}",
            metadata={PAINTED: True},
            **placement.arguments(picture.shape[:2]),
        )
        self._keep(run, SnapshotLayer(layer, (step,)))
        return layer

    def _keep(self, run: "ViewerRun", snapshot: SnapshotLayer) -> None:
        run.snapshot_layers.append(snapshot)
        run.label_snapshot(snapshot)
        self.kept.emit()

    def _stack_of(self, run: "ViewerRun") -> SnapshotLayer | None:
        return next((snapshot for snapshot in run.snapshot_layers if snapshot.is_stack), None)

    def _place(self, stack: SnapshotLayer) -> int:
        point = stack.layer.world_to_data(self._viewer.dims.point)
        place = round(float(point[-stack.layer.ndim]))
        return min(max(place, 0), len(stack.steps) - 1)

    def _on_layers(self, event: "Event[Any]") -> None:
        if event.type in _COVERING:
            self._label()

    def _label(self, _: object = None) -> None:
        """Say step and loss of the topmost stack that is seen; else what was said before."""
        stacks = [
            snapshot
            for run in self._session.runs
            if (snapshot := self._stack_of(run)) is not None
            and snapshot.layer in self._viewer.layers
            and self._is_seen(snapshot.layer)
        ]
        overlay = self._viewer.canvas.overlays.text
        if stacks:
            if self._text_before is None:
                self._text_before = (overlay.visible, overlay.text)
            top = max(stacks, key=lambda snapshot: self._viewer.layers.index(snapshot.layer))
            overlay.text = top.labels[self._place(top)]
            overlay.visible = True
        elif self._text_before is not None:
            (overlay.visible, overlay.text), self._text_before = self._text_before, None

    def _is_seen(self, layer: "Image") -> bool:
        """Return whether a layer is visible, and no other picture covers any part of it."""
        from napari.layers import Image

        layers, dims = self._viewer.layers, self._viewer.dims
        if not layer.visible or self._viewer.canvas.grid.enabled:
            return bool(layer.visible)  # in the grid no layer lies over another
        place = rectangle_of(layer, dims)
        return not any(
            isinstance(other, Image)
            and other.visible
            and overlap(rectangle_of(other, dims), place) > 0
            for other in layers[layers.index(layer) + 1 :]
        )
