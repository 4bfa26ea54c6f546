"""What a descent asks of an optimiser."""

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

Closure = Callable[[], tuple[float, Tensor]]
"""Evaluates loss and gradient at the variable."""

State = dict[str, Any]
"""Tensors, numbers, None, and lists and tables of them, by name: what torch.save can write."""


class Optimizer(Protocol):
    """Steps a variable in place."""

    learning_rate: float

    def step(self, evaluate: Closure) -> None:
        """Take one step."""
        ...

    def state(self) -> State:
        """Return all that the next step depends on; its tensors change with the next step."""
        ...

    def load(self, state: State) -> None:
        """Copy in what `state` returned, of an optimiser with the same settings."""
        ...
