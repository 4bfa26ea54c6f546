"""Statistics that windows add up to."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from napari_nst.core.device import finest_dtype
from napari_nst.core.network.window import Window

Term = Literal["content", "style", "tv", "temporal"]


class SumKey(NamedTuple):
    """Names one of the sums: the term that reads it, what is added up, at which tap, and where."""

    term: Term
    statistic: Literal["squares", "total", "gram", "differences"]
    tap: str = ""
    region: int = 0


Sums = dict[SumKey, Tensor]
"""Additive statistics."""

Slopes = dict[SumKey, Tensor | None]
"""∂loss/∂statistics; None where the loss does not read one."""


def add_to(found: Sums, key: SumKey, value: Tensor) -> None:
    """Add a sum to those that were found so far."""
    if key in found:
        found[key].add_(value)
    else:
        found[key] = value


def sums_of_windows(
    windows: Iterable[Window], observe: Callable[[Sums, Window], None], dtype: torch.dtype
) -> Sums:
    """Add up statistics over windows, in their order.

    Parameters
    ----------
    observe
        Adds those of one window to what it is given, in its own precision.
    dtype
        Of the result; windows are added in float64, where the device has it.
    """
    totals: Sums = {}
    for window in windows:
        found: Sums = {}
        observe(found, window)
        for key, value in found.items():
            add_to(totals, key, value.to(finest_dtype(value.device)))
    return {key: value.to(dtype) for key, value in totals.items()}
