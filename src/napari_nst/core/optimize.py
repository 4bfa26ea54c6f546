"""Descent on the picture: Adam and L-BFGS, one step at a time, with averaging of iterates.

The optimised variable is the picture in [0, 1] or in [0, 255] (StyleConfig.variable); shift and
channel order do not matter to either optimiser, the scale does. L-BFGS takes one iteration a
step on an optimiser that is kept, which is the same trajectory as many iterations in one call
and yields control after each.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.config import StyleConfig
from napari_nst.core.gradient import Evaluation
from napari_nst.core.objective import VARIABLE_MAXIMUM

Evaluate = Callable[[Tensor], Evaluation]


class Descent:
    """The optimised picture of one scale, its optimiser and its running average.

    Parameters
    ----------
    start : Tensor, shape (1, 3, H, W), nominally in [0, 1]
        The picture to start from.
    config
        Optimiser, learning rate, clamp, averaging, variable.
    evaluate
        Loss and gradient of a picture in [0, 1].
    first_scale
        Whether this is the coarsest scale (L-BFGS may keep more history there).
    """

    def __init__(
        self, start: Tensor, config: StyleConfig, evaluate: Evaluate, *, first_scale: bool = True
    ) -> None:
        self._maximum = VARIABLE_MAXIMUM[config.variable]
        self._variable = (start * self._maximum).contiguous().requires_grad_()
        self._config = config
        self._evaluate = evaluate
        self._first_scale = first_scale
        self._optimizer = self._new_optimizer()
        self._average = RunningAverage(self._variable, config.averaging)
        self._cached: tuple[Tensor, Evaluation] | None = None

    @property
    def picture(self) -> Tensor:
        """The picture to show and save, shape (1, 3, H, W): the average where there is one."""
        return self._average.value(self._variable.detach()) / self._maximum

    def step(self) -> Evaluation:
        """Take one step; returns the evaluation at the picture that entered it."""
        evaluations: list[Evaluation] = []

        def closure() -> float:
            if self._config.clamp == "closure":
                self._clamp()
            evaluation = self._evaluation()
            evaluations.append(evaluation)
            self._variable.grad = evaluation.gradient / self._maximum
            return evaluation.loss

        self._optimizer.step(closure)
        if self._config.clamp == "step":
            self._clamp()
        self._average.add(self._variable.detach())
        return evaluations[0]

    def is_finite(self) -> bool:
        """Whether every value of the variable is finite."""
        return bool(torch.isfinite(self._variable).all())

    def steer(self, config: StyleConfig) -> None:
        """Go on with other weights: L-BFGS forgets its curvature, Adam keeps its moments."""
        self._config = config
        self._cached = None
        if config.optimizer == "lbfgs":
            self._optimizer = self._new_optimizer()
        for group in self._optimizer.param_groups:
            group["lr"] = config.learning_rate

    def adopt_moments(self, coarser: "Descent") -> None:
        """Carry Adam's step count and enlarged moments over from a coarser scale.

        The first moment is enlarged bicubic, the second bilinear and kept positive, as
        style-transfer-pytorch does. L-BFGS starts anew.
        """
        if self._config.optimizer != "adam" or not coarser._optimizer.state:
            return
        old = coarser._optimizer.state[coarser._variable]
        size = self._variable.shape[-2:]
        first = functional.interpolate(old["exp_avg"], size, mode="bicubic", align_corners=False)
        second = functional.interpolate(
            old["exp_avg_sq"], size, mode="bilinear", align_corners=False
        )
        self._optimizer.state[self._variable] = {
            "step": old["step"].clone(),
            "exp_avg": first,
            "exp_avg_sq": second.clamp_(min=0),
        }

    def _evaluation(self) -> Evaluation:
        """Evaluate, unless the strong Wolfe search ended with an evaluation right here."""
        variable = self._variable.detach()
        if self._cached is not None and torch.equal(self._cached[0], variable):
            return self._cached[1]
        evaluation = self._evaluate(variable / self._maximum)
        if self._config.line_search == "strong_wolfe":
            self._cached = (variable.clone(), evaluation)
        return evaluation

    def _clamp(self) -> None:
        with torch.no_grad():
            self._variable.clamp_(0, self._maximum)

    def _new_optimizer(self) -> torch.optim.Optimizer:
        config = self._config
        if config.optimizer == "adam":
            betas = (config.adam_beta1, config.adam_beta2)
            return torch.optim.Adam([self._variable], lr=config.learning_rate, betas=betas)
        later = config.lbfgs_history_later
        history = config.lbfgs_history if self._first_scale or later is None else later
        return torch.optim.LBFGS(
            [self._variable],
            lr=config.learning_rate,
            max_iter=1,
            max_eval=25,
            history_size=history,
            tolerance_grad=config.lbfgs_tolerance_grad,
            tolerance_change=config.lbfgs_tolerance_change,
            line_search_fn=None if config.line_search == "none" else config.line_search,
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
        self._sum = torch.zeros_like(start, requires_grad=False) if decay else None
        self._missing = 1.0
        self.add(start.detach())

    def add(self, sample: Tensor) -> None:
        """Take a sample in."""
        if self._sum is not None:
            self._missing *= self._decay
            self._sum.mul_(self._decay).add_(sample, alpha=1 - self._decay)

    def value(self, last: Tensor) -> Tensor:
        """Give the average, or `last` where nothing is averaged."""
        return last if self._sum is None else self._sum / (1 - self._missing)
