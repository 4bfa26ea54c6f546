"""Pixels that may be too many for memory, and how they are read: by pieces of rows."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

LARGE_PIXELS = 32_000_000
"""Larger pictures are read by pieces; smaller ones are held in memory."""

PIECE_PIXELS = 2 << 20
"""Pixels that are read or computed at a time: 24 MB as float32 RGB."""


class PixelSource(Protocol):
    """Pixels, shape (H, W) or (H, W, C), that are read by slicing.

    An array of numpy, a memmap, an array of dask or zarr, or a file of
    `napari_nst.files.images.open_picture`.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width, and the number of channels where there are several."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values."""

    def __getitem__(self, index: Any, /) -> Any:  # noqa: ANN401 - whatever numpy can convert
        """Return what a slice of rows holds."""


def is_large(shape: tuple[int, ...]) -> bool:
    """Return whether a picture of this shape is read by pieces."""
    return len(shape) in (2, 3) and shape[0] * shape[1] > LARGE_PIXELS


def nearest_level(sizes: Sequence[tuple[int, int]], least_px: int | None) -> int:
    """Return the index of the pyramid's level to read.

    Parameters
    ----------
    sizes
        Height and width of each level.
    least_px
        The shorter side that is needed; None for the finest level.

    Returns
    -------
    int
        Of the coarsest level that is large enough, or of the finest where none is.
    """
    finest = max(range(len(sizes)), key=lambda index: min(sizes[index]))
    if least_px is None:
        return finest
    enough = [index for index, size in enumerate(sizes) if min(size) >= least_px]
    return min(enough, key=lambda index: min(sizes[index]), default=finest)


def split_rows(rows: slice, width: int, *, most: int | None = None) -> Iterator[slice]:
    """Split rows into slices of at most `PIECE_PIXELS` pixels, but of one row at least.

    Parameters
    ----------
    rows
        With start and stop.
    width
        Pixels in a row.
    most
        Most rows in a slice.
    """
    step = min(max(1, PIECE_PIXELS // max(1, width)), most or rows.stop)
    for start in range(rows.start, rows.stop, step):
        yield slice(start, min(start + step, rows.stop))
