"""L-BFGS, one iteration a step: Nocedal, "Updating quasi-Newton matrices with limited storage".

    d = -H g by the two-loop recursion over the last (s, y), H₀ = sᵀy / yᵀy
    x = x + t d,   t = lr, but min(1, 1/‖g‖₁) · lr at the first step

Without a line search this is, operation for operation, `torch.optim.LBFGS`, whose first use
imports 900 modules (6 s on a laptop) that serve torch's compiler; a test compares the two. The
strong Wolfe line search is torch's own.
"""

from collections import deque

import torch
from torch import Tensor

from napari_nst.core.adam import Closure

_LEAST_CURVATURE = 1e-10
BLOCK_PAIRS = 10
"""Pairs are kept in blocks: single ones come to lie in gaps that the network's layers leave, and
the layers of the next step then find none."""
_PIECE = 1 << 18


def kept_dtype(computing: torch.dtype) -> torch.dtype | None:
    """Give the dtype in which to keep past steps of a network that computes in a dtype.

    None is the variable's own.
    """
    return torch.bfloat16 if computing.itemsize == 2 else None


class LBFGS:
    """Steps a variable in place by the learning rate, without a line search.

    Parameters
    ----------
    variable : Tensor, shape (1, 3, H, W), contiguous
    learning_rate
        Length of a step in units of the quasi-Newton step; may change between steps.
    history
        How many past steps shape the next one; each costs twice the variable's memory.
    tolerance_grad, tolerance_change
        The variable stays where no slope, or no slope along the step, is above these.
    kept_dtype
        In which dtype past steps are kept; the variable's by default. In bfloat16 they cost half,
        and are rounded to 8 bits, as the gradients of a network that computes in it are.
    """

    def __init__(
        self,
        variable: Tensor,
        *,
        learning_rate: float,
        history: int,
        tolerance_grad: float,
        tolerance_change: float,
        kept_dtype: torch.dtype | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self._variable = variable.view(-1)
        self._kept_dtype = kept_dtype or variable.dtype
        self._tolerances = tolerance_grad, tolerance_change
        self._history = history
        self._pairs: deque[tuple[Tensor, float]] = deque()
        self._unused: list[Tensor] = []
        self._scale = 1.0
        self._last: tuple[Tensor, Tensor] | None = None

    def step(self, evaluate: Closure) -> None:
        """Evaluate once and take a step, unless a tolerance is met."""
        gradient = evaluate()[1].reshape(-1)
        if float(gradient.abs().max()) <= self._tolerances[0]:
            return
        length = self.learning_rate
        if self._last is None:
            length *= min(1.0, 1.0 / float(gradient.abs().sum()))
            direction = gradient.neg()
        else:
            self._learn(gradient)
            direction = self._direction(gradient)
        moves = float(gradient.dot(direction)) <= -self._tolerances[1]
        change = direction.mul_(length)
        self._last = gradient, change
        if moves:
            self._variable.add_(change)

    def _learn(self, gradient: Tensor) -> None:
        assert self._last is not None
        before, change = self._last
        bend = gradient - before
        curvature = float(bend.dot(change))
        if curvature > _LEAST_CURVATURE:
            kept = self._room()
            kept[0].copy_(change)
            kept[1].copy_(bend)
            self._pairs.append((kept, 1 / curvature))
            self._scale = curvature / float(bend.dot(bend))

    def _room(self) -> Tensor:
        """Find room for a pair, shape (2, values): the oldest one's where the history is full."""
        if len(self._pairs) == self._history:
            return self._pairs.popleft()[0]
        if not self._unused:
            count = min(BLOCK_PAIRS, self._history - len(self._pairs))
            shape = (count, 2, len(self._variable))
            device = self._variable.device
            self._unused = [*torch.empty(shape, dtype=self._kept_dtype, device=device)]
        return self._unused.pop()

    def _direction(self, gradient: Tensor) -> Tensor:
        direction = gradient.neg()
        shares = []
        for (change, bend), inverse in reversed(self._pairs):
            share = _dot(change, direction) * inverse
            direction.add_(bend, alpha=-share)
            shares.append(share)
        direction.mul_(self._scale)
        for ((change, bend), inverse), share in zip(self._pairs, reversed(shares), strict=True):
            direction.add_(change, alpha=share - _dot(bend, direction) * inverse)
        return direction


def _dot(kept: Tensor, direction: Tensor) -> float:
    if kept.dtype == direction.dtype:
        return float(kept.dot(direction))
    pieces = zip(torch.split(kept, _PIECE), torch.split(direction, _PIECE), strict=True)
    return float(torch.stack([piece.to(other.dtype).dot(other) for piece, other in pieces]).sum())


class SearchingLBFGS:
    """torch's L-BFGS with the strong Wolfe line search, one iteration a step.

    Parameters
    ----------
    variable : Tensor, shape (1, 3, H, W), contiguous
    learning_rate, history, tolerance_grad, tolerance_change
        As for LBFGS.
    """

    def __init__(
        self,
        variable: Tensor,
        *,
        learning_rate: float,
        history: int,
        tolerance_grad: float,
        tolerance_change: float,
    ) -> None:
        self.learning_rate = learning_rate
        self._variable = variable.requires_grad_()
        self._optimizer = torch.optim.LBFGS(
            [variable],
            max_iter=1,
            max_eval=25,
            history_size=history,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            line_search_fn="strong_wolfe",
        )

    def step(self, evaluate: Closure) -> None:
        """Search along the next direction, evaluating once or more."""

        def closure() -> float:
            loss, self._variable.grad = evaluate()
            return loss

        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        self._optimizer.step(closure)  # type: ignore[no-untyped-call]
