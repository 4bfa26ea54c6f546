"""Runs that a crash, or the end of napari, has cut off: found, gone on with, or discarded."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.qt.threading import FunctionWorker
from qtpy.QtCore import QObject, QTimer, Signal

from napari_nst.errors import CheckpointError, ImageError, NstError
from napari_nst.files.checkpoints import (
    Checkpoint,
    read_array,
    read_checkpoint,
    verify_checkpoint,
)
from napari_nst.files.images import open_picture
from napari_nst.files.unfinished import Unfinished, discard, held, unfinished_runs
from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.gallery.open_styles import FILE_KEY
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.visible_picture import (
    LayerPicture,
    picture_of,
    picture_size,
    whole_range,
)
from napari_nst.plugin.runs.plan import RunPlan, Source
from napari_nst.plugin.runs.undo import KEPT_MS
from napari_nst.runs.naming import RunName
from napari_nst.runs.request import RunRequest, least_px, style_role
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.record import picture_hash
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import ViewerRun

_WORDS = {"content": "content", "style": "style", "init": "picture to start from"}
_MISREAD = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What reading the note of another program raises."""


@dataclass(frozen=True, eq=False)
class Recovered:
    """A run as its checkpoint tells it.

    Parameters
    ----------
    plan
        Goes on with it; placed as the content was when the run was started.
    open_as
        Which of the pictures that were offered is its "content", "style", "style_2" … or "init".
    """

    plan: RunPlan
    open_as: dict[str, int]


class UnfinishedRuns(QObject):
    """Looks for unfinished runs, and goes on with them or discards them; files are a thread's work.

    Signals: `changed` when there is something else to tell, `planning` before layers are added,
    `starting` with the layers of content and styles of the run that goes on.

    Parameters
    ----------
    viewer
        Gets the pictures that are not open.
    session
        Gets the runs; one that ends without a result is looked for again.

    Attributes
    ----------
    found
        What can be gone on with, the newest first; then files that cannot be read.
    discarded
        What `undo` would bring back, the last one last.
    is_reading
        Whether a run is about to go on.
    """

    changed = Signal()
    planning = Signal()
    starting = Signal(object, object)

    def __init__(self, viewer: "Viewer", session: "Session") -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self.found: list[Unfinished] = []
        self.discarded: list[Unfinished] = []
        self.is_reading = False
        self._has_looked = self._is_closed = False
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.setInterval(KEPT_MS)
        self._clock.timeout.connect(self._forget_discarded)
        session.ended.connect(self._on_ended)

    def look_once(self) -> None:
        """Look for unfinished runs, at the first call only."""
        if not self._has_looked:
            self.look()

    def look(self) -> None:
        """Look for unfinished runs."""
        self._has_looked = True
        _in_thread(unfinished_runs, self._on_found)

    def resume(self) -> None:
        """Go on with the newest run."""
        if self.is_reading or not self.found or (checkpoint := self.found[0].checkpoint) is None:
            return
        chosen = self.found[0] = replace(self.found[0], problem="")
        self.is_reading = True
        self.changed.emit()
        offered = self._open_pictures(checkpoint)
        pixels = [picture.pixels for _, picture in offered]
        _in_thread(
            partial(recovered, chosen.path, pixels),
            partial(self._go_on, offered),
            partial(self._refuse, chosen),
        )

    def discard(self) -> None:
        """Take the newest run off the list; its file is deleted a minute later."""
        if self.found and self.found[0].checkpoint is not None and not self.is_reading:
            self.discarded.append(self.found.pop(0))
            self._clock.start()
            self.changed.emit()

    def undo(self) -> None:
        """Bring back the run that was discarded last."""
        if self.discarded:
            self.found.insert(0, self.discarded.pop())
            self.changed.emit()

    def dismiss(self) -> None:
        """Tell of nothing until the next look; all files stay but for those discarded."""
        self.found = []
        self._forget_discarded()

    def close(self) -> None:
        """Delete what was discarded. No Qt here: Qt may have deleted its part of this already."""
        self._is_closed = True
        for each in self.discarded:
            _delete(each.path)

    def _on_found(self, found: list[Unfinished]) -> None:
        going_on = [run.plan.resume for run in self._session.runs if not run.state.over]
        known = {each.path for each in self.discarded}
        known |= {each.path for each in going_on if each is not None}
        self.found = [each for each in found if each.path not in known]
        self.changed.emit()

    def _on_ended(self, run: "ViewerRun") -> None:
        """Offer a run that failed, or whose layer was removed, at once."""
        if run.result is None and not self._is_closed:
            self.look()

    def _refuse(self, chosen: Unfinished, error: Exception) -> None:
        """Tell why a run does not go on; its file stays."""
        told = replace(chosen, problem=in_words(translated(error)))
        self.found = [told, *self._without(chosen.path)]
        self.is_reading = False
        self.changed.emit()

    def _without(self, path: Path) -> list[Unfinished]:
        return [each for each in self.found if each.path != path]

    def _open_pictures(self, checkpoint: Checkpoint) -> "list[tuple[Image, LayerPicture]]":
        """Take the open pictures that have the size of one of a run's."""
        from napari.layers import Image

        noted = checkpoint.note.get("pictures", {}).values()
        sizes = [tuple(each.get("size", ())) for each in noted]
        pictures, dims, side_px = [], self._viewer.dims, least_px(checkpoint.record.config)
        for layer in self._viewer.layers:
            if isinstance(layer, Image):
                with suppress(ImageError):
                    if layer.multiscale or picture_size(layer, dims) in sizes:
                        pictures.append((layer, picture_of(layer, dims, least_px=side_px)))
        return pictures

    def _go_on(self, offered: "list[tuple[Image, LayerPicture]]", run: Recovered) -> None:
        if self._is_closed:
            return
        plan, request = run.plan, run.plan.request
        assert plan.resume is not None
        assert request is not None
        self.found, self.is_reading = self._without(plan.resume.path), False
        self.changed.emit()
        self.planning.emit()
        open_now = {
            role: offered[place]
            for role, place in run.open_as.items()
            if offered[place][0] in self._viewer.layers
        }
        if "content" in open_now:
            content, picture = open_now["content"]
            plan = replace(plan, placement=picture.placement)
        else:
            content = self._open(plan.sources["content"], request.content, plan.placement)
        styles = [
            open_now[role][0] if role in open_now else self._open(plan.sources[role], pixels)
            for role, pixels in request.pictures.items()
            if role not in ("content", "init")
        ]
        self.starting.emit(content, styles)
        self._session.start(replace(plan, styles=tuple(each.unique_id for each in styles)))

    def _open(
        self, source: Source, pixels: PixelSource, placement: Placement | None = None
    ) -> "Image":
        """Add a picture of a run as a layer, where it was if that is known."""
        data: Any = pixels
        where: dict[str, Any] = {}
        if placement is not None:
            where = placement.arguments(pixels.shape[:2])
            if len(placement.index) > 2:  # else a large picture is not read here
                data = placement.expand(np.asarray(pixels))
        return self._viewer.add_image(
            data,
            rgb=True,
            name=source.name,
            contrast_limits=whole_range(pixels.dtype),
            metadata={FILE_KEY: source.file} if source.file else {},
            **where,
        )

    def _forget_discarded(self) -> None:
        for each in self.discarded:
            _in_thread(partial(_delete, each.path))
        self.discarded = []
        self.changed.emit()


def recovered(path: Path, open_pictures: Sequence[PixelSource]) -> Recovered:
    """Read how a run goes on; in a thread, for it reads the whole file.

    Parameters
    ----------
    path
        The checkpoint.
    open_pictures
        Looked through for the run's, by their hashes.

    Raises
    ------
    CheckpointError
        If the file is damaged, another napari goes on with it, or a picture cannot be found.
    """
    with held(path):
        checkpoint = read_checkpoint(path)
        verify_checkpoint(path)
        try:
            return _recovered(checkpoint, open_pictures)
        except _MISREAD as error:
            if isinstance(error, NstError):
                raise
            raise CheckpointError(
                f"{path} is not of a run in the viewer; go on with it by the command that wrote it"
            ) from error


def _recovered(checkpoint: Checkpoint, open_pictures: Sequence[PixelSource]) -> Recovered:
    note, record = checkpoint.note, checkpoint.record
    styles = {style_role(place): each for place, each in enumerate(record.hashes["styles"])}
    hashes = {**record.hashes, **styles}
    places = {picture_hash(pixels): index for index, pixels in enumerate(open_pictures)}
    open_as = {role: places[hashes[role]] for role in note["pictures"] if hashes[role] in places}
    pictures = {
        role: open_pictures[open_as[role]]
        if role in open_as
        else _stored(checkpoint, role, hashes[role])
        for role in note["pictures"]
    }
    request = RunRequest(
        pictures["content"],
        tuple(pictures[role] for role in styles),
        record.config,
        weights=str(note["weights"]),
        init=pictures.get("init"),
        until=None if note["until"] is None else int(note["until"]),
        device=str(record.resolved["device"]),
        regions=record.regions,
    )
    planned = dict(note["planned"])
    changed = {name: getattr(record.config, name) for name in planned.pop("changed")}
    plan = RunPlan(
        request,
        RunName(**planned, changed=changed),
        Placement.from_dict(note["placement"]),
        sources={
            role: Source(each["name"], each["file"]) for role, each in note["pictures"].items()
        },
        resume=checkpoint,
    )
    return Recovered(plan, open_as)


def _stored(checkpoint: Checkpoint, role: str, digest: str) -> PixelSource:
    """Return a picture that a checkpoint holds, or the file of one that is too large for that."""
    noted = checkpoint.note["pictures"][role]
    if noted["stored"]:
        picture: npt.NDArray[Any] = read_array(checkpoint.path, role)
        return picture.astype(noted["dtype"], copy=False)
    with suppress(ImageError):
        opened = open_picture(noted["file"], least_px=least_px(checkpoint.record.config))
        if picture_hash(opened) == digest:
            return opened
    raise CheckpointError(
        f"The {_WORDS.get(role, 'style')} of this run, {noted['name']!r}, is too large to be kept "
        "with it, and is not open. Open it, as it was shown then, and press Resume."
    )


def _delete(path: Path) -> None:
    """Delete a checkpoint; one that a run holds, or that the disk keeps, is found again."""
    with suppress(CheckpointError):
        discard(path)


def _in_thread(
    function: Callable[[], Any],
    returned: Callable[[Any], None] | None = None,
    errored: Callable[[Exception], None] | None = None,
) -> None:
    worker = FunctionWorker(function)
    if returned is not None:
        worker.returned.connect(returned)
    if errored is not None:
        worker.errored.connect(errored)
    worker.start()
