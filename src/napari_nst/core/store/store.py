"""Arrays in memory, and what every store offers: work by blocks, then a small sum.

All that a run does to whole pictures is pointwise, or a sum: it is written as a function of blocks.
In memory there is one block, the whole array.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Function = Callable[..., Tensor]
"""Of blocks with equal rows."""


class Store(Protocol):
    """Gives out arrays, and calls functions with the same blocks of several of them."""

    @property
    def device(self) -> torch.device:
        """Where the arrays are."""
        ...

    def zeros(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return an array of zeros, which is gone when nobody holds it any more."""
        ...

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return the same with any values."""
        ...

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return the same as an array of numpy, in the host's memory or on its disk."""
        ...

    def rows(self, tensor: Tensor) -> Iterator[slice]:
        """Part a picture (.., H, W) by rows, or a vector (N,), into blocks.

        What was touched may leave memory when the next block is asked for.
        """
        ...

    def breathe(self) -> None:
        """Let what was touched leave memory."""
        ...

    def build(
        self, shape: tuple[int, ...], dtype: torch.dtype, part: Callable[[slice], Tensor]
    ) -> Tensor:
        """Return an array of which a function tells each block; it has the function's dtype."""
        ...


class InMemory:
    """Arrays as plain tensors, each of them one block.

    Parameters
    ----------
    device
        Where they are.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def zeros(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return a tensor of zeros."""
        return torch.zeros(shape, dtype=dtype, device=self.device)

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return a tensor with any values."""
        return torch.empty(shape, dtype=dtype, device=self.device)

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return an array of zeros."""
        return np.zeros(shape, dtype)

    def rows(self, tensor: Tensor) -> Iterator[slice]:
        """Return all rows at once."""
        yield slice(0, tensor.shape[max(0, tensor.ndim - 2)])

    def breathe(self) -> None:
        """Do nothing: what is held stays."""

    def build(
        self, shape: tuple[int, ...], dtype: torch.dtype, part: Callable[[slice], Tensor]
    ) -> Tensor:
        """Return the function's value, not a copy."""
        return part(slice(0, shape[max(0, len(shape) - 2)]))


def blocks(store: Store, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the same block of several pictures, or of several vectors."""
    for rows in store.rows(tensors[0]):
        yield tuple(block(tensor, rows) for tensor in tensors)


def block(tensor: Tensor, rows: slice) -> Tensor:
    """View a block of a picture or a vector."""
    return tensor[rows] if tensor.ndim == 1 else tensor[..., rows, :]


def mapped(store: Store, function: Function, *tensors: Tensor) -> Tensor:
    """Return an array, as the first of several, with a function's value at each block."""
    first = tensors[0]
    return store.build(
        tuple(first.shape),
        first.dtype,
        lambda rows: function(*(block(tensor, rows) for tensor in tensors)),
    )


def copied(store: Store, tensor: Tensor) -> Tensor:
    """Return a copy of an array, which may be anywhere, in the store."""
    return store.build(
        tuple(tensor.shape),
        tensor.dtype,
        lambda rows: block(tensor, rows).to(store.device, copy=True),
    )


def update(store: Store, function: Callable[..., object], *tensors: Tensor) -> None:
    """Call a function, which changes some of its arguments in place, with each block."""
    for parts in blocks(store, *tensors):
        function(*parts)


def total(store: Store, function: Function, *tensors: Tensor) -> float:
    """Add up a function's value, a scalar, over all blocks."""
    values = [function(*parts).detach() for parts in blocks(store, *tensors)]
    return float(values[0] if len(values) == 1 else torch.stack(values).double().sum())


def every(store: Store, function: Callable[..., object], *tensors: Tensor) -> bool:
    """Return whether a function is true of every block."""
    return all(bool(function(*parts)) for parts in blocks(store, *tensors))
