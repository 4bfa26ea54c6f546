"""Write TIFF, large ones by pieces: BigTIFF where 4 GB may not do, in compressed tiles."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_nst import __version__
from napari_nst.errors import ImageError
from napari_nst.files.decode.kinds import first_line
from napari_nst.files.disk import file_replacing
from napari_nst.files.outputs import ENCODING_ERRORS, disk_errors_translated
from napari_nst.settings.pixels import PixelSource

TILE_PX = 256

_CLASSIC_BYTES = 4_000_000_000
"""Pixels with more bytes go into a BigTIFF; how far they can be compressed is not known before."""


def tiff_options(shape: tuple[int, ...], text: str) -> dict[str, Any]:
    """Return how tifffile is to write a picture of this shape, with a text in its tags."""
    return {
        "photometric": "rgb" if len(shape) == 3 else "minisblack",
        "extrasamples": ["unassalpha"] if len(shape) == 3 and shape[2] == 4 else None,
        "compression": "zlib",
        "predictor": True,
        "description": text or None,
        "software": f"napari-nst {__version__}",
        "metadata": None,
    }


def write_large_tiff(path: Path, image: PixelSource, text: str) -> None:
    """Write a picture by pieces, atomically; a row of tiles at a time is in memory.

    Raises
    ------
    ImageError
        If the disk refuses, or the picture cannot be read.
    """
    dtype = np.dtype(image.dtype)
    size_bytes = int(np.prod(image.shape, dtype=np.int64)) * dtype.itemsize
    with disk_errors_translated(path):
        try:
            with (
                file_replacing(path) as file,
                tifffile.TiffWriter(file, bigtiff=size_bytes > _CLASSIC_BYTES) as writer,
            ):
                writer.write(
                    _tiles(image),
                    shape=tuple(image.shape),
                    dtype=dtype,
                    tile=(TILE_PX, TILE_PX),
                    **tiff_options(image.shape, text),
                )
        except OSError:
            raise
        except ENCODING_ERRORS as error:
            raise ImageError(f"{path} cannot be written: {first_line(error)}") from error


def _tiles(image: PixelSource) -> Iterator[npt.NDArray[Any]]:
    height, width = image.shape[:2]
    for top in range(0, height, TILE_PX):
        rows = np.asarray(image[top : min(top + TILE_PX, height)])
        for left in range(0, width, TILE_PX):
            yield np.ascontiguousarray(rows[:, left : left + TILE_PX])
