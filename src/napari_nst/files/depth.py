"""Round pictures to 8 and 16 bits a channel."""

from typing import Any

import numpy as np
import numpy.typing as npt


def as_uint8(picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Round a picture to 8 bits.

    Parameters
    ----------
    picture
        uint8, which is returned unchanged; uint16; or floating, clipped to [0, 1].
    """
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == np.uint16:
        return np.asarray((picture.astype(np.uint32) + 128) // 257, dtype=np.uint8)
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), dtype=np.uint8)


def as_uint16(picture: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """Round a picture in [0, 1] to 16 bits; other values are clipped."""
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 65535), dtype=np.uint16)
