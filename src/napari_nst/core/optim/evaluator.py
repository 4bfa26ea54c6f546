"""What a descent asks for: the loss and its gradient at a picture."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from napari_nst.core.store.pixels import Pixels


@dataclass(frozen=True)
class Evaluation:
    """The loss at a picture.

    Parameters
    ----------
    loss
        Sum of the terms.
    terms
        Weighted "content", "style" and, where it has weight, "tv".
    gradient : Tensor, shape (1, 3, H, W)
        ∂loss/∂picture, for the picture in [0, 1].
    """

    loss: float
    terms: dict[str, float]
    gradient: Tensor


class Evaluator(Protocol):
    """Evaluates pictures; a descent knows nothing else of network and loss."""

    def __call__(self, picture: Pixels, /) -> Evaluation:
        """Evaluate a picture; the gradient is the caller's, to keep and to change."""
        ...
