"""What a sequence's run has to do: every frame is read once, and refusals come before it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.disk import clear_leftovers
from napari_nst.files.images import read_picture
from napari_nst.files.names import is_result, record_of
from napari_nst.files.outputs import LEAST_SHARE, check_output, disk_errors_translated
from napari_nst.files.sequences.frames import Frames, Kind
from napari_nst.files.sequences.sequences import open_sequence, output_kind
from napari_nst.runs.batch.plan import free_disk_bytes
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, picture_hash

if TYPE_CHECKING:
    from napari_nst.api import Stylizer
    from napari_nst.api.sequence import Job, SequenceOptions
    from napari_nst.weights import InputKind, Weights

SEQUENCE = "sequence"
"""Where a frame's record keeps what it has to do with the others, among what was resolved."""

STATE_FOLDER = ".napari-nst-sequence"
"""In the folder of the frames: their pictures as painted, from which later ones start."""

_DISK_SHARE = 0.75
_FLOW_S = 4.2e-5
"""Of each pixel, for the flows of a frame: six at most, from and to the frames 1, 2 and 4 back.

Measured on one core at 96, 256 and 512 px: 7e-6 s for one."""

_FLOW_PX = 512**2


@dataclass(frozen=True)
class SequenceRequest:
    """What a sequence's run is asked for.

    Parameters
    ----------
    frames
        A folder of numbered frames, a multi-page TIFF, an animation or a video.
    styles
        Files; several are blended.
    output
        A folder, or a file whose suffix tells its kind.
    config
        The settings of the first frame.
    options
        What frames have to do with each other.
    weights, weights_input, device
        As for `napari_nst.iter_stylize`.
    overwrite
        Whether to run also what is finished, and to replace files of others.
    check_memory
        Whether to refuse what does not fit into free memory.
    has_preview
        Whether the middle frame, as a run of its own, comes after the first one.
    """

    frames: Path
    styles: Sequence[Path]
    output: Path
    config: StyleConfig
    options: "SequenceOptions"
    weights: "str | Path | Weights" = "auto"
    weights_input: "InputKind | None" = None
    device: str = "auto"
    overwrite: bool = False
    check_memory: bool = True
    has_preview: bool = False


@dataclass(frozen=True)
class SequenceEstimate:
    """What a sequence will take: seconds, and bytes of memory and of disk space."""

    seconds: float
    peak_bytes: int
    free_bytes: int
    disk_bytes: int
    disk_free_bytes: int

    @property
    def fits(self) -> bool:
        """Whether it fits into memory and on the disk."""
        return self.peak_bytes <= self.free_bytes and self.disk_bytes <= self.disk_free_bytes


@dataclass(frozen=True)
class SequencePlan:
    """A sequence that is thought through but not begun.

    Parameters
    ----------
    request
        What was asked for.
    frames, kind
        The input, and what the output is.
    styles
        The styles' pixels.
    stylizer
        The network of all frames.
    size
        Height and width of the results.
    later
        The settings of frames that start from an earlier one.
    hashes
        Of each frame, as in a record.
    records
        Of the frames that are finished, by their index.
    """

    request: SequenceRequest
    frames: Frames
    kind: Kind
    styles: Sequence[npt.NDArray[Any]]
    stylizer: "Stylizer"
    size: tuple[int, int]
    later: StyleConfig
    hashes: Sequence[str]
    records: dict[int, RunRecord] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the frames' own files are; the output itself, or a folder beside it."""
        output = self.request.output
        return output if self.kind == "folder" else output.with_name(f"{output.name}.frames")

    def path(self, index: int) -> Path:
        """Return a frame's own file."""
        suffix = {"folder": self.frames.suffix, "tiff": ".tif"}.get(self.kind, ".png")
        return self.folder / f"{self.frames.names[index]}{suffix}"

    def painted(self, index: int) -> Path:
        """Return the file of a frame's picture as painted."""
        return self.folder / STATE_FOLDER / f"painted-{index}.npy"

    def preview(self, index: int) -> Path:
        """Return the file of a frame's preview."""
        output = self.request.output
        return output.with_name(f"{output.stem}-preview-{self.frames.names[index]}.png")

    @cached_property
    def jobs(self) -> list["Job"]:
        """All runs, in their order."""
        return self.request.options.jobs(len(self.frames))

    @cached_property
    def done(self) -> int:
        """How many of the runs are done, so that the next one has what it starts from."""
        jobs, count = self.jobs, 0
        while count < len(jobs) and self._is_done(jobs[count]):
            count += 1
        while 0 < count < len(jobs) and not self._can_begin(jobs[count]):
            count -= 1
        return count

    def _is_done(self, job: "Job") -> bool:
        record = self.records.get(job.index)
        return record is not None and (
            not job.is_backward or record.resolved[SEQUENCE]["is_backward"]
        )

    def _can_begin(self, job: "Job") -> bool:
        sign = 1 if job.is_backward else -1
        needed = [job.index + sign * each for each in self.request.options.distances]
        needed += [job.index] if job.is_backward else []
        return all(self.painted(each).exists() for each in needed if 0 <= each < len(self.frames))

    def estimate(self) -> SequenceEstimate:
        """Estimate what the runs that are left will take; there is one at least."""
        from napari_nst.planning.estimate import estimate

        request, left = self.request, self.jobs[self.done :]
        styles = [each.shape for each in self.styles]
        size = self.frames[0].shape
        own, later = (
            estimate(config, size, styles, request.device)
            for config in (request.config, self.later)
        )
        height, width = self.size
        flow_s = _FLOW_S * min(height * width, _FLOW_PX)
        own_runs = (self.done == 0) * (1 + request.has_preview)
        seconds = own_runs * own.seconds + (len(left) - (self.done == 0)) * (later.seconds + flow_s)
        frames_left = len({job.index for job in left})
        kept = (
            len(self.frames) if request.options.is_backward else 2 + max(request.options.distances)
        )
        itemsize = self.frames[0].dtype.itemsize
        pixels = height * width
        disk = _DISK_SHARE * 4 * itemsize * pixels * frames_left + 12 * pixels * kept
        return SequenceEstimate(
            seconds,
            max(own.peak_bytes, later.peak_bytes),
            own.free_bytes,
            round(disk),
            free_disk_bytes(self.folder),
        )


def plan_sequence(request: SequenceRequest) -> SequencePlan:
    """Read every frame once, find what is finished, and refuse what cannot be. Imports torch.

    Raises
    ------
    ImageError, ConfigError, WeightsError, DeviceError
        If a frame is broken or has another size, or an output or argument does not fit.
    TooLargeError
        If a frame does not fit into memory.
    """
    from napari_nst.api import Stylizer
    from napari_nst.api.sequence import later_config
    from napari_nst.core.device import resolve_device
    from napari_nst.core.picture import fit_longest_side
    from napari_nst.planning.fit import misfit

    kind = output_kind(request.output)
    frames = open_sequence(request.frames)
    _check_apart(request, kind)
    resolve_device(request.device)
    styles = [read_picture(path) for path in request.styles]
    given, hashes = _read_all(frames)
    sizes = given, [(each.shape[0], each.shape[1]) for each in styles]
    if problem := misfit(request.config, *sizes, size=request.config.size):
        raise ConfigError(problem)
    size = fit_longest_side(given, request.config.size)
    stylizer = Stylizer(
        weights=request.weights, weights_input=request.weights_input, device=request.device
    )
    later = later_config(request.config, *sizes)
    plan = SequencePlan(request, frames, kind, styles, stylizer, size, later, hashes)
    if not request.overwrite:
        plan.records.update(_find_records(plan))
    if request.check_memory and plan.done < len(plan.jobs):
        from napari_nst.planning.estimate import plan_of
        from napari_nst.planning.remedies import fitting_layout

        fitting_layout(plan_of(request.config, *sizes, request.device))
        needed, free = LEAST_SHARE * len(frames) * size[0] * size[1], free_disk_bytes(plan.folder)
        if needed > free:
            raise ImageError(
                f"the frames take {needed / 1e6:.1f} MB or more, and {free / 1e6:.1f} MB are free "
                f"at {plan.folder}; make room, or name another output"
            )
    return plan


def make_folders(plan: SequencePlan) -> None:
    """Make the folders of the frames; raises ImageError if that, or writing, is refused."""
    state = plan.folder / STATE_FOLDER
    with disk_errors_translated(plan.folder):
        state.mkdir(parents=True, exist_ok=True)
    clear_leftovers(plan.folder)
    check_output(plan.path(0))


def _check_apart(request: SequenceRequest, kind: Kind) -> None:
    output = request.output
    if output.exists() and request.frames.exists() and output.samefile(request.frames):
        raise ImageError(f"{output} holds the frames that are read; name another output")
    if any(output.exists() and each.exists() and output.samefile(each) for each in request.styles):
        raise ImageError(f"{output} is a style; name another output")
    if kind == "folder":
        if output.exists() and not output.is_dir():
            raise ImageError(f"{output} is a file; name a folder, or end it in a video's suffix")
        return
    with disk_errors_translated(output):
        if not output.parent.is_dir():
            raise ImageError(f"there is no folder {output.parent}; create it first")
    if output.exists() and not request.overwrite:
        raise ImageError(f"{output} is there; move it, or add --overwrite")


def _read_all(frames: Frames) -> tuple[tuple[int, int], list[str]]:
    """Read each frame once: their common size, and the hash of each."""
    hashes: list[str] = []
    first = 0, 0
    for index, name in enumerate(frames.names):
        frame = frames[index]
        size = frame.shape[0], frame.shape[1]
        first = size if index == 0 else first
        if size != first:
            raise ImageError(
                f"{name} of {frames.path} is {size[1]}x{size[0]} px and {frames.names[0]} is "
                f"{first[1]}x{first[0]} px; all frames of a sequence have one size"
            )
        hashes.append(picture_hash(frame))
    return first, hashes


def _find_records(plan: SequencePlan) -> dict[int, RunRecord]:
    """Find the frames, from the first on, whose files say that they are what a run would make.

    Raises
    ------
    ImageError
        If a file of others is where a frame is to be written.
    """
    request = plan.request
    weights_hash = plan.stylizer.weights.sha256
    styles = [picture_hash(each) for each in plan.styles]
    found: dict[int, RunRecord] = {}
    is_gapless = True
    for index, hashed in enumerate(plan.hashes):
        path = plan.path(index)
        if not path.exists():
            is_gapless = False
            continue
        record = record_of(path)
        if record is None and not is_result(path):
            raise ImageError(
                f"{path} is there and is no result of napari-nst; move it, name another output, or "
                "ask for everything to be overwritten"
            )
        wanted = {"content": hashed, "styles": styles, "weights": weights_hash}
        is_same = (
            record is not None
            and record.config in (request.config, plan.later)
            and {name: record.hashes.get(name) for name in wanted} == wanted
            and record.resolved.get(SEQUENCE, {}).get("options") == options_dict(request.options)
        )
        is_gapless &= is_same
        if is_gapless and record is not None:
            found[index] = record
    return found


def options_dict(options: "SequenceOptions") -> dict[str, Any]:
    """Return what of the options decides a frame's result, as JSON's values."""
    return {
        "temporal_weight": options.temporal_weight,
        "distances": list(options.distances),
        "backward": options.is_backward,
    }
