"""Rows and columns beyond a picture's border, where the picture wraps.

Row r of a picture of H rows is row r modulo H.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor


def wrapped_parts(first: int, last: int, length: int) -> list[tuple[slice, slice]]:
    """Part a stretch of a line that wraps, where it crosses the line's ends.

    Parameters
    ----------
    first, last
        The stretch, `last` exclusive; it may begin before the line, and be longer.
    length
        Of the line.

    Returns
    -------
    list of (slice, slice)
        Where each part is in the stretch, and in the line.
    """
    ends = [first, *range((first // length + 1) * length, last, length), last]
    return [
        (slice(start - first, stop - first), slice(start % length, start % length + stop - start))
        for start, stop in pairwise(ends)
    ]


def wrapped_rows(
    read: Callable[[slice], Tensor], size: tuple[int, int], rows: slice, beside_px: int
) -> Tensor:
    """Read rows, and columns beyond both borders, shape (1, C, rows, W + 2 beside_px).

    Parameters
    ----------
    read
        Returns rows of the picture, shape (1, C, rows, W).
    size
        (H, W) of the picture.
    rows
        With start and stop, which may be beyond the border.
    beside_px
        Columns beyond each border.
    """
    height, width = size
    seen = torch.cat([read(part) for _, part in wrapped_parts(rows.start, rows.stop, height)], -2)
    columns = wrapped_parts(-beside_px, width + beside_px, width)
    return torch.cat([seen[..., part] for _, part in columns], -1)
