"""L-BFGS, one iteration a step: Nocedal, "Updating quasi-Newton matrices with limited storage".

    d = -H g from the last (s, y), H₀ = sᵀy / yᵀy, see `napari_nst.core.optim.lbfgs_memory`
    x = x + t d,   t = lr, but min(1, 1/‖g‖₁) · lr at the first step

or, preconditioned, the same in another variable, see `napari_nst.core.optim.preconditioner`.

Without a line search this is, operation for operation on a CPU, `torch.optim.LBFGS`, whose first
use imports 900 modules (6 s on a laptop) that serve torch's compiler; a test compares the two. The
strong Wolfe line search is torch's own.
"""

import math
from copy import deepcopy

import torch
from torch import Tensor

from napari_nst.core.optim.lbfgs_memory import Pairs, PairTable
from napari_nst.core.optim.optimizer import Closure, State
from napari_nst.core.optim.preconditioner import Smoothing, smoothed_by_blocks
from napari_nst.core.store.store import Store, blocks, copied, mapped, total, update

_LEAST_CURVATURE = 1e-10


def kept_dtype(computing: torch.dtype) -> torch.dtype | None:
    """Return the dtype in which past steps are kept, for a network that computes in a dtype.

    None means the variable's own.
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
        The variable stays where no slope, or no slope along the step, is above these; slopes are
        those of the variable that steps are taken in.
    kept_dtype
        In which dtype past steps are kept; the variable's by default. In bfloat16 they cost half,
        and are rounded to 8 bits, as the gradients of a network that computes in it are.
    longest
        The largest step by its root mean square, in the variable's units; longer ones are
        shortened to it.
    smoothing
        Take steps in the variable of `preconditioner`; None: in the picture's own.
    wraps
        Whether the smoothing reads the opposite border beyond the picture's.
    store
        Where the vectors lie.
    """

    def __init__(
        self,
        variable: Tensor,
        *,
        learning_rate: float,
        history: int,
        tolerance_grad: float,
        tolerance_change: float,
        store: Store,
        kept_dtype: torch.dtype | None = None,
        longest: float = math.inf,
        smoothing: Smoothing | None = None,
        wraps: bool = False,
    ) -> None:
        self.learning_rate = learning_rate
        self._variable = variable.view(-1)
        self._shape = variable.shape
        self._store = store
        self._smoothing = smoothing
        self._wraps = wraps
        self._longest = longest * variable.numel() ** 0.5
        self._tolerances = tolerance_grad, tolerance_change
        kind = PairTable if variable.is_cuda else Pairs
        kept = kept_dtype or variable.dtype
        self._memory = kind(variable.numel(), history, dtype=kept, store=store)
        self._scale = 1.0
        self._last: tuple[Tensor, Tensor] | None = None

    def step(self, evaluate: Closure) -> None:
        """Evaluate once and take a step, unless a tolerance is met."""
        store = self._store
        gradient = self._carried(evaluate()[1].reshape(-1))
        if _largest(store, gradient) <= self._tolerances[0]:
            return
        length = self.learning_rate
        if self._last is None:
            # As torch, whose 1 / 0 is infinite: no slope at all, and a tolerance of -1.
            length *= 1.0 / max(1.0, total(store, lambda part: part.abs().sum(), gradient))
            direction = mapped(store, torch.neg, gradient)
        else:
            self._learn(gradient)
            direction = self._memory.direction(gradient, self._scale)
        moves = total(store, torch.dot, gradient, direction) <= -self._tolerances[1]
        s = direction
        update(store, lambda part: part.mul_(length), s)
        step = self._carried(s)
        share = self._share(step)
        if moves:
            update(store, lambda x, part: x.add_(part, alpha=share), self._variable, step)
        update(store, lambda part: part.mul_(share), s)
        self._last = gradient, s

    def _carried(self, vector: Tensor) -> Tensor:
        """Multiply by L: a gradient of x becomes that of z, a step of z that of x."""
        if self._smoothing is None:
            return vector
        picture = vector.view(self._shape)
        return smoothed_by_blocks(picture, self._smoothing, self._store, wraps=self._wraps).reshape(
            -1
        )

    def _share(self, step: Tensor) -> float:
        """Return the factor that shortens a step to the longest one allowed."""
        if math.isinf(self._longest):
            return 1.0
        norm = _norm(self._store, step)
        return min(1.0, self._longest / norm) if norm > 0 else 1.0

    def state(self) -> State:
        """Return the pairs, the last gradient and step; they change with the next step."""
        last = None if self._last is None else list(self._last)
        return {"memory": self._memory.state(), "scale": self._scale, "last": last}

    def load(self, state: State) -> None:
        """Copy in what `state` returned, of an optimiser that has taken no step yet."""
        self._memory.load(state["memory"])
        self._scale = state["scale"]
        if state["last"] is not None:
            gradient, s = (copied(self._store, each) for each in state["last"])
            self._last = gradient, s

    def _learn(self, gradient: Tensor) -> None:
        assert self._last is not None
        before, s = self._last
        y = mapped(self._store, torch.sub, gradient, before)
        curvature = total(self._store, torch.dot, y, s)
        if curvature > _LEAST_CURVATURE:
            self._memory.add(s, y, curvature)
            squares = total(self._store, torch.dot, y, y)
            # Below 1e-22 the squares of y vanish in float32; the scale stays what it was then.
            self._scale = curvature / squares if squares > 0 else self._scale


def _largest(store: Store, vector: Tensor) -> float:
    largest = [float(part.abs().max()) for (part,) in blocks(store, vector)]
    return math.nan if any(map(math.isnan, largest)) else max(largest)


def _norm(store: Store, vector: Tensor) -> float:
    norms = [float(torch.linalg.vector_norm(part)) for (part,) in blocks(store, vector)]
    return norms[0] if len(norms) == 1 else math.hypot(*norms)


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

    def state(self) -> State:
        """Return what torch's optimiser keeps; it changes with the next step."""
        return {"torch": self._optimizer.state_dict()["state"].get(0)}

    def load(self, state: State) -> None:
        """Copy in what `state` returned."""
        if state["torch"] is not None:
            groups = self._optimizer.state_dict()["param_groups"]
            kept = deepcopy(state["torch"])  # torch would share its tensors
            self._optimizer.load_state_dict({"state": {0: kept}, "param_groups": groups})
