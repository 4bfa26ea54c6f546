"""Descent on the picture, one step at a time, with clamping and averaging of iterates.

The optimised variable is the picture in [0, 1], or in [0, 255] less the network's mean colour
(StyleConfig.variable). Channel order does not matter to the optimisers, the scale does; so does the
shift, by rounding alone: L-BFGS's first step moves a 512 px picture by 1e-6 of 255, which float32
holds near 0 and loses near 120. For the same reason pictures are evaluated in float64.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_nst.core.optim.adam import Adam
from napari_nst.core.optim.evaluator import Evaluation, Evaluator
from napari_nst.core.optim.lbfgs import LBFGS, SearchingLBFGS
from napari_nst.core.optim.optimizer import Optimizer, State
from napari_nst.core.store.store import InMemory, Store, copied, every, mapped, update
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.fields import VARIABLE_MAXIMUM

if TYPE_CHECKING:
    from napari_nst.core.network.window import Box


@dataclass(frozen=True)
class VariablePixels:
    """The picture in [0, 1] that a variable stands for.

    Parameters
    ----------
    variable : Tensor, shape (1, 3, H, W)
    maximum
        What 1 on the picture is on the variable.
    zero : Tensor, shape (1, 3, 1, 1) or (1,)
        The colour that is 0 on the variable, of the dtype of the picture.
    """

    variable: Tensor
    maximum: float
    zero: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.variable.shape[-2], self.variable.shape[-1]

    def at(self, box: "Box | None" = None) -> Tensor:
        """Return a part, all of it by default, shape (1, 3, h, w), as a copy."""
        return self.of(self.variable if box is None else self.variable[..., box.rows, box.columns])

    def of(self, values: Tensor) -> Tensor:
        """Return the picture that values of the variable stand for."""
        return values.to(self.zero.dtype, copy=True).div_(self.maximum).add_(self.zero)


class Descent:
    """The optimised picture of one scale, its optimiser and its running average.

    Parameters
    ----------
    start : Tensor, shape (1, 3, H, W), nominally in [0, 1]
        The picture to start from.
    config
        Optimiser, learning rate, clamp, averaging, variable.
    evaluator
        Evaluates loss and gradient of a picture in [0, 1].
    first_scale
        Whether this is the coarsest scale (L-BFGS may keep more history there).
    grey : Tensor, shape (1, 3, 1, 1), values in [0, 1]
        The network's zero, which is made 0 on a variable of bytes; None leaves black 0.
    dtype
        Of the variable; the start's where it is None.
    evaluated_dtype
        Of the pictures that are evaluated.
    kept_dtype
        As in LBFGS.
    longest
        As in LBFGS, as a share of the picture's range.
    store
        Where variable, optimiser and average lie; in memory by default.
    """

    def __init__(
        self,
        start: Tensor,
        config: StyleConfig,
        evaluator: Evaluator,
        *,
        first_scale: bool = True,
        grey: Tensor | None = None,
        dtype: torch.dtype | None = None,
        evaluated_dtype: torch.dtype = torch.float64,
        kept_dtype: torch.dtype | None = None,
        longest: float = math.inf,
        store: Store | None = None,
    ) -> None:
        self._store = store = store or InMemory(start.device)
        self._maximum = VARIABLE_MAXIMUM[config.variable]
        zero = torch.zeros(1) if grey is None or config.variable == "unit" else grey
        self._zero = zero.to(start.device, evaluated_dtype)
        kept = dtype or start.dtype
        self._variable = store.build(
            tuple(start.shape),
            kept,
            lambda rows: self._as_variable(start[..., rows, :]).to(kept).contiguous(),
        )
        self._pixels = VariablePixels(self._variable, self._maximum, self._zero)
        self._config = config
        self._evaluator = evaluator
        self._first_scale = first_scale
        self._kept_dtype = kept_dtype
        self._longest = longest * self._maximum
        self._optimizer = self._new_optimizer()
        self._average = RunningAverage(self._variable, config.averaging, store)
        self._cached: tuple[Tensor, Evaluation] | None = None
        self._idle_steps = 0

    def _as_variable(self, picture: Tensor) -> Tensor:
        return (picture.to(self._zero.dtype) - self._zero) * self._maximum

    @property
    def picture(self) -> Tensor:
        """The picture to show and save, shape (1, 3, H, W): the average where there is one.

        A copy, in the store.
        """
        variable = self._variable.detach()
        return mapped(
            self._store,
            lambda *parts: self._pixels.of(self._average.value(*parts)).to(variable.dtype),
            variable,
            *self._average.sums,
        )

    def step(self) -> Evaluation:
        """Take one step; returns the evaluation at the picture that entered it.

        Its gradient is that of the variable.
        """
        entering: Evaluation | None = None
        before = self._variable

        def closure() -> tuple[float, Tensor]:
            nonlocal entering, before
            if self._config.clamp == "closure":
                self._clamp()
            evaluation = self._evaluation()
            if entering is None:  # copied here, where the evaluation's own memory is free again
                entering = evaluation
                if self._config.optimizer == "lbfgs":
                    before = copied(self._store, self._variable.detach())
            return evaluation.loss, evaluation.gradient

        self._optimizer.step(closure)
        if self._config.clamp == "step":
            self._clamp()
        if self._config.optimizer == "lbfgs":
            is_idle = every(self._store, torch.equal, before, self._variable)
            self._idle_steps = self._idle_steps + 1 if is_idle else 0
        self._average.add(self._variable.detach())
        assert entering is not None
        return entering

    @property
    def is_stuck(self) -> bool:
        """Whether two steps have left the variable as it was.

        L-BFGS's very first step may be lost to rounding in a large picture; the second is longer.
        """
        return self._idle_steps > 1

    def is_finite(self) -> bool:
        """Whether every value of the variable is finite."""
        return every(self._store, lambda part: torch.isfinite(part).all(), self._variable)

    def steer(self, config: StyleConfig) -> None:
        """Go on with other weights: L-BFGS forgets its curvature, Adam keeps its moments."""
        self._config = config
        self._cached = None
        if config.optimizer == "lbfgs":
            self._optimizer = self._new_optimizer()
        self._optimizer.learning_rate = config.learning_rate

    def adopt_moments(self, coarser: "Descent", kept: Tensor | None = None) -> None:
        """Take over Adam's moments from a coarser scale; L-BFGS starts with no history.

        Parameters
        ----------
        kept : Tensor, shape (1, 1, H, W), values in [0, 1]
            How much of each pixel is not to move.
        """
        if isinstance(self._optimizer, Adam) and isinstance(coarser._optimizer, Adam):
            self._optimizer.adopt(coarser._optimizer, kept, wraps=self._config.is_circular)

    def state(self) -> State:
        """Return all that the next step depends on; its tensors change with the next step.

        In the middle of a line search, where a stop may end a step, it is not defined.
        """
        return {
            "variable": self._variable.detach(),
            "optimizer": self._optimizer.state(),
            "average": self._average.state(),
            "idle_steps": self._idle_steps,
        }

    def load(self, state: State) -> None:
        """Copy in what `state` returned, of a descent with the same settings and size."""
        with torch.no_grad():
            update(self._store, Tensor.copy_, self._variable, state["variable"])
        self._optimizer.load(state["optimizer"])
        self._average.load(state["average"])
        self._idle_steps = state["idle_steps"]

    def _evaluation(self) -> Evaluation:
        """Evaluate, unless the line search of the last step ended with an evaluation here."""
        variable = self._variable.detach()
        if self._cached is not None and torch.equal(self._cached[0], variable):
            return self._cached[1]
        evaluation = self._evaluator(replace(self._pixels, variable=variable))
        update(self._store, lambda part: part.div_(self._maximum), evaluation.gradient)
        if self._config.line_search != "none":
            self._cached = (variable.clone(), evaluation)
        return evaluation

    def _clamp(self) -> None:
        black = (-self._zero * self._maximum).to(self._variable.dtype)
        with torch.no_grad():
            update(
                self._store,
                lambda part: torch.clamp(part, black, black + self._maximum, out=part),
                self._variable,
            )

    def _new_optimizer(self) -> Optimizer:
        config = self._config
        if config.optimizer == "adam":
            betas = (config.adam_beta1, config.adam_beta2)
            return Adam(
                self._variable,
                learning_rate=config.learning_rate,
                betas=betas,
                store=self._store,
            )
        later = config.lbfgs_history_later
        asked = config.lbfgs_preconditioner
        kind = (
            partial(
                LBFGS,
                store=self._store,
                kept_dtype=self._kept_dtype,
                longest=self._longest,
                smoothing=None if asked == "none" else asked,
                wraps=config.is_circular,
            )
            if config.line_search == "none"
            else SearchingLBFGS
        )
        return kind(
            self._variable,
            learning_rate=config.learning_rate,
            history=config.lbfgs_history if self._first_scale or later is None else later,
            tolerance_grad=config.lbfgs_tolerance_grad,
            tolerance_change=config.lbfgs_tolerance_change,
        )


class RunningAverage:
    """Exponential average of pictures, corrected for its start; decay 0 is the last picture.

    Parameters
    ----------
    start : Tensor, shape (1, 3, H, W)
        The first sample.
    decay
        In [0, 1): how much of the past stays at each sample.
    store
        Where the average lies; in memory by default.

    Attributes
    ----------
    sums
        The array that `value` reads beside the last sample, or nothing.
    """

    def __init__(self, start: Tensor, decay: float, store: Store | None = None) -> None:
        self._store = store or InMemory(start.device)
        self._decay = decay
        shape, dtype = tuple(start.shape), start.dtype
        self.sums = (self._store.zeros(shape, dtype),) if decay else ()
        self._missing = 1.0
        self.add(start.detach())

    def add(self, sample: Tensor) -> None:
        """Add a sample to the average."""
        if self.sums:
            self._missing *= self._decay
            update(self._store, self._blend, sample, *self.sums)

    def _blend(self, sample: Tensor, sums: Tensor) -> None:
        sums.mul_(self._decay).add_(sample, alpha=1 - self._decay)

    def state(self) -> State:
        """Return the sum so far, which changes with the next sample, and the start's share."""
        return {"sum": self.sums[0] if self.sums else None, "missing": self._missing}

    def load(self, state: State) -> None:
        """Copy in what `state` returned, of an average with the same decay."""
        if self.sums:
            update(self._store, Tensor.copy_, self.sums[0], state["sum"])
        self._missing = state["missing"]

    def value(self, last: Tensor, *sums: Tensor) -> Tensor:
        """Return the average of a block, or `last` where nothing is averaged."""
        return sums[0] / (1 - self._missing) if sums else last
