"""A run: scale by scale, step by step, polling its control."""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from napari_nst.core.colour import Palette
from napari_nst.core.control import RunControl, Stopped
from napari_nst.core.device import finest_dtype
from napari_nst.core.loss.objective import PUBLISHED, Balance
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.optim.descent import Descent
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.optim.lbfgs import kept_dtype
from napari_nst.core.picture import Pictures, fit_longest_side, resize
from napari_nst.core.pyramid import scale_sizes, split_steps
from napari_nst.core.whole_picture import WholePicture
from napari_nst.errors import DeviceError
from napari_nst.settings.config import STEERABLE, StyleConfig
from napari_nst.settings.record import SteeringEvent

Reason = Literal["finished", "stopped", "converged", "diverged"]

_LONGEST_STEP = 0.05
"""The longest step of L-BFGS, a root mean square as a share of the picture's range.

Without a line search L-BFGS sometimes takes a huge step, and the picture turns to noise for a step
or two, or for good. Useful steps are seldom longer. On the weights that a preset was published for,
in full precision, the original's course is kept, whatever it does.
"""


@dataclass(frozen=True)
class Scale:
    """Where a step stands in the pyramid: `index` from 0, of `count`, at height x width px."""

    index: int
    count: int
    height: int
    width: int


@dataclass(frozen=True)
class RunStep:
    """A step that was taken, and the evaluation at the picture that entered it."""

    iteration: int
    scale: Scale
    evaluation: Evaluation


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
        The picture before it gets its colours; after a divergence the last good one.
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
        self._keeps_course = (
            balance is PUBLISHED
            and encoder.dtype.itemsize >= 4
            and config.lbfgs_preconditioner == "none"
        )
        self._control = control
        control.begin(config)
        self._to_repeat = list(events)
        self.events: list[SteeringEvent] = []
        self.reason: Reason = "finished"
        full_size = fit_longest_side(pictures.content.size, config.size)
        self.sizes = scale_sizes(full_size, config, [each.size for each in pictures.styles])
        self._shares = split_steps(len(self.sizes), config)
        self.total = sum(self._shares)
        self.done = 0
        self._descent: Descent | None = None
        self._evaluator = WholePicture(
            pictures, encoder, config, grey=grey, balance=balance, control=control
        )
        self.picture = self._evaluator.starting_picture(self.sizes[self._first_scale])

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

    @property
    def palette(self) -> Palette:
        """The colours that the picture can be shown in."""
        return self._pictures.palette

    def shown(self) -> Tensor:
        """Return the picture to show, in the colours asked for; shape (1, 3, H, W)."""
        alpha = self._pictures.content.alpha
        if alpha is not None:
            height, width = self.picture.shape[-2:]
            alpha = resize(alpha, (height, width), "bilinear")
        return self.palette.after(self.picture, self._config.colors, alpha)

    def evaluate(self) -> Evaluation:
        """Evaluate the loss at `picture` once more, at the scale that was entered."""
        if self._descent is None:
            self.enter_scale(self._first_scale)
        return self._evaluator.evaluate(self.picture)

    def release(self) -> None:
        """Drop the optimiser and the targets, so that only `picture` is left."""
        self._descent = None
        self._evaluator.release()

    @property
    def _first_scale(self) -> int:
        return next(index for index, share in enumerate(self._shares) if share)

    def enter_scale(self, index: int) -> None:
        """Measure the targets of a scale and bring the picture to its size."""
        self.picture = self._evaluator.enter(self.sizes[index], self.picture)
        descent = Descent(
            self.picture,
            self._config,
            self._evaluator,
            first_scale=index == self._first_scale,
            grey=self._grey,
            dtype=self._wide,
            evaluated_dtype=finest_dtype(self._encoder.device),
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
            except Stopped:
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
        config = self._config = self._evaluator.config = self._config.replace(**changes)
        self.events += [SteeringEvent(self.done, name, getattr(config, name)) for name in changes]
        if self._descent is not None and set(changes) != {"colors"}:
            self._descent.steer(self._config)


def _variable_dtype(encoder: Encoder) -> torch.dtype:
    if encoder.dtype != torch.float64:
        return torch.float32
    if encoder.device.type == "mps":
        raise DeviceError("Apple GPUs have no float64; choose float32 or the CPU")
    return torch.float64
