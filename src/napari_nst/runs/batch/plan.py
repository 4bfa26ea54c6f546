"""What a folder run has to do: every picture is read once, and every refusal comes before it."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_nst.errors import ConfigError, ImageError, NstError
from napari_nst.files.images import read_picture
from napari_nst.files.masks import mask_beside, usual_regions
from napari_nst.files.names import is_result, record_of
from napari_nst.files.outputs import (
    LEAST_SHARE,
    LONGEST_PX,
    SUFFIXES,
    disk_errors_translated,
)
from napari_nst.runs.batch.contact_sheet import make_thumbnail
from napari_nst.runs.batch.pairs import Pair, check_outputs, find_pictures, pair_up
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, SteeringEvent, picture_hash
from napari_nst.settings.regions import Regions, blend_shares

if TYPE_CHECKING:
    from napari_nst.api import Stylizer
    from napari_nst.planning.estimate import Estimate
    from napari_nst.weights import InputKind, Weights

_DISK_SHARES = {"png": 0.75, "jpeg": 0.3, "tiff": 0.75, "webp": 0.2}
"""Of the bytes of its pixels, what a result takes on the disk. Measured on stylized photographs."""


@dataclass(frozen=True)
class BatchRequest:
    """What a folder run is asked for.

    Parameters
    ----------
    contents, styles
        Files, or folders of them.
    folder
        For the results; made if need be.
    config
        The settings of every run.
    suffix
        Of the results: one of `napari_nst.files.outputs.SUFFIXES`.
    weights, weights_input, device
        As for `napari_nst.iter_stylize`.
    init
        A picture that every run starts from, instead of ``config.init``.
    events
        Steering that every run repeats.
    overwrite
        Whether to run also what is finished, and to replace files of others.
    check_memory
        Whether to refuse what does not fit into free memory.
    settings_files
        Further files that are read, which no result may replace.
    """

    contents: Sequence[Path]
    styles: Sequence[Path]
    folder: Path
    config: StyleConfig
    suffix: str = ".png"
    weights: "str | Path | Weights" = "auto"
    weights_input: "InputKind | None" = None
    device: str = "auto"
    init: Path | None = None
    events: tuple[SteeringEvent, ...] = ()
    overwrite: bool = False
    check_memory: bool = True
    settings_files: Sequence[Path] = ()


@dataclass(frozen=True)
class Source:
    """What is known of a picture that was read once; its pixels are not kept.

    Parameters
    ----------
    size
        Height and width.
    pixel_bytes
        Of one pixel, in its own dtype.
    hash
        As in a RunRecord.
    thumbnail
        A small copy, as JPEG.
    """

    size: tuple[int, int]
    pixel_bytes: int
    hash: str
    thumbnail: bytes


@dataclass(frozen=True)
class BatchEstimate:
    """What the pairs that are to run will take.

    Parameters
    ----------
    largest
        Estimate of the run that needs most.
    seconds
        Of all runs together.
    disk_bytes, disk_free_bytes
        What their files take, roughly, and what the disk has.
    """

    largest: "Estimate"
    seconds: float
    disk_bytes: int
    disk_free_bytes: int


@dataclass(frozen=True)
class BatchPlan:
    """A folder run that is thought through but not begun.

    Parameters
    ----------
    request
        What was asked for.
    stylizer
        Makes the network once, for all runs.
    start
        The picture that every run starts from, if there is one.
    pairs
        All pairs, content by content.
    sources
        The pictures that could be read.
    faults
        Why the others could not.
    refused
        Pairs of readable pictures that cannot be run together, and why.
    kept
        Pairs that are finished, with their records.
    left_out
        Files in the folders that are no pictures by their names.
    regions
        Of the pairs whose content has a mask beside it.
    """

    request: BatchRequest
    stylizer: "Stylizer"
    start: npt.NDArray[Any] | None
    pairs: Sequence[Pair]
    sources: Mapping[Path, Source]
    faults: Mapping[Path, str]
    refused: Mapping[Pair, str]
    kept: Mapping[Pair, RunRecord]
    left_out: Sequence[Path] = field(default=())
    regions: Mapping[Pair, Regions] = field(default_factory=dict)

    @cached_property
    def due(self) -> list[Pair]:
        """The pairs that are to run."""
        return [
            pair
            for pair in self.pairs
            if not (pair in self.kept or pair in self.refused or self.fault_of(pair))
        ]

    @property
    def replaced(self) -> int:
        """How many results of other settings, pictures or weights the run will replace."""
        return sum(pair.output.exists() for pair in self.due)

    def fault_of(self, pair: Pair) -> str:
        """Return why one of a pair's pictures cannot be read; empty if both can."""
        return self.faults.get(pair.content) or self.faults.get(pair.style) or ""

    def work_of(self, pair: Pair) -> int:
        """Count the pixels of all steps of a run, by which runs of one batch compare."""
        from napari_nst.core.picture import fit_longest_side
        from napari_nst.core.pyramid import scale_sizes, split_steps

        config, content = self.request.config, self.sources[pair.content].size
        finest = fit_longest_side(content, config.size)
        sizes = scale_sizes(finest, config, [self.sources[pair.style].size])
        shares = split_steps(len(sizes), config)
        return sum(
            steps * height * width for steps, (height, width) in zip(shares, sizes, strict=True)
        )

    def result_bytes(self, pair: Pair) -> int:
        """Return the bytes of the pixels of a result."""
        from napari_nst.core.picture import fit_longest_side

        source = self.sources[pair.content]
        height, width = fit_longest_side(source.size, self.request.config.size)
        return height * width * source.pixel_bytes

    def estimate(self) -> BatchEstimate:
        """Estimate what the pairs that are to run will take; there is one at least."""
        from napari_nst.planning.estimate import estimate

        works = {pair: self.work_of(pair) for pair in self.due}
        largest = max(works, key=works.__getitem__)
        sizes = self.sources[largest.content].size, self.sources[largest.style].size
        expected = estimate(self.request.config, *sizes, self.request.device)
        share = _DISK_SHARES[SUFFIXES[self.request.suffix]]
        return BatchEstimate(
            expected,
            # The work beside the steps grows with them, and the network is made only once.
            expected.seconds * sum(works.values()) / works[largest],
            round(share * sum(map(self.result_bytes, self.due))),
            free_disk_bytes(self.request.folder),
        )


def plan_batch(request: BatchRequest) -> BatchPlan:
    """Read every picture once, find what is finished, and refuse what cannot be.

    Writes nothing. Imports torch.

    Raises
    ------
    ImageError, ConfigError, WeightsError, DeviceError
        If a folder is missing or empty, names collide, a result would replace what is read or a
        file of others, no picture can be read, or an argument does not fit.
    TooLargeError
        If the largest run does not fit into memory.
    """
    from napari_nst.api import Stylizer
    from napari_nst.core.device import resolve_device

    if request.suffix not in SUFFIXES:
        raise ConfigError(f"results end in {', '.join(SUFFIXES)}; got {request.suffix!r}")
    contents, beside = find_pictures(request.contents, "content")
    styles, besides = find_pictures(request.styles, "style")
    pairs = pair_up(contents, styles, request.folder, request.suffix)
    places = [*request.contents, *request.styles]
    others = [*request.settings_files, *([request.init] if request.init else [])]
    longest_px = request.config.size or 0
    with disk_errors_translated(request.folder):
        check_outputs(pairs, request.folder, places, others, longest_px=longest_px)
    resolve_device(request.device)
    blend_shares(request.config.blend, 1)
    start = None if request.init is None else read_picture(request.init)
    stylizer = Stylizer(
        weights=request.weights, weights_input=request.weights_input, device=request.device
    )
    weights_hash = stylizer.weights.sha256
    sources, faults = _read_all([*contents, *styles])
    hashes = {} if start is None else {"init": picture_hash(start)}
    regions = _read_masks(pairs, faults)
    hashes |= {"weights": weights_hash}
    kept, unreadable = _find_kept(request, pairs, sources, hashes, regions)
    rest = [pair for pair in pairs if pair not in kept and pair not in unreadable]
    refused = unreadable | _find_refused(request, rest, sources)
    left_out = list(dict.fromkeys([*beside, *besides]))
    plan = BatchPlan(
        request, stylizer, start, pairs, sources, faults, refused, kept, left_out, regions
    )
    _check_room(plan)
    return plan


def free_disk_bytes(folder: Path) -> int:
    """Return what is free on the disk of a folder, which need not be there yet."""
    existing = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
    return shutil.disk_usage(existing).free


def _read_all(paths: Sequence[Path]) -> tuple[dict[Path, Source], dict[Path, str]]:
    sources: dict[Path, Source] = {}
    faults: dict[Path, str] = {}
    for path in dict.fromkeys(paths):
        try:
            pixels = read_picture(path)
        except ImageError as error:
            faults[path] = str(error)
            continue
        pixel_bytes = pixels.itemsize * (4 if pixels.shape[2:] == (4,) else 3)
        size = pixels.shape[0], pixels.shape[1]
        sources[path] = Source(size, pixel_bytes, picture_hash(pixels), make_thumbnail(pixels))
    return sources, faults


def _read_masks(pairs: Sequence[Pair], faults: dict[Path, str]) -> dict[Pair, Regions]:
    """Read the masks beside contents and styles; a picture whose mask cannot be used is a fault.

    A style's mask counts only for contents that have one.
    """

    @cache
    def mask_of(picture: Path) -> Regions | None:
        path = mask_beside(picture)
        if path is None or picture in faults:
            return None
        try:
            return usual_regions(path, 1)[0]
        except NstError as error:
            faults[picture] = str(error)
            return None

    regions: dict[Pair, Regions] = {}
    for pair in pairs:
        if (found := mask_of(pair.content)) is not None:
            over_style = mask_of(pair.style)
            regions[pair] = replace(found, style_labels=[over_style.labels] if over_style else ())
    return regions


def _find_kept(
    request: BatchRequest,
    pairs: Sequence[Pair],
    sources: Mapping[Path, Source],
    hashes: Mapping[str, Any],
    regions: Mapping[Pair, Regions],
) -> tuple[dict[Pair, RunRecord], dict[Pair, str]]:
    """Find the pairs whose files say that they are what this run would make.

    Also those whose files are ours and cannot be read, and why they are not replaced.
    """
    kept: dict[Pair, RunRecord] = {}
    unreadable: dict[Pair, str] = {}
    if request.overwrite:
        return kept, unreadable
    for pair in pairs:
        if not pair.output.exists():
            continue
        record = record_of(pair.output)
        if record is None and is_result(pair.output):
            unreadable[pair] = (
                "the result that is there is damaged or of a newer version of napari-nst, and is "
                "left alone; delete it, or ask for everything to be overwritten"
            )
            continue
        if record is None:
            raise ImageError(
                f"{pair.output} is there and is no result of napari-nst; move it, name another "
                "folder, or ask for everything to be overwritten"
            )
        if pair.content not in sources or pair.style not in sources:
            continue
        made_of = {"content": sources[pair.content].hash, "styles": [sources[pair.style].hash]}
        is_whole = record.reason in ("finished", "converged") and record.events == request.events
        is_whole &= record.regions == regions.get(pair)
        if is_whole and record.config == request.config and record.hashes == {**hashes, **made_of}:
            kept[pair] = record
    return kept, unreadable


def _find_refused(
    request: BatchRequest, pairs: Sequence[Pair], sources: Mapping[Path, Source]
) -> dict[Pair, str]:
    """Find the pairs that are too small for the network, or too large for the format."""
    from napari_nst.core.picture import fit_longest_side
    from napari_nst.planning.fit import misfit

    refused: dict[Pair, str] = {}
    for pair in pairs:
        if pair.content in sources and pair.style in sources:
            sizes = sources[pair.content].size, [sources[pair.style].size]
            longest = max(fit_longest_side(sizes[0], request.config.size))
            if problem := misfit(request.config, *sizes, size=request.config.size):
                refused[pair] = problem
            elif longest > LONGEST_PX.get(SUFFIXES[request.suffix], longest):
                refused[pair] = f"{request.suffix} cannot hold {longest} px; choose .png or .tif"
    return refused


def _check_room(plan: BatchPlan) -> None:
    """Refuse what does not fit into memory or on the disk."""
    if not plan.due:
        return
    needed, free = sum(map(plan.result_bytes, plan.due)), free_disk_bytes(plan.request.folder)
    if LEAST_SHARE * needed > free:
        raise ImageError(
            f"{len(plan.due)} results take {LEAST_SHARE * needed / 1e6:.0f} MB or more, and "
            f"{free / 1e6:.0f} MB are free in {plan.request.folder}; make room"
        )
    if plan.request.check_memory:
        from napari_nst.planning.estimate import plan_of
        from napari_nst.planning.remedies import fitting_layout

        largest = max(plan.due, key=plan.work_of)
        sizes = plan.sources[largest.content].size, [plan.sources[largest.style].size]
        fitting_layout(plan_of(plan.request.config, *sizes, plan.request.device))
