"""2x2 pooling, strip by strip, and its backward pass.

- max: keeps a code of four bits for each result, which says where it came from, if above zero
- average, and average_x2 with twice its result
- l2: 0.78 sqrt(Σ x²) of the four, scaled like an average of the same energy
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.settings.fields import Pooling

_GAIN = {"average": 1.0, "average_x2": 2.0, "l2": 0.78}

_WHOLE = {
    torch.bfloat16: torch.int16,
    torch.float16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}
"""Integers of the same width as features, so that one can be viewed as the other."""

aten = torch.ops.aten


def pool(flow: Tensor, kind: Pooling) -> Tensor:
    """Pool rows of features.

    Parameters
    ----------
    flow : Tensor, shape (1, N, h, w), channels last

    Returns
    -------
    Tensor, shape (1, N, h // 2, w // 2)
    """
    if kind == "max":
        return functional.max_pool2d(flow, 2)
    if kind == "l2":
        return (4 * functional.avg_pool2d(flow.square(), 2)).sqrt_().mul_(_GAIN[kind])
    return functional.avg_pool2d(flow, 2).mul_(_GAIN[kind])


def unpool(gradient: Tensor, flow: Tensor, kind: Pooling) -> Tensor:
    """Back-propagate a gradient through `pool` of average or l2 kind.

    Parameters
    ----------
    gradient : Tensor, shape (1, N, h // 2, w // 2)
    flow : Tensor, shape (1, N, h, w)
        What was pooled.
    """
    gain = _GAIN[kind]
    if kind == "l2":
        energy = functional.avg_pool2d(flow.square(), 2)
        slope = gradient * (2 * gain) / energy.sqrt()
        slope.masked_fill_(energy == 0, 0)
        return _spread(slope, flow).mul_(flow)
    return _spread(gradient, flow).mul_(gain)


class MaxRoutes:
    """Where the results of a max pooling came from: all that its backward pass needs.

    The source of a result is the first of the four values that is largest. The code has four bits:
    bit 3 is set where the result is above zero, bit 2 where also the first value is smaller than
    it, bit 1 where the second is too, bit 0 where all of the first three are. So a value is the
    source where its bit differs from the next lower one.

    Non-negative floats sort like their bit patterns read as integers, and subtracting integers
    takes torch a quarter of the time of floats; comparisons take longer still. ReLU output is
    non-negative except for -0.0 and NaN, so the sign bit is cleared first.

    Parameters
    ----------
    codes : Tensor of int8, shape (1, N, height // 2, width // 2), channels last
        Where to keep them.
    size
        Height and width of what is pooled.
    dtype
        Of what is pooled.
    """

    def __init__(self, codes: Tensor, size: tuple[int, int], dtype: torch.dtype) -> None:
        self._codes = codes
        self._size = size
        self._whole = _WHOLE[dtype]
        self._sign_bit = torch.iinfo(self._whole).bits - 1

    def pool(self, flow: Tensor, rows: slice) -> Tensor:
        """Pool a strip, which a ReLU left, into these rows, and remember the sources."""
        size = flow.shape[-2] // 2, flow.shape[-1] // 2
        unsigned = flow.view(self._whole).bitwise_and(torch.iinfo(self._whole).max)
        first, second, third, fourth = _corners(unsigned, size)
        largest = torch.maximum(first, second)
        torch.maximum(largest, third, out=largest)
        torch.maximum(largest, fourth, out=largest)
        below = largest.neg()
        wanted = below >> self._sign_bit  # -1 (all bits) where the result is above zero, else 0
        code = wanted.clone()
        for corner in (first, second, third):
            torch.sub(corner, largest, out=below)
            wanted.bitwise_and_(below.bitwise_right_shift_(self._sign_bit))
            torch.add(wanted, code, alpha=2, out=code)
        self._codes[:, :, rows].copy_(code.neg_())
        return largest.view(flow.dtype)

    def unpool(self, gradient: Tensor, rows: tuple[int, int]) -> Tensor:
        """Back-propagate a gradient to rows of what was pooled, and through its ReLU.

        Parameters
        ----------
        gradient : Tensor, shape (1, N, h // 2, w // 2), channels last
            At the pooled features, all rows.
        rows
            The first, and the one after the last.

        Returns
        -------
        Tensor, shape (1, N, rows, w), channels last
        """
        height, width = self._size
        first, last = rows[0] // 2, min(height // 2, -(-rows[1] // 2))
        code = self._codes[:, :, first:last].to(self._whole)
        arriving = gradient[:, :, first:last].view(self._whole)
        spread = torch.empty(
            (1, gradient.shape[1], max(2 * last, rows[1]) - 2 * first, width),
            dtype=gradient.dtype,
            device=gradient.device,
            memory_format=torch.channels_last,
        )
        spread[:, :, 2 * (last - first) :].zero_()
        spread[..., 2 * (width // 2) :].zero_()
        sources = (code << 1).bitwise_xor_(code).bitwise_left_shift_(self._sign_bit - 3)
        mask = torch.empty_like(sources)
        for corner in _corners(spread.view(self._whole), code.shape[-2:]):
            torch.bitwise_right_shift(sources, self._sign_bit, out=mask)
            torch.bitwise_and(arriving, mask, out=corner)
            sources.bitwise_left_shift_(1)
        return spread[:, :, rows[0] - 2 * first : rows[1] - 2 * first]


def _corners(flow: Tensor, size: Sequence[int]) -> list[Tensor]:
    """View the four values of each of height x width results, row by row."""
    below, right = 2 * size[0], 2 * size[1]
    return [flow[:, :, y:below:2, x:right:2] for y in (0, 1) for x in (0, 1)]


def _spread(gradient: Tensor, like: Tensor) -> Tensor:
    """Back-propagate a 2x2 average pooling of `like`."""
    kernel, no_edge = [2, 2], [0, 0]
    spread: Tensor = aten.avg_pool2d_backward(
        gradient, like, kernel, kernel, no_edge, False, True, None
    )
    return spread
