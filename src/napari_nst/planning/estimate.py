"""Estimate the memory and time of a run before it starts.

Memory is the peak of a dry run without data (`dry_run`), plus two pictures for each step in
L-BFGS's history, plus the pictures that the run is given. Time is the work counted in the dry run
at the device's measured speed (`device_speed`), corrected by the last runs (`past_runs`).
"""

import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import torch

from napari_nst.core.device import resolve_device, resolve_precision
from napari_nst.core.network.window import halo_px
from napari_nst.core.optim.lbfgs import kept_dtype
from napari_nst.core.optim.lbfgs_memory import BLOCK_PAIRS
from napari_nst.core.picture import fit_longest_side
from napari_nst.core.pyramid import Size, scale_sizes, split_steps, style_pixels, style_size
from napari_nst.planning.device_speed import known_speed, speed_key, speed_of
from napari_nst.planning.dry_run import DryRun, dry_run
from napari_nst.planning.fit import check_fit, misfit
from napari_nst.planning.layout import budget_bytes, layout_of, step_factor
from napari_nst.planning.op_counter import Work
from napari_nst.planning.past_runs import LEAST_S, LEAST_STEPS, add_run, correction_of
from napari_nst.settings.config import StyleConfig, checked_config
from napari_nst.settings.pixels import is_large

MARGIN = 1.1
"""A run starts if this many times its estimate is free: estimates err by up to a tenth."""

_CHANNELS = 3
_SIZE_STEP_PX = 16

_READING_COPIES = 2
"""Copies of a picture, as floats, made while it is read."""

_PAIR_PASSES = 10
"""Pictures that L-BFGS reads or writes per pair: two dot products, two additions."""

_SEARCH_EVALUATIONS = 7
"""Evaluations that the strong Wolfe search adds to the first steps of a scale.

Measured: 6 on pictures, 12 on noise."""

_SEARCH_IMPORT_BYTES, _SEARCH_IMPORT_S = 170 << 20, 5.0
"""What torch's own L-BFGS imports at its first use. Measured on two cores."""

_SEARCH_PICTURES = 8
"""Pictures held by the search: start, bracket, gradients, the cached evaluation."""

_BOUND_BYTES, _BOUND_PIXEL_BYTES = 2e9, 5e3
"""Upper bound of any run: the network in float64, and twice all features of each pixel."""

_LIBRARY_BYTES = 60 << 20
"""What torch and oneDNN take at first use on a CPU: code, threads, compiled kernels."""

_ALLOCATOR_SHARE, _ALLOCATOR_BYTES = 0.06, 60 << 20
"""Overhead of the C library's heap, as a share of the tensors and at most. Measured on Linux."""

_NARROW_BYTES = 60 << 20
"""What oneDNN takes in addition in 16 bits. Measured at 256 to 1024 px."""

Shapes = Sequence[int] | Sequence[Sequence[int]]
"""The shape of one array, or of several."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Parameters
    ----------
    peak_bytes
        Peak memory above what the program holds before.
    seconds
        From start to end, if it takes all its steps.
    steps
        Number of steps.
    size
        Height and width of the result.
    free_bytes
        What it may take of the memory that was free when the estimate was made.
    runs_seen
        Number of past runs that the time was corrected by.
    tile_px
        Longest side of the windows that it is done in; None where it is done whole.
    disk_bytes
        Of scratch files, where its arrays do not fit into memory.
    style_pixels
        For each style, how many of its file's pixels make one of the result, along a side.
    """

    peak_bytes: int
    seconds: float
    steps: int
    size: Size
    free_bytes: int
    runs_seen: int = 0
    tile_px: int | None = None
    disk_bytes: int = 0
    style_pixels: tuple[float, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether it fits, with a margin for the error of estimates."""
        return self.peak_bytes * MARGIN <= self.free_bytes


def estimate(
    config: StyleConfig,
    content_shape: Sequence[int],
    style_shapes: Shapes,
    device: str = "auto",
    *,
    memory: int | None = None,
) -> Estimate:
    """Estimate what a run will take.

    The first call on a device measures its speed in about two seconds; later calls read it from
    the cache.

    Parameters
    ----------
    config
        The settings.
    content_shape
        The content array's shape: (H, W) or (H, W, C).
    style_shapes
        The same of the style, or of each style.
    device, memory
        As for `stylize`.

    Raises
    ------
    DeviceError
        If the device is not there.
    ImageError
        If a picture is too small for the network, which a run would refuse too.
    """
    plan = plan_of(config, content_shape, style_shapes, device)
    budget = budget_bytes(plan.device, memory)
    layout = layout_of(plan, budget / MARGIN)
    plan = replace(plan, tile_px=layout.tile_px)
    correction = correction_of(plan.correction_key)
    seconds = speed_of(plan.device, plan.dtype).seconds(plan.work)
    return Estimate(
        peak_bytes=layout.peak_bytes,
        seconds=correction.ratio * seconds + plan.import_s,
        steps=sum(plan.shares),
        size=plan.sizes[-1],
        free_bytes=budget,
        runs_seen=correction.runs,
        tile_px=layout.tile_px,
        disk_bytes=layout.disk_bytes,
        style_pixels=tuple(
            style_pixels(style, plan.sizes[-1], config, place)
            for place, style in enumerate(plan.styles)
        ),
    )


def learn(
    plan: "Plan", steps_by_scale: Sequence[int], *, measured_s: float, was_ready: bool = False
) -> None:
    """Correct later estimates by a run that took its steps as planned.

    Ignores runs that are too short, and runs on a device whose speed was never measured.

    Parameters
    ----------
    plan
        The run's plan, made before it started.
    steps_by_scale
        Steps taken at each scale, coarse to fine.
    measured_s
        Its time without pauses and imports.
    was_ready
        Whether the network was prepared by an earlier run.
    """
    speed = known_speed(plan.device, plan.dtype)
    if speed is None or measured_s < LEAST_S or sum(steps_by_scale) < LEAST_STEPS:
        return
    work = plan.work_of(steps_by_scale, is_ready=was_ready)
    estimated_s = speed.seconds(work)
    add_run(plan.correction_key, measured_s=measured_s, estimated_s=estimated_s)


def largest_fitting_size(
    config: StyleConfig,
    content_shape: Sequence[int],
    style_shapes: Shapes,
    device: str = "auto",
    *,
    free: int | None = None,
) -> int | None:
    """Find the largest ``config.size`` that fits into memory, up to the one asked for.

    Parameters
    ----------
    config, content_shape, style_shapes, device
        As for `estimate`.
    free
        Bytes that may be used; by default what a run may take of those that are free now.

    Returns
    -------
    int or None
        A multiple of 16 px, or the size asked for; None if even the smallest does not fit.
    """
    plan = plan_of(config, content_shape, style_shapes, device)
    return plan.largest_size((budget_bytes(plan.device, None) if free is None else free) / MARGIN)


def plan_of(
    config: StyleConfig, content_shape: Sequence[int], style_shapes: Shapes, device: str
) -> "Plan":
    """Resolve what a run is asked for; parameters and errors are those of `estimate`."""
    shapes = cast(Sequence[Sequence[int]], style_shapes)
    if isinstance(style_shapes[0], int):
        shapes = [cast(Sequence[int], style_shapes)]
    chosen = resolve_device(device)
    content = content_shape[0], content_shape[1]
    styles = tuple((shape[0], shape[1]) for shape in shapes)
    check_fit(checked_config(config), content, styles)
    return Plan(
        config,
        content,
        styles,
        chosen,
        resolve_precision(config.precision, chosen),
    )


@dataclass(frozen=True)
class Plan:
    """The sizes, steps and costs of a run that has not started.

    Parameters
    ----------
    config
        The settings.
    content, styles
        Height and width of the pictures as given.
    device, dtype
        Device and precision.
    tile_px
        Longest side of the windows, where it is known already that there are some.
    """

    config: StyleConfig
    content: Size
    styles: tuple[Size, ...]
    device: torch.device
    dtype: torch.dtype
    tile_px: int | None = None

    @cached_property
    def sizes(self) -> list[Size]:
        """Height and width of every scale."""
        finest = fit_longest_side(self.content, self.config.size)
        return scale_sizes(finest, self.config, self.styles)

    @cached_property
    def shares(self) -> list[int]:
        """Steps of every scale."""
        return split_steps(len(self.sizes), self.config)

    @property
    def wanted_size(self) -> int:
        """The longest side of the result."""
        return self.config.size or max(self.content)

    def largest_size(self, budget_bytes: float) -> int | None:
        """Find the largest size up to the wanted one that needs no more than the budget."""

        def needed(size: int) -> int:
            return replace(self, config=self.config.replace(size=size)).peak_bytes

        sizes = [*range(_SIZE_STEP_PX, self.wanted_size, _SIZE_STEP_PX), self.wanted_size]
        pictures = self.content, self.styles
        sizes = [size for size in sizes if not misfit(self.config, *pictures, size=size)]
        fitting = bisect_right(sizes, budget_bytes, key=needed)
        return sizes[fitting - 1] if fitting else None

    @property
    def peak_bytes(self) -> int:
        """Peak memory above what the program holds before, if pictures are done whole."""
        return self._with_overhead(self._tensor_bytes)

    def peak_of_pixels(self, pixels: int) -> int:
        """Return the peak memory of a window of so many pixels, the run's pictures included."""
        cost = self._dry_run.at(pixels)
        tensors = max(self._dry_run.loading_bytes, cost.entering_bytes, cost.stepping_bytes)
        return self._with_overhead(tensors)

    def _with_overhead(self, tensors: float) -> int:
        """Add the pictures that the run is given, and what libraries take."""
        if self.device.type == "cuda":
            return round(tensors - self._dry_run.given_bytes)
        given = [size[0] * size[1] for size in (self.content, *self.styles) if not is_large(size)]
        pictures = sum(given) * _CHANNELS * 4
        reading = pictures + _READING_COPIES * max(given, default=0) * _CHANNELS * 4
        held = min(_ALLOCATOR_SHARE * tensors, _ALLOCATOR_BYTES)
        if self.dtype.itemsize < torch.float32.itemsize:
            held += _NARROW_BYTES
        held += _SEARCH_IMPORT_BYTES * self.imports_torch_lbfgs
        running = pictures + tensors + held + _LIBRARY_BYTES
        return round(max(reading, running))

    @property
    def bound_bytes(self) -> float:
        """An upper bound without a dry run, so that small runs start at once."""
        pixels = self._seen_pixels(-1)
        pictures = sum(height * width for height, width in (self.content, *self.styles))
        pairs = self.config.lbfgs_history * self._pair_bytes(pixels)
        return _BOUND_BYTES + _BOUND_PIXEL_BYTES * (pixels + pictures) + pairs

    @property
    def work(self) -> Work:
        """The work of the whole run."""
        return self.work_of(self.shares)

    def work_of(self, shares: Sequence[int], *, is_ready: bool = False) -> Work:
        """Count the work of so many steps a scale; a network that is ready costs nothing."""
        searched = self._is_searching * _SEARCH_EVALUATIONS
        work = self._dry_run.loading * (not is_ready)
        for index, pixels, share in self._scales(shares):
            cost = self._dry_run.at(self._seen_pixels(index))
            pairs = sum(min(done, self._history(index)) for done in range(share))
            passed = Work(0, _PAIR_PASSES * self._picture_bytes(pixels), _PAIR_PASSES)
            step = self._dry_run.at(pixels).step * self._step_factor(index)
            work += cost.entering + step * (share + searched) + passed * pairs
        last = self._dry_run.at(self._pixels(-1)).step  # evaluates the result at the end
        return work + last * self._step_factor(-1)

    def _step_factor(self, index: int) -> float:
        wraps = self.config.is_circular
        return step_factor(self.sizes[index], self.config.taps, self.tile_px, wraps=wraps)

    @property
    def can_leave_memory(self) -> bool:
        """Whether arrays may be in files: torch's own L-BFGS, which searches, holds all of them."""
        return not self._is_searching

    @property
    def last_history(self) -> int:
        """The number of L-BFGS's pairs at the end of the finest scale."""
        return min(self._history(len(self.sizes) - 1), max(0, self.shares[-1] - 1))

    @cached_property
    def _dry_run(self) -> DryRun:
        finest = self.sizes[-1]
        styles = tuple(
            style_size(style, finest, self.config, place) for place, style in enumerate(self.styles)
        )
        return dry_run(self.config, finest, styles, device=self.device, dtype=self.dtype)

    @property
    def _tensor_bytes(self) -> float:
        peak, pairs_before = float(self._dry_run.loading_bytes), 0.0
        for index, pixels, share in self._scales(self.shares):
            cost = self._dry_run.at(self._seen_pixels(index))
            pairs = self._pairs_bytes(index, pixels, share)
            search = self._is_searching * _SEARCH_PICTURES * self._picture_bytes(pixels)
            entering = cost.entering_bytes + pairs_before
            peak = max(peak, entering, cost.stepping_bytes + pairs + search)
            pairs_before = pairs
        return peak

    def _scales(self, shares: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """Yield index, number of pixels and steps of the scales that are used."""
        for index, share in enumerate(shares):
            if share:
                yield index, self._pixels(index), share

    def _pixels(self, index: int) -> int:
        height, width = self.sizes[index]
        return height * width

    def _seen_pixels(self, index: int) -> int:
        """Count a scale's pixels with the halo that a picture has which wraps."""
        height, width = self.sizes[index]
        beside = 2 * halo_px(self.config.taps) if self.config.is_circular else 0
        return (height + beside) * (width + beside)

    @property
    def imports_torch_lbfgs(self) -> bool:
        """Whether the run is the first in this program to use torch's own L-BFGS."""
        return self._is_searching and "torch._dynamo" not in sys.modules

    @property
    def import_s(self) -> float:
        """Seconds of imports within the run."""
        return _SEARCH_IMPORT_S * self.imports_torch_lbfgs

    @property
    def correction_key(self) -> str:
        """Key of the past runs that correct this one's estimate."""
        loss = "gram" if self.config.style_loss.startswith("gram") else self.config.style_loss
        return f"{speed_key(self.device, self.dtype)}, {loss}"

    @property
    def _is_searching(self) -> bool:
        return self.config.optimizer == "lbfgs" and self.config.line_search != "none"

    def _history(self, index: int) -> int:
        """Return the number of pairs in L-BFGS's history at a scale; 0 for Adam."""
        config, later = self.config, self.config.lbfgs_history_later
        if config.optimizer == "adam":
            return 0
        is_first = not any(self.shares[:index])
        return config.lbfgs_history if is_first or later is None else later

    def _pairs_bytes(self, index: int, pixels: int, share: int) -> float:
        """Memory of the pairs at the end of a scale, beyond the one in the dry run."""
        history = self._history(index)
        pairs = min(history, share - 1)
        if self.device.type == "cuda":  # a whole block is allocated at once
            pairs = min(history, -(-pairs // BLOCK_PAIRS) * BLOCK_PAIRS)
        return max(0, pairs - 1) * self._pair_bytes(pixels)

    def _pair_bytes(self, pixels: int) -> float:
        kept = None if self._is_searching else kept_dtype(self.dtype)
        share = kept.itemsize / torch.float32.itemsize if kept else 1.0
        return 2 * self._picture_bytes(pixels) * share

    def _picture_bytes(self, pixels: int) -> float:
        return pixels * _CHANNELS * torch.promote_types(self.dtype, torch.float32).itemsize
