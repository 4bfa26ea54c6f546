"""Conversions shared by the decoders: depth, alpha, ink and orientation.

They run over strips of rows, so that temporary floats never take a multiple of the picture's
own memory.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError

Pixels = npt.NDArray[Any]
Note = Callable[[str], None]

_STRIP_PIXELS = 1 << 19
_READY_DTYPES = frozenset({"uint8", "uint16", "float16", "float32", "float64"})


def in_strips(height: int, width: int, strip: Callable[[slice], Pixels]) -> Pixels:
    """Assemble a picture from strips of rows.

    Parameters
    ----------
    height, width
        The picture's size in pixels.
    strip
        Returns the given rows, shape (rows, W) or (rows, W, C); all of one dtype.
    """
    whole: Pixels | None = None
    for rows in _rows(height, width):
        part = strip(rows)
        if whole is None:
            whole = np.empty((height, *part.shape[1:]), part.dtype)
        whole[rows] = part
    if whole is None:
        raise ImageError("it has no pixels")
    return whole


def to_depth(pixels: Pixels, bits: int | None = None) -> Pixels:
    """Convert samples to a dtype that the engine supports, scaled to its range.

    Parameters
    ----------
    pixels
        Samples of any depth.
    bits
        Number of used bits of an unsigned integer; None means all.

    Returns
    -------
    ndarray of uint8 (up to 8 bits), uint16 (up to 16 bits) or floating

    Raises
    ------
    ImageError
        If values are complex, or integers negative or beyond 16 bits.
    """
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "f":
        # nothing downstream supports 80-bit floats
        return pixels.astype(np.float64) if pixels.dtype.itemsize > 8 else pixels
    if pixels.dtype.kind not in "iu":
        raise ImageError(f"its values are of {pixels.dtype}; save it with 8 or 16 bits")
    if pixels.dtype.kind == "u" and bits is not None and bits in range(1, 16) and bits != 8:
        kind, top = (np.uint8, 255) if bits < 8 else (np.uint16, 65535)
        range_top = (1 << bits) - 1
        return ((pixels.astype(np.uint32) * top + range_top // 2) // range_top).astype(kind)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
        raise ImageError(
            f"its values are {pixels.min()} to {pixels.max()}, of {pixels.dtype}; expected 0 to "
            "65535. Scale them, and save it with 8 or 16 bits, or as floats from 0 to 1"
        )
    return pixels.astype(np.uint8 if pixels.dtype.itemsize == 1 else np.uint16)


def narrowed(pixels: Pixels) -> Pixels:
    """Return integers of 0 to 255 that were saved in a wider signed or 32-bit type in 8 bits.

    Their type says nothing of what is white; a picture of 8 bits in it would come out black.
    """
    if not is_wide(pixels.dtype) or not pixels.size or pixels.min() < 0 or pixels.max() > 255:
        return pixels
    return pixels.astype(np.uint8)


def is_wide(dtype: np.dtype[Any]) -> bool:
    """Return whether these are integers whose type does not say what is white."""
    return dtype.kind in "iu" and dtype not in (np.uint8, np.uint16)


def is_ready(pixels: Pixels, bits: int | None) -> bool:
    """Return whether `to_depth` would change nothing and the byte order is native."""
    whole = bits is None or bits >= 16 or bits == 8
    return pixels.dtype.isnative and whole and pixels.dtype.name in _READY_DTYPES


def inverted(pixels: Pixels) -> Pixels:
    """Invert samples whose zero is white; call `to_depth` first."""
    turned: Pixels = (pixels.dtype.type(top_of(pixels)) - pixels).astype(pixels.dtype, copy=False)
    return turned


def top_of(pixels: Pixels) -> int:
    """Return the value of full intensity: 255, 65535 or 1."""
    return 1 if pixels.dtype.kind == "f" else int(np.iinfo(pixels.dtype).max)


def straight(colours: Pixels, alpha: Pixels) -> Pixels:
    """Divide premultiplied colours by alpha; rounds, clips at the top.

    Fully transparent pixels become black.

    Parameters
    ----------
    colours : ndarray, shape (H, W) or (H, W, C)
    alpha : ndarray, shape (H, W), of the same dtype
    """
    top = top_of(colours)
    # float64: float32 cannot represent a uint16 times 65535 exactly
    opacity = alpha.astype(np.float64)[(...,) + (None,) * (colours.ndim - 2)]
    divided = np.divide(
        colours.astype(np.float64) * top,
        opacity,
        out=np.zeros(colours.shape),
        where=opacity > 0,
    )
    if colours.dtype.kind != "f":
        np.rint(divided, out=divided)
        np.minimum(divided, top, out=divided)
    converted: Pixels = divided.astype(colours.dtype)
    return converted


def ink_to_rgb(ink: Pixels) -> Pixels:
    """Convert CMYK without a profile to RGB: each ink absorbs its share of the light."""
    if ink.dtype.kind == "f":
        lit: Pixels = (1 - ink[..., :3]) * (1 - ink[..., 3:4])
        return lit
    top = top_of(ink)
    light = top - ink.astype(np.uint32)
    # 65535 * 65535 + 32767 still fits 32 bits
    lit = (light[..., :3] * light[..., 3:4] + top // 2) // top
    return lit.astype(ink.dtype)


def joined(colours: Pixels, alpha: Pixels | None) -> Pixels:
    """Append alpha to the colours: (H, W), (H, W, 3) or (H, W, 4); grey with alpha becomes RGBA."""
    if alpha is None:
        return colours
    if colours.ndim == 2:
        colours = np.repeat(colours[..., None], 3, axis=2)
    return np.concatenate([colours, alpha[..., None]], axis=2)


def upright(pixels: Pixels, orientation: object) -> Pixels:
    """Rotate and flip pixels by the EXIF orientation: 1 is upright, 5 to 8 are sideways.

    Any other value counts as upright.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _rows(height: int, width: int) -> Iterator[slice]:
    step = max(1, _STRIP_PIXELS // max(1, width))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))
