"""How large the names in a grid's cells may be, and how many columns leave room for them. No Qt."""

import math
from collections.abc import Sequence

_FONT_SIZES = (5.0, 9.0)  # points; smaller ones cannot be read
_MARGINS_PX = 24  # left and right of a name
_LETTER = 0.97  # px a letter takes for each point, as measured on names of results
_LEAST_PICTURE = 0.6  # of the size that a cell has in napari's own grid


def font_size(names: Sequence[str], width: float) -> float:
    """Return the size in points at which the longest name fits, within what can be read.

    Parameters
    ----------
    names
        At least one.
    width
        Of a cell, in pixels.
    """
    least, most = _FONT_SIZES
    longest = max(map(len, names))
    return min(most, max(least, (width - _MARGINS_PX) / (max(1, longest) * _LETTER)))


def is_cut(name: str, width: float) -> bool:
    """Whether a name is too long for a cell `width` px wide, however small it is written."""
    return len(name) * _LETTER * _FONT_SIZES[0] > width - _MARGINS_PX


def columns_for(names: Sequence[str], size: Sequence[float]) -> int:
    """Return into how many columns as many cells as names go, so that no name is cut.

    Parameters
    ----------
    names
        Of the cells, at least one.
    size
        Height and width of the whole grid, in pixels.

    Returns
    -------
    int
        At most napari's own number; that one if fewer columns would make pictures tiny.
    """
    usual = math.ceil(math.sqrt(len(names)))

    def shorter_side(columns: int) -> float:
        return min(size[0] / math.ceil(len(names) / columns), size[1] / columns)

    for columns in range(usual, 0, -1):
        if shorter_side(columns) < _LEAST_PICTURE * shorter_side(usual):
            break
        if not any(is_cut(name, size[1] / columns) for name in names):
            return columns
    return usual
