"""Masks from files: labels as they are stored, colours as labels of their own.

A mask's values are labels, not colours to look at: no colour profile is applied.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError
from napari_nst.files.decode import decode_stored


def read_mask(path: Path) -> npt.NDArray[Any]:
    """Read a mask.

    Returns
    -------
    array, shape (H, W), integers
        Grey values, palette indices, 255 for white of 1 bit; colours as 0x1rrggbb.

    Raises
    ------
    ImageError
        If it cannot be read or is no picture of labels.
    """
    pixels = decode_stored(path)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        red, green, blue = (pixels[..., each].astype(np.int64) for each in range(3))
        if pixels.dtype != np.uint8:
            raise ImageError(f"{path}: a mask in colours has 8 bits a channel; got {pixels.dtype}")
        if (red == green).all() and (green == blue).all():
            return red
        return (1 << 24) + (red << 16) + (green << 8) + blue
    if pixels.ndim != 2 or pixels.dtype.kind not in "biu" or 0 in pixels.shape:
        raise ImageError(
            f"{path}: a mask is a picture of labels, grey or in colours; got {pixels.dtype} of "
            f"shape {pixels.shape}"
        )
    return pixels * np.uint8(255) if pixels.dtype.kind == "b" else pixels
