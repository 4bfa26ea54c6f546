"""A run: scale by scale, step by step, polling its control."""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.colour import Palette, blended, colour_statistics
from napari_nst.core.control import RunControl
from napari_nst.core.descent import Descent
from napari_nst.core.device import finest_dtype
from napari_nst.core.evaluate import Evaluation, loss_and_gradient
from napari_nst.core.loss.objective import PUBLISHED, VARIABLE_MAXIMUM, Balance, Objective
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.memory import give_memory_back
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.optim.lbfgs import kept_dtype
from napari_nst.core.picture import Picture, fit_longest_side, resize
from napari_nst.core.pyramid import scale_sizes, split_steps, style_size
from napari_nst.errors import DeviceError
from napari_nst.settings.config import STEERABLE, StyleConfig
from napari_nst.settings.record import SteeringEvent
from napari_nst.settings.results import Reason, Scale

_LONGEST_STEP = 0.05
"""The longest step of L-BFGS, a root mean square as a share of the picture's range.

Without a line search it leaps at times: the picture is noise for a step or two, or for good. Steps
that lead on are seldom longer. On the weights that a preset was published for, in full precision,
the original's course is kept, whatever it does.
"""


@dataclass(frozen=True)
class RunStep:
    """A step that was taken, and the evaluation at the picture that entered it."""

    iteration: int
    scale: Scale
    evaluation: Evaluation


@dataclass(frozen=True)
class Pictures:
    """What a run paints from.

    Parameters
    ----------
    content
        The picture that keeps its structure.
    styles
        The pictures that lend their manner, blended equally.
    start
        The picture to start from, or None to start as the settings say.
    """

    content: Picture
    styles: Sequence[Picture]
    start: Picture | None = None


class _Stopped(Exception):
    """A stop was asked for in the middle of a step."""


class Run:
    """One optimisation, from the coarsest scale to the finest.

    Parameters
    ----------
    pictures
        Content, styles and start.
    encoder
        The network, with taps at all layers of `config`.
    config
        The settings as asked.
    grey : Tensor, shape (1, 3, 1, 1), values in [0, 1]
        The colour around which noise is drawn: the network's zero.
    balance
        Fits the terms to the weights.
    control
        Polled at every step and before every evaluation.
    events
        Steering to repeat.

    Attributes
    ----------
    picture : Tensor, shape (1, 3, H, W)
        The picture as painted; after a divergence the last good one.
    reason
        Why the run ended.
    events
        Steering so far.
    done
        Steps taken.
    """

    def __init__(
        self,
        pictures: Pictures,
        encoder: Encoder,
        config: StyleConfig,
        *,
        grey: Tensor,
        balance: Balance,
        control: RunControl,
        events: Sequence[SteeringEvent] = (),
    ) -> None:
        self._pictures = pictures
        self._encoder = encoder
        self._config = config
        self._grey = grey
        self._wide = _variable_dtype(encoder)
        self._balance = balance
        self._keeps_course = (
            balance is PUBLISHED
            and encoder.dtype.itemsize >= 4
            and config.lbfgs_preconditioner == "none"
        )
        self._control = control
        control.begin(config)
        self._recolours = config.colors == "style"
        self._to_repeat = list(events)
        self.events: list[SteeringEvent] = []
        self.reason: Reason = "finished"
        full_size = fit_longest_side(pictures.content.size, config.size)
        self.sizes = scale_sizes(full_size, config, [each.size for each in pictures.styles])
        self._shares = split_steps(len(self.sizes), config)
        self.total = sum(self._shares)
        self.done = 0
        self._descent: Descent | None = None
        self._objective: Objective | None = None
        self.picture = self._starting_picture(self.sizes[self._first_scale])

    def steps(self) -> Iterator[RunStep]:
        """Take the steps; sets `reason`, and leaves the result in `picture`."""
        for index in range(self._first_scale, len(self.sizes)):
            self.enter_scale(index)
            yield from self.descend(index)
            if self.reason in ("stopped", "diverged"):
                break
        # Colours chosen behind the last step count, however many steps there are this time.
        self._to_repeat = [replace(each, step=self.done) for each in self._to_repeat]
        self._steer(("colors",))

    @cached_property
    def palette(self) -> Palette:
        """The colours that the picture can be shown in."""
        content, styles = self._pictures.content, self._pictures.styles
        return Palette(
            colour_statistics(content.rgb, content.alpha),
            blended([colour_statistics(style.rgb, style.alpha) for style in styles]),
        )

    def shown(self) -> Tensor:
        """Return the picture to show, in the colours asked for; shape (1, 3, H, W)."""
        alpha = self._pictures.content.alpha
        if alpha is not None:
            height, width = self.picture.shape[-2:]
            alpha = resize(alpha, (height, width), "bilinear")
        return self.palette.after(self.picture, self._config.colors, alpha)

    def evaluate(self) -> Evaluation:
        """Evaluate the loss at `picture` once more, at the scale that the run is at."""
        if self._objective is None:
            self.enter_scale(self._first_scale)
        assert self._objective is not None
        return loss_and_gradient(self.picture, self._encoder, self._objective, self._config)

    def release(self) -> None:
        """Drop the optimiser and the targets, so that only `picture` is left.

        The optimiser calls back into the run: in this circle their tensors would stay until
        Python's cyclic garbage collector comes by, which is after many runs.
        """
        self._descent = self._objective = None
        self._encoder.release()

    @property
    def _first_scale(self) -> int:
        return next(index for index, share in enumerate(self._shares) if share)

    def enter_scale(self, index: int) -> None:
        """Measure the targets of a scale and bring the picture to its size."""
        size = self.sizes[index]
        self._objective = None
        self._encoder.release()
        give_memory_back()  # no gap that a scale leaves fits the larger tensors of the next
        content = self._content_at(size)
        self._objective = self._objective_at(size, content)
        give_memory_back()
        if self.picture.shape[-2:] != size:
            self.picture = self._enlarged(content)
        first = index == self._first_scale
        descent = Descent(
            self.picture,
            self._config,
            self._evaluate,
            first_scale=first,
            grey=self._grey,
            dtype=self._wide,
            kept_dtype=kept_dtype(self._encoder.dtype),
            longest=math.inf if self._keeps_course else _LONGEST_STEP,
        )
        if self._descent is not None:
            descent.adopt_moments(self._descent)
        self._descent = descent
        self.reason = "finished"

    def descend(self, index: int) -> Generator[RunStep, None, None]:
        """Take the steps of the scale that was entered."""
        assert self._descent is not None
        scale = Scale(index, len(self.sizes), *self.sizes[index])
        last_good = self.picture
        for _ in range(self._shares[index]):
            if self._control.wait_while_paused():
                self.reason = "stopped"
                return
            self._steer()
            entering = self.picture
            try:
                evaluation = self._descent.step()
            except _Stopped:
                self.picture, self.reason = entering, "stopped"
                return
            if math.isfinite(evaluation.loss):
                last_good = entering
            if not (math.isfinite(evaluation.loss) and self._descent.is_finite()):
                self.picture, self.reason = last_good, "diverged"
                return
            self.picture = self._descent.picture
            self.done += 1
            yield RunStep(self.done, scale, evaluation)
            if self._config.optimizer == "lbfgs" and self._descent.is_stuck:
                self.reason = "converged"
                return

    def _steer(self, fields: Sequence[str] = STEERABLE) -> None:
        """Apply what was asked for since the last step."""
        due = {e.field: e.value for e in self._to_repeat if e.step == self.done}
        self._to_repeat = [e for e in self._to_repeat if e.step != self.done]
        asked = due | self._control.take_changes()
        changes = {name: value for name, value in asked.items() if name in fields}
        if not changes:
            return
        changes = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
        self._config = self._config.replace(**changes)
        self.events += [SteeringEvent(self.done, *change) for change in changes.items()]
        if self._descent is not None and set(changes) != {"colors"}:
            self._descent.steer(self._config)

    def _evaluate(self, picture: Tensor) -> Evaluation:
        if self._control.stopped:
            raise _Stopped
        assert self._objective is not None
        return loss_and_gradient(picture, self._encoder, self._objective, self._config)

    def _objective_at(self, size: tuple[int, int], content: Tensor) -> Objective:
        config = self._config
        styles = [
            style.resized(style_size(style.size, size, config), config.resample)
            for style in self._pictures.styles
        ]
        return build_objective(
            self._encoder,
            content,
            [self._on_device(style.rgb) for style in styles],
            config,
            balance=self._balance,
        )

    def _enlarged(self, content: Tensor) -> Tensor:
        """Bring the picture to the content's size, with the detail of it that was missed."""
        height, width = content.shape[-2:]
        enlarged = _resize(self.picture, (height, width))
        if self._config.scale_detail:
            rows, columns = self.picture.shape[-2:]
            coarse = self._content_at((rows, columns))
            detail = content - _resize(coarse, (height, width))
            enlarged = enlarged + self._config.scale_detail * detail.to(enlarged.dtype)
        return enlarged.clamp(0, 1)

    def _starting_picture(self, size: tuple[int, int]) -> Tensor:
        pictures, config = self._pictures, self._config
        if pictures.start is not None:
            return self._on_device(pictures.start.resized(size, config.resample).rgb)
        if config.init == "content":
            return self._content_at(size)
        generator = torch.Generator().manual_seed(config.seed)
        noise = torch.randn((1, 3, *size), generator=generator)
        spread = config.noise_std / VARIABLE_MAXIMUM[config.variable]
        # In float32, adding grey would swallow a hundredth of johnson's noise.
        return self._on_device(self._grey + spread * noise.double())

    def _content_at(self, size: tuple[int, int]) -> Tensor:
        """Return the content that is painted from, on the device, at a size."""
        rgb = self._on_device(self._pictures.content.resized(size, self._config.resample).rgb)
        return self.palette.in_style(rgb) if self._recolours else rgb

    def _on_device(self, picture: Tensor) -> Tensor:
        """Move a picture, in the dtype in which `Descent` has pictures evaluated."""
        return picture.to(self._encoder.device, finest_dtype(self._encoder.device))


def _resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(picture, size, mode="bicubic", align_corners=False)


def _variable_dtype(encoder: Encoder) -> torch.dtype:
    if encoder.dtype != torch.float64:
        return torch.float32
    if encoder.device.type == "mps":
        raise DeviceError("Apple GPUs have no float64; choose float32 or the CPU")
    return torch.float64
