"""Enlarge pictures, by blocks of rows where they are stored so.

As `torch.nn.functional.interpolate` without antialiasing, which a test compares: for the rows of a
block the source's rows are weighted, then each is enlarged along its columns by torch.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.store.store import Store, block
from napari_nst.core.store.wrapping import wrapped_rows

Size = tuple[int, int]
Mode = Literal["bilinear", "bicubic"]

_CUBIC = -0.75
"""The coefficient of torch's cubic."""

_REACH = 2
"""Rows that the cubic reads on either side."""


def enlarged(
    picture: Tensor, size: Size, store: Store, *, mode: Mode, wraps: bool = False
) -> Tensor:
    """Enlarge a picture of shape (1, C, h, w) to (H, W); the result lies in the store."""
    given = picture.shape[-2], picture.shape[-1]
    shape = (1, picture.shape[1], *size)
    read = partial(block, picture)
    return store.build(
        shape, picture.dtype, lambda rows: enlarged_rows(read, given, size, rows, mode, wraps=wraps)
    )


def enlarged_rows(
    read: Callable[[slice], Tensor],
    given: Size,
    size: Size,
    rows: slice,
    mode: Mode,
    *,
    wraps: bool = False,
) -> Tensor:
    """Return some rows of an enlarged picture, shape (1, C, rows, W).

    Parameters
    ----------
    read
        Returns rows of the picture, shape (1, C, rows, w).
    given, size
        (h, w) of the picture, and (H, W) that it is enlarged to.
    wraps
        Whether the picture wraps; else its border pixels are repeated beyond it.
    """
    if wraps:
        return _wrapped(read, given, size, rows, mode)
    height = given[0]
    if rows == slice(0, size[0]):
        whole = read(slice(0, height))
        return functional.interpolate(whole, size, mode=mode, align_corners=False)
    at = (torch.arange(rows.start, rows.stop).double() + 0.5) * (height / size[0]) - 0.5
    before = at.floor()
    top = max(0, int(before[0]) - _REACH)
    seen = read(slice(top, min(height, int(before[-1]) + 1 + _REACH)))
    weighted = seen.new_zeros((*seen.shape[:2], len(at), given[1]))
    for offset, weight in _taps(at - before, mode):
        index = (before + offset).clamp(0, height - 1).long() - top
        weighted += weight.to(seen)[:, None] * seen.index_select(-2, index.to(seen.device))
    widened = len(at), size[1]
    return functional.interpolate(weighted, widened, mode=mode, align_corners=False)


def _wrapped(
    read: Callable[[slice], Tensor], given: Size, size: Size, rows: slice, mode: Mode
) -> Tensor:
    """Enlarge the picture with a border of itself, and cut off what became of the border."""
    (above, above_after), (beside, beside_after) = map(_border, given, size)

    def read_bordered(part: slice) -> Tensor:
        return wrapped_rows(read, given, slice(part.start - above, part.stop - above), beside)

    found = enlarged_rows(
        read_bordered,
        (given[0] + 2 * above, given[1] + 2 * beside),
        (size[0] + 2 * above_after, size[1] + 2 * beside_after),
        slice(rows.start + above_after, rows.stop + above_after),
        mode,
    )
    return found[..., beside_after : beside_after + size[1]]


def _border(given: int, size: int) -> tuple[int, int]:
    """Return the least border that the cubic needs, and what it becomes: whole pixels both."""
    shared = math.gcd(given, size)
    count = -(-_REACH * shared // given)
    return count * given // shared, count * size // shared


def _taps(share: Tensor, mode: Mode) -> list[tuple[int, Tensor]]:
    """List the rows around a place, counted from the one before it, and their weights."""
    if mode == "bilinear":
        return [(0, 1 - share), (1, share)]
    return [(offset, _cubic((share - offset).abs())) for offset in (-1, 0, 1, 2)]


def _cubic(distance: Tensor) -> Tensor:
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * _CUBIC - 4 * _CUBIC
    return torch.where(distance <= 1, near, far)
