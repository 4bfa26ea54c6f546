"""Run a sequence's frames into files, go on where an earlier call ended, and put them together."""

import shutil
from collections.abc import Generator, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_nst.core.control import RunControl
from napari_nst.errors import DivergedError, NstError
from napari_nst.files.disk import file_replacing
from napari_nst.files.images import read_picture
from napari_nst.files.names import save_picture, sidecar_of
from napari_nst.files.outputs import disk_errors_translated
from napari_nst.files.sequences.frames import Frame
from napari_nst.files.sequences.sequences import write_sequence
from napari_nst.runs.sequence.plan import (
    SEQUENCE,
    STATE_FOLDER,
    SequencePlan,
    make_folders,
    options_dict,
)
from napari_nst.settings.record import RunRecord

if TYPE_CHECKING:
    from napari_nst.api.results import StyleResult
    from napari_nst.api.sequence import FrameResult, FrameStep, Past


@dataclass(frozen=True)
class FrameWritten:
    """A frame, or the preview of one, that is in its file now."""

    path: Path
    index: int
    record: RunRecord
    is_preview: bool = False


def run_sequence(
    plan: SequencePlan, control: RunControl | None = None
) -> Generator["FrameStep | FrameWritten", None, None]:
    """Run what a plan says; yields every step, and every frame once it is in its file.

    Closed or stopped between two events, it leaves what is done; the same request goes on there.
    Frames of a file as output are put together by `finish_sequence`.

    Raises
    ------
    ImageError
        If a folder cannot be made or written.
    NstError
        As `napari_nst.iter_stylize`, with the frame's name.
    """
    from napari_nst.api.sequence import FrameResult, iter_stylize_sequence

    make_folders(plan)
    control, request = control or RunControl(), plan.request
    events = iter_stylize_sequence(
        plan.frames,
        plan.styles,
        request.config,
        options=request.options,
        stylizer=plan.stylizer,
        control=control,
        past=_PastOnDisk(plan),
        done=plan.done,
        check_memory=request.check_memory,
    )
    at = plan.jobs[plan.done].index if plan.done < len(plan.jobs) else 0
    try:
        for event in events:
            at = event.job.index
            if not isinstance(event, FrameResult):
                yield event
                continue
            yield _written(plan, event)
            if event.job == plan.jobs[0] and request.has_preview and not control.stopped:
                at = len(plan.frames) // 2
                yield from _preview(plan, at, control)
    except NstError as error:
        raise type(error)(f"{plan.frames.names[at]}: {error}") from error
    finally:
        events.close()


def finish_sequence(plan: SequencePlan) -> Path:
    """Write the output, if it is a file, of all frames; delete what only further runs need.

    Raises
    ------
    ImageError
        If it cannot be written; the frames stay.
    """
    output, count = plan.request.output, len(plan.frames)
    paths = [plan.path(index) for index in range(count)]
    if plan.kind != "folder":
        record = plan.records[0].to_json() if 0 in plan.records else ""
        write_sequence(output, map(read_picture, paths), plan.frames, record)
        for path in paths:
            path.unlink(missing_ok=True)
            sidecar_of(path).unlink(missing_ok=True)
    shutil.rmtree(plan.folder / STATE_FOLDER, ignore_errors=True)
    if plan.kind != "folder":
        with suppress(OSError):  # something of others is in there
            plan.folder.rmdir()
    return output


def _written(plan: SequencePlan, event: "FrameResult") -> FrameWritten:
    result, index = event.result, event.job.index
    _check_finite(result)
    told = {
        "options": options_dict(plan.request.options),
        "frame": index,
        "is_backward": event.job.is_backward,
        "is_first": event.is_first,
        "reliability": round(event.reliability, 4),
        "warping_error": event.warping_error,
        "style_loss": result.history[-1].terms.get("style"),
        "seconds": round(result.seconds, 1),
    }
    record = result.record.replace(resolved=result.record.resolved | {SEQUENCE: told})
    save_picture(plan.path(index), result.image, record)
    plan.records[index] = record
    return FrameWritten(plan.path(index), index, record)


def _check_finite(result: "StyleResult") -> None:
    if result.reason == "diverged":
        raise DivergedError(
            "the loss was not finite; lower learning_rate or style_strength, or use precision "
            "float32. The frames before stay"
        )


def _preview(
    plan: SequencePlan, index: int, control: RunControl
) -> Generator["FrameStep | FrameWritten", None, None]:
    """Run a frame on its own, to be looked at while the others run."""
    from napari_nst.api.sequence import FrameStep, Job

    steps = plan.stylizer.iter_stylize(
        plan.frames[index],
        list(plan.styles),
        plan.request.config,
        control=control,
        check_memory=plan.request.check_memory,
    )
    try:
        while True:
            step = next(steps)
            yield FrameStep(Job(index, is_backward=False), 0, len(plan.jobs), step)
    except StopIteration as end:
        result: StyleResult = end.value
    finally:
        steps.close()
    if result.reason != "stopped":
        path = plan.preview(index)
        save_picture(path, result.image, result.record)
        yield FrameWritten(path, index, result.record, is_preview=True)


class _PastOnDisk(MutableMapping[int, "Past"]):
    """Earlier results: as shown from their own files, as painted from the folder of the state."""

    def __init__(self, plan: SequencePlan) -> None:
        self._plan = plan
        self._latest: dict[int, Frame] = {}

    def __getitem__(self, index: int) -> "Past":
        from napari_nst.api.sequence import Past

        path = self._plan.painted(index)
        try:
            painted = np.load(path)
        except (OSError, ValueError) as error:
            raise KeyError(index) from error
        image = self._latest.get(index)
        return Past(painted, read_picture(self._plan.path(index)) if image is None else image)

    def __setitem__(self, index: int, past: "Past") -> None:
        path = self._plan.painted(index)
        with disk_errors_translated(path), file_replacing(path) as file:
            np.save(file, past.painted)
        self._latest = {index: past.image}  # its own file is written after this

    def __delitem__(self, index: int) -> None:
        path = self._plan.painted(index)
        if not path.exists():
            raise KeyError(index)
        path.unlink()

    def __iter__(self) -> Iterator[int]:
        return (i for i in range(len(self._plan.frames)) if self._plan.painted(i).exists())

    def __len__(self) -> int:
        return sum(1 for _ in self)
