"""Stylize frames of a sequence so that they do not flicker (Ruder, Dosovitskiy & Brox 2016).

The first frame, and the first after a scene cut, are runs of their own. Every later one starts from
the last result, warped along the flow of the input frames, at the full size, and a temporal term
(`napari_nst.core.loss.temporal`) holds it there where the flow can be relied on. What the last
frame hides may be visible in earlier ones: those 2 and 4 frames back count where no nearer one
does. A second pass may go backwards from the last frame, each starting from the mean of its own
result and its successor's (section 4.3, δ = 1/2).
"""

from collections.abc import Generator, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_nst.api.results import Step, StyleResult
from napari_nst.api.stylizer import Stylizer
from napari_nst.core.control import RunControl
from napari_nst.core.flow.optical import Flow, optical_flow
from napari_nst.core.flow.warping import Mask, reliable, warp, warping_error
from napari_nst.core.inputs import Style, style_arrays
from napari_nst.core.loss.temporal import WEIGHT, TemporalTarget
from napari_nst.core.picture import fit_longest_side, read_picture
from napari_nst.core.pyramid import Size, scale_sizes, split_steps
from napari_nst.errors import ConfigError, ImageError, shown
from napari_nst.settings.config import StyleConfig, checked_config
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.presets import DEFAULT_PRESET

_NEGLIGIBLE = 1e-3
"""Share of a frame that is too small to look for it in frames further back."""

_SAME = 0.15
"""Difference of lightness up to which a pixel and the one that the flow leads to are the same."""

_CUT = 0.3
"""Below this share of reliable and same pixels a frame begins another scene.

Measured at 96 px: 15 pairs of unrelated photographs have 0.06 or less; frames of one scene, up to 4
apart, 0.79 to 0.92, 0.74 with an object a third as wide that leaps 21 px, and 0.46 with noise of a
standard deviation of 5 levels."""

_OWN_SHARE = 0.5
"""δ of the paper's multi-pass algorithm."""


@dataclass(frozen=True)
class SequenceOptions:
    """What frames have to do with each other.

    Parameters
    ----------
    temporal_weight
        Of the temporal term, in the convention of artistic-videos; 0 only warps the start.
    distances
        How many frames back earlier results count, nearest first.
    is_backward
        Whether a second pass goes from the last frame to the first.
    """

    temporal_weight: float = WEIGHT
    distances: tuple[int, ...] = (1, 2, 4)
    is_backward: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.temporal_weight < float("inf"):
            raise ConfigError(
                f"the temporal weight is a number from 0 up; got {shown(self.temporal_weight)}"
            )
        if not self.distances or any(each < 1 for each in self.distances):
            raise ConfigError(
                f"distances are counts of frames, such as (1, 2, 4); got {shown(self.distances)}"
            )

    def jobs(self, count: int) -> list["Job"]:
        """List all runs of a sequence of so many frames, in their order."""
        jobs = [Job(index, is_backward=False) for index in range(count)]
        if self.is_backward:
            jobs += [Job(index, is_backward=True) for index in reversed(range(count - 1))]
        return jobs


@dataclass(frozen=True)
class Job:
    """One run of a sequence: a frame, and in which pass."""

    index: int
    is_backward: bool


class Past(NamedTuple):
    """A frame's last result: as painted, float32 in [0, 1], and as shown; each of (H, W, C)."""

    painted: npt.NDArray[np.float32]
    image: npt.NDArray[Any]


@dataclass(frozen=True)
class FrameStep:
    """One step of one frame's run, and which of the sequence's runs it is, from 1."""

    job: Job
    number: int
    count: int
    step: Step


@dataclass(frozen=True)
class FrameResult:
    """What one run of a sequence leaves.

    Parameters
    ----------
    job
        The frame and the pass.
    result
        As `napari_nst.stylize` returns it.
    is_first
        Whether it begins the sequence, or a scene after a cut.
    reliability
        Share of the pixels that the temporal term held.
    warping_error
        To the frame before, or in the second pass after, it; None where `is_first`.
    """

    job: Job
    result: StyleResult
    is_first: bool
    reliability: float
    warping_error: float | None


def later_config(config: StyleConfig, content: Size, styles: Sequence[Size]) -> StyleConfig:
    """Return the settings of frames that start from an earlier one's result.

    One scale, the finest, as the coarse ones are done; at most half of a frame's steps, and of its
    work: a step at half the size is a quarter of one.

    Parameters
    ----------
    config
        The settings of a frame alone.
    content, styles
        (H, W) of a frame and of the styles, as given.
    """
    sizes = scale_sizes(fit_longest_side(content, config.size), config, styles)
    shares = split_steps(len(sizes), config)
    finest = sizes[-1][0] * sizes[-1][1]
    work = sum(share * height * width for share, (height, width) in zip(shares, sizes, strict=True))
    steps = max(1, int(min(sum(shares), work / finest) / 2))
    return config.replace(pyramid="single", steps=None, scale_steps=(steps,))


def iter_stylize_sequence(
    frames: Sequence[PixelSource],
    style: Style | Sequence[Style],
    config: StyleConfig | None = None,
    *,
    options: SequenceOptions | None = None,
    stylizer: Stylizer | None = None,
    control: RunControl | None = None,
    past: MutableMapping[int, Past] | None = None,
    done: int = 0,
    check_memory: bool = True,
) -> Generator[FrameStep | FrameResult, None, None]:
    """Stylize the frames of a sequence without flicker, step by step.

    Parameters
    ----------
    frames
        Arrays as `napari_nst.iter_stylize` takes them, of one size; each is read when it is due.
    style, config
        As for `napari_nst.iter_stylize`; `config` is that of the first frame.
    options
        What frames have to do with each other.
    stylizer
        The network of all frames; with default weights by default.
    control
        Stops or pauses the sequence; the frame that a stop interrupts yields no result.
    past
        Where results are kept as long as later frames need them; in memory by default.
    done
        How many of ``options.jobs(len(frames))`` are done already, their results in `past`.
    check_memory
        As for `napari_nst.iter_stylize`.

    Raises
    ------
    ImageError, ConfigError
        At once, if there is no frame, or a setting does not fit.
    NstError
        From the generator, as `napari_nst.iter_stylize`; or if a frame has another size.
    """
    if not len(frames):
        raise ImageError("a sequence has one frame or more; got none")
    config = StyleConfig.preset(DEFAULT_PRESET) if config is None else checked_config(config)
    options = SequenceOptions() if options is None else options
    sequence = _Sequence(
        frames, style, config, options, stylizer or Stylizer(), {} if past is None else past
    )
    return sequence.run(control or RunControl(), done, check_memory=check_memory)


def stylize_sequence(
    frames: Sequence[PixelSource],
    style: Style | Sequence[Style],
    config: StyleConfig | None = None,
    *,
    options: SequenceOptions | None = None,
    stylizer: Stylizer | None = None,
    control: RunControl | None = None,
) -> list[FrameResult]:
    """Stylize a sequence; parameters and errors are those of `iter_stylize_sequence`.

    Returns
    -------
    list of FrameResult
        One for each frame, of its last pass; fewer if `control` was stopped.
    """
    run = iter_stylize_sequence(
        frames, style, config, options=options, stylizer=stylizer, control=control
    )
    found = {event.job.index: event for event in run if isinstance(event, FrameResult)}
    return [found[index] for index in sorted(found)]


class _Pair(NamedTuple):
    """The flow from a frame to another, and where it can be relied on."""

    flow: Flow
    mask: Mask


class _Before(NamedTuple):
    """What earlier results say of a frame: the start, the target, and the nearest of them."""

    start: npt.NDArray[np.float32]
    target: TemporalTarget
    nearest: int
    pair: _Pair


class _Sequence:
    """The frames, and what of their results is kept."""

    def __init__(
        self,
        frames: Sequence[PixelSource],
        style: Style | Sequence[Style],
        config: StyleConfig,
        options: SequenceOptions,
        stylizer: Stylizer,
        past: MutableMapping[int, Past],
    ) -> None:
        self._frames, self._style, self._past = frames, style, past
        self._config, self._options, self._stylizer = config, options, stylizer
        content = _size_of(frames[0])
        self._given, self._size = content, fit_longest_side(content, config.size)
        _, styles = style_arrays(style)
        self._later = later_config(config, content, [_size_of(each) for each in styles.values()])
        self._cuts: dict[int, bool] = {}
        self._frame = lru_cache(maxsize=1 + max(options.distances))(self._read)
        self._pair = lru_cache(maxsize=len(options.distances))(self._measure)

    def run(
        self, control: RunControl, done: int, *, check_memory: bool
    ) -> Generator[FrameStep | FrameResult, None, None]:
        jobs = self._options.jobs(len(self._frames))
        for number, job in enumerate(jobs[done:], done + 1):
            if control.stopped:
                return
            before = self._before(job)
            steps = self._stylizer.iter_stylize(
                self._content(job.index),
                self._style,
                self._config if before is None else self._later,
                control=control,
                init=None if before is None else before.start,
                temporal=None if before is None else before.target,
                check_memory=check_memory,
            )
            result = yield from _numbered(steps, job, number, len(jobs))
            if result.reason == "stopped":
                return
            yield self._kept(job, result, before)

    def _kept(self, job: Job, result: StyleResult, before: _Before | None) -> FrameResult:
        """Keep a result for later frames, and measure how it fits to its neighbour's."""
        self._past[job.index] = Past(np.clip(result.painted, 0, 1), result.image)
        if not self._options.is_backward:
            # One more than the next frame needs: this one is run again if it cannot be written.
            self._past.pop(job.index - max(self._options.distances) - 1, None)
        if before is None:
            return FrameResult(job, result, True, 0.0, None)
        pair = before.pair
        other = _tensor(self._past[before.nearest].image)
        error = warping_error(_tensor(result.image), other, pair.flow, pair.mask)
        share = float(before.target.reliability.mean())
        return FrameResult(job, result, False, share, error)

    def _before(self, job: Job) -> _Before | None:
        """Warp earlier results to a frame; None where there are none, or the scene is another."""
        neighbours = list(self._neighbours(job))
        if not neighbours:
            return None
        nearest = neighbours[0]
        first = self._pair(job.index, nearest)
        picture = warp(_planes(self._past[nearest].painted), first.flow)
        claimed = first.mask.copy()
        for other in neighbours[1:]:
            if 1 - claimed.mean() < _NEGLIGIBLE:
                break
            pair = self._pair(job.index, other)
            added = torch.from_numpy(pair.mask & ~claimed)
            warped = warp(_planes(self._past[other].painted), pair.flow)
            picture = torch.where(added, warped, picture)
            claimed |= pair.mask
        reliability = torch.from_numpy(claimed.astype(np.float32))[None, None]
        weight = self._options.temporal_weight
        start = picture
        if job.is_backward:
            own = _planes(self._past[job.index].painted)
            start = torch.lerp(own, picture, _OWN_SHARE * reliability)
        target = TemporalTarget(picture, reliability, weight)
        return _Before(start[0].permute(1, 2, 0).numpy(), target, nearest, first)

    def _neighbours(self, job: Job) -> Iterator[int]:
        """Yield the frames whose results count for a run, nearest first, up to a scene cut."""
        sign = 1 if job.is_backward else -1
        others = [job.index + sign * distance for distance in self._options.distances]
        inside = [each for each in others if 0 <= each < len(self._frames)]
        return takewhile(lambda other: not self._is_cut(job.index, other), inside)

    def _is_cut(self, index: int, other: int) -> bool:
        """Return whether a cut lies between two frames; neighbours are compared one by one."""
        low, high = sorted((index, other))
        return any(self._begins_scene(each) for each in range(low + 1, high + 1))

    def _begins_scene(self, index: int) -> bool:
        if index not in self._cuts:
            pair = self._pair(index, index - 1)
            here, before = self._frame(index), self._frame(index - 1)
            difference = (here - warp(before, pair.flow)).mean(1)[0].abs().numpy()
            self._cuts[index] = bool((pair.mask & (difference < _SAME)).mean() < _CUT)
        return self._cuts[index]

    def _measure(self, index: int, other: int) -> _Pair:
        here, there = self._frame(index), self._frame(other)
        flow = optical_flow(here, there)
        return _Pair(flow, reliable(flow, optical_flow(there, here)))

    def _content(self, index: int) -> PixelSource:
        frame = self._frames[index]
        if _size_of(frame) != self._given:
            (height, width), (first_height, first_width) = _size_of(frame), self._given
            raise ImageError(
                f"frame {index + 1} is {width}x{height} px and the first one {first_width}x"
                f"{first_height} px; all frames of a sequence have one size"
            )
        return frame

    def _read(self, index: int) -> Tensor:
        picture = read_picture(self._content(index), f"frame {index + 1}")
        return picture.resized(self._size, "bilinear").rgb


def _numbered(
    steps: Generator[Step, None, StyleResult], job: Job, number: int, count: int
) -> Generator[FrameStep, None, StyleResult]:
    try:
        while True:
            yield FrameStep(job, number, count, next(steps))
    except StopIteration as end:
        result: StyleResult = end.value
        return result
    finally:
        steps.close()


def _size_of(picture: PixelSource) -> Size:
    return picture.shape[0], picture.shape[1]


def _tensor(image: npt.NDArray[Any]) -> Tensor:
    """Return a result as shown, shape (1, 3, H, W), values in [0, 1]."""
    return read_picture(image, "a result").rgb


def _planes(painted: npt.NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(painted).permute(2, 0, 1)[None]
