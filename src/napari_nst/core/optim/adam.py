"""Adam: Kingma & Ba, "Adam: a method for stochastic optimization", 2014.

    m = β₁ m + (1 - β₁) g,   v = β₂ v + (1 - β₂) g²
    x = x - lr · m / (1 - β₁ᵗ) / (√v / √(1 - β₂ᵗ) + 1e-8)

Operation for operation as `torch.optim.Adam`, whose first use imports 900 modules (6 s on a
laptop) that serve torch's compiler; a test compares the two.
"""

import math

from torch import Tensor

from napari_nst.core.optim.optimizer import Closure, State
from napari_nst.core.store.enlarge import enlarged
from napari_nst.core.store.store import Store, update

_EPSILON = 1e-8


class Adam:
    """Steps a variable in place.

    Parameters
    ----------
    variable : Tensor, shape (1, 3, H, W)
    learning_rate
        Length of a step; may change between steps.
    betas
        β₁ and β₂, both in [0, 1).
    store
        Where the moments lie.
    """

    def __init__(
        self,
        variable: Tensor,
        *,
        learning_rate: float,
        betas: tuple[float, float],
        store: Store,
    ) -> None:
        self.learning_rate = learning_rate
        self._variable = variable
        self._betas = betas
        self._store = store
        self._count = 0
        self._mean, self._square = (
            store.zeros(tuple(variable.shape), variable.dtype) for _ in range(2)
        )

    def step(self, evaluate: Closure) -> None:
        """Evaluate once and take a step."""
        _, gradient = evaluate()
        self._count += 1
        update(self._store, self._move, self._variable, gradient, self._mean, self._square)

    def _move(self, variable: Tensor, gradient: Tensor, mean: Tensor, square: Tensor) -> None:
        beta1, beta2 = self._betas
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        spread = square.sqrt() / math.sqrt(1 - beta2**self._count)
        length = self.learning_rate / (1 - beta1**self._count)
        variable.addcdiv_(mean, spread.add_(_EPSILON), value=-length)

    def state(self) -> State:
        """Return the step count and the moments; the latter change with the next step."""
        return {"count": self._count, "mean": self._mean, "square": self._square}

    def load(self, state: State) -> None:
        """Copy in what `state` returned."""
        self._count = state["count"]
        self._mean.copy_(state["mean"])
        self._square.copy_(state["square"])

    def adopt(self, coarser: "Adam", kept: Tensor | None = None, *, wraps: bool = False) -> None:
        """Take over the step count and the enlarged moments of a coarser scale, which may wrap.

        The first moment is enlarged bicubic, the second bilinear and kept positive, as
        style-transfer-pytorch does.

        Parameters
        ----------
        kept : Tensor, shape (1, 1, H, W), values in [0, 1]
            Where gradients are 0; enlarging has carried the first moment there.
        """
        height, width = self._variable.shape[-2:]
        size, store = (height, width), self._store
        self._count = coarser._count
        self._mean = enlarged(coarser._mean, size, store, mode="bicubic", wraps=wraps)
        self._square = enlarged(coarser._square, size, store, mode="bilinear", wraps=wraps)
        update(store, lambda square: square.clamp_(min=0), self._square)
        if kept is not None:
            update(store, lambda mean, part: mean.mul_(1 - part), self._mean, kept)
