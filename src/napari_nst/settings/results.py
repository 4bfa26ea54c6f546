"""What a run reports: its scale, its loss and why it ended."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["finished", "stopped", "converged", "diverged"]


@dataclass(frozen=True)
class Scale:
    """Scale of a step: `index` from 0, of `count`, at height x width px."""

    index: int
    count: int
    height: int
    width: int


@dataclass(frozen=True)
class LossPoint:
    """The loss at the picture that entered a step.

    Parameters
    ----------
    iteration
        1 for the first step; the last point of a result is one more evaluation, of the result.
    scale
        Index of the scale, 0 the coarsest.
    loss
        Sum of the terms.
    terms
        Weighted "content", "style" and, where it has weight, "tv".
    seconds
        Since the run began.
    """

    iteration: int
    scale: int
    loss: float
    terms: dict[str, float]
    seconds: float
