"""Statistics that windows add up to."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from napari_nst.core.device import finest_dtype

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


def sums_of_windows(by_window: Iterable[Sums], dtype: torch.dtype, device: torch.device) -> Sums:
    """Add up statistics over windows, in their order.

    Parameters
    ----------
    by_window
        Those of each window, in its own precision.
    dtype
        Of the result; windows are added in float64, where the device has it.
    device
        Of the result; windows are added where they come.
    """
    totals: Sums = {}
    for found in by_window:
        for key, value in found.items():
            add_to(totals, key, value.to(finest_dtype(value.device)))
    return {key: value.to(dtype).to(device) for key, value in totals.items()}
