"""Descent on the picture, one step at a time, with clamping and averaging of iterates.

The optimised variable is the picture in [0, 1], or in [0, 255] less the network's mean colour
(StyleConfig.variable). Channel order does not matter to the optimisers, the scale does; so does the
shift, by rounding alone: L-BFGS's first step moves a 512 px picture by 1e-6 of 255, which float32
holds near 0 and loses near 120. For the same reason pictures are evaluated in float64.
"""

import math
from functools import partial

import torch
from torch import Tensor

from napari_nst.core.optim.adam import Adam
from napari_nst.core.optim.evaluator import Evaluation, Evaluator
from napari_nst.core.optim.lbfgs import LBFGS, SearchingLBFGS
from napari_nst.core.optim.optimizer import Optimizer, State
from napari_nst.settings.config import VARIABLE_MAXIMUM, StyleConfig


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
    ) -> None:
        self._maximum = VARIABLE_MAXIMUM[config.variable]
        self._fine = evaluated_dtype
        zero = torch.zeros(1) if grey is None or config.variable == "unit" else grey
        self._zero = zero.to(start.device, self._fine)
        variable = (start.to(self._fine) - self._zero) * self._maximum
        self._variable = variable.to(dtype or start.dtype).contiguous()
        self._config = config
        self._evaluator = evaluator
        self._first_scale = first_scale
        self._kept_dtype = kept_dtype
        self._longest = longest * self._maximum
        self._optimizer = self._new_optimizer()
        self._average = RunningAverage(self._variable, config.averaging)
        self._cached: tuple[Tensor, Evaluation] | None = None
        self._idle_steps = 0

    @property
    def picture(self) -> Tensor:
        """The picture to show and save, shape (1, 3, H, W): the average where there is one."""
        shown = self._as_picture(self._average.value(self._variable.detach()))
        return shown.to(self._variable.dtype)

    def step(self) -> Evaluation:
        """Take one step; returns the evaluation at the picture that entered it."""
        entering: Evaluation | None = None
        before = self._variable

        def closure() -> tuple[float, Tensor]:
            nonlocal entering, before
            if self._config.clamp == "closure":
                self._clamp()
            evaluation = self._evaluation()
            if entering is None:  # copied here, where the evaluation's own memory is free again
                entering, before = evaluation, self._variable.detach().clone()
            return evaluation.loss, evaluation.gradient / self._maximum

        self._optimizer.step(closure)
        if self._config.clamp == "step":
            self._clamp()
        self._idle_steps = self._idle_steps + 1 if torch.equal(before, self._variable) else 0
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
        return bool(torch.isfinite(self._variable).all())

    def steer(self, config: StyleConfig) -> None:
        """Go on with other weights: L-BFGS forgets its curvature, Adam keeps its moments."""
        self._config = config
        self._cached = None
        if config.optimizer == "lbfgs":
            self._optimizer = self._new_optimizer()
        self._optimizer.learning_rate = config.learning_rate

    def adopt_moments(self, coarser: "Descent") -> None:
        """Take over Adam's moments from a coarser scale; L-BFGS starts with no history."""
        if isinstance(self._optimizer, Adam) and isinstance(coarser._optimizer, Adam):
            self._optimizer.adopt(coarser._optimizer)

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
            self._variable.copy_(state["variable"])
        self._optimizer.load(state["optimizer"])
        self._average.load(state["average"])
        self._idle_steps = state["idle_steps"]

    def _evaluation(self) -> Evaluation:
        """Evaluate, unless the line search of the last step ended with an evaluation here."""
        variable = self._variable.detach()
        if self._cached is not None and torch.equal(self._cached[0], variable):
            return self._cached[1]
        evaluation = self._evaluator(self._as_picture(variable))
        if self._config.line_search != "none":
            self._cached = (variable.clone(), evaluation)
        return evaluation

    def _as_picture(self, variable: Tensor) -> Tensor:
        picture = variable.to(self._fine, copy=True)
        return picture.div_(self._maximum).add_(self._zero)

    def _clamp(self) -> None:
        black = (-self._zero * self._maximum).to(self._variable.dtype)
        with torch.no_grad():
            torch.clamp(self._variable, black, black + self._maximum, out=self._variable)

    def _new_optimizer(self) -> Optimizer:
        config = self._config
        if config.optimizer == "adam":
            betas = (config.adam_beta1, config.adam_beta2)
            return Adam(self._variable, learning_rate=config.learning_rate, betas=betas)
        later = config.lbfgs_history_later
        asked = config.lbfgs_preconditioner
        kind = (
            partial(
                LBFGS,
                kept_dtype=self._kept_dtype,
                longest=self._longest,
                smoothing=None if asked == "none" else asked,
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
    """

    def __init__(self, start: Tensor, decay: float) -> None:
        self._decay = decay
        self._sum = torch.zeros_like(start) if decay else None
        self._missing = 1.0
        self.add(start.detach())

    def add(self, sample: Tensor) -> None:
        """Add a sample to the average."""
        if self._sum is not None:
            self._missing *= self._decay
            self._sum.mul_(self._decay).add_(sample, alpha=1 - self._decay)

    def state(self) -> State:
        """Return the sum so far, which changes with the next sample, and the start's share."""
        return {"sum": self._sum, "missing": self._missing}

    def load(self, state: State) -> None:
        """Copy in what `state` returned, of an average with the same decay."""
        if self._sum is not None:
            self._sum.copy_(state["sum"])
        self._missing = state["missing"]

    def value(self, last: Tensor) -> Tensor:
        """Return the average, or `last` where nothing is averaged."""
        return last if self._sum is None else self._sum / (1 - self._missing)
