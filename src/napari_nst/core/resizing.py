"""Resize pictures as Pillow does: whole, or only some rows of the result.

An output pixel i is the mean of the source pixels j in reach, weighted by a kernel k:

    out_i = Σ_j w_ij in_j / Σ_j w_ij,   w_ij = k((j + 1/2 - c_i) / max(s, 1)),   c_i = (i + 1/2) s

with s = source size / output size; columns first, then rows. Pillow computes c and w in float64 and
rounds w to 22 bits, torch computes them in float32. A piece is computed with the same weights: in 8
bits it equals Pillow's result, in floats it differs from torch's by the order of the sums.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from napari_nst.settings.fields import Resample
from napari_nst.settings.pixels import split_rows

Size = tuple[int, int]
ReadRows = Callable[[slice], Tensor]

_MOST_ROWS = 256
_PRECISION = 2.0**22
_PILLOW_FILTERS: dict[Resample, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_RADII: dict[Resample, int] = {"bilinear": 1, "bicubic": 2}

Weights = npt.NDArray[np.floating]


def resize(image: Tensor, size: Size, resample: Resample) -> Tensor:
    """Resize as Pillow does: antialiased, columns first, clipped to [0, 1] after each pass.

    Parameters
    ----------
    image : Tensor, shape (1, C, H, W), values in [0, 1]
    size
        The wanted (H, W).
    resample
        Pillow's filter of that name.
    """
    for pass_size in ((image.shape[-2], size[1]), size):
        image = functional.interpolate(
            image, pass_size, mode=resample, align_corners=False, antialias=True
        ).clamp_(0, 1)
    return image


def resize_bytes(image: Tensor, size: Size, resample: Resample) -> Tensor:
    """Resize a picture of 8 bits as Pillow itself does; parameters are those of `resize`."""
    if image.is_meta:  # a rehearsal for an estimate: shapes without data
        return image.new_empty((1, image.shape[1], *size))
    levels = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    resized = Image.fromarray(levels)
    # One call would do as much, but Pillow 13 resizes the rows of tall pictures first, and rounding
    # and clipping between the passes make that another picture than Pillow 12's.
    for pass_size in ((size[1], image.shape[-2]), size[::-1]):
        resized = resized.resize(pass_size, _PILLOW_FILTERS[resample])
    return torch.from_numpy(np.array(resized, np.float32)).permute(2, 0, 1)[None].contiguous() / 255


def resize_rows(
    read: ReadRows, source: Size, size: Size, resample: Resample, rows: slice, *, in_bytes: bool
) -> Tensor:
    """Return some rows of a resized picture, reading only the rows of the source that they need.

    Parameters
    ----------
    read
        Returns the given rows of the source, shape (1, C, rows, W), float32, values in [0, 1].
    source, size
        (H, W) of the source and of the whole result.
    resample
        As in `resize`.
    rows
        Rows of the result.
    in_bytes
        Whether to compute as `resize_bytes`, with RGB, instead of `resize`.

    Returns
    -------
    Tensor, shape (1, C, rows, W), float32
    """
    if source == size:
        return read(rows)
    width = max(source[1], size[1])
    blocks = [
        _block(read, source, size, resample, block, in_bytes=in_bytes)
        for block in split_rows(rows, width, most=_MOST_ROWS)
    ]
    return torch.cat(blocks, dim=2)


def _block(
    read: ReadRows, source: Size, size: Size, resample: Resample, rows: slice, *, in_bytes: bool
) -> Tensor:
    real = np.float64 if in_bytes else np.float32
    first, weights = _row_weights(source[0], size[0], resample, rows, np.dtype(real))
    if in_bytes:
        weights = np.trunc(weights * _PRECISION + np.copysign(0.5, weights))
    by_row = torch.from_numpy(weights)
    total = by_row.new_zeros(())
    needed = slice(first, first + weights.shape[1])
    for part in split_rows(needed, max(source[1], size[1])):
        columns = _resized_columns(read(part), size[1], resample, in_bytes=in_bytes)
        total = total + by_row[:, part.start - first : part.stop - first] @ columns.to(by_row)
    if not in_bytes:
        return total.clamp_(0, 1)
    # integers below 2^53: the sums are exact, and this is Pillow's rounding of its fixed point
    levels = total.add_(_PRECISION / 2).div_(_PRECISION).floor_().clamp_(0, 255)
    return levels.float() / 255


def _resized_columns(image: Tensor, width: int, resample: Resample, *, in_bytes: bool) -> Tensor:
    """Resize rows to a width; in levels of 0 to 255 where `in_bytes`."""
    size = image.shape[-2], width
    if in_bytes:
        return resize_bytes(image, size, resample).mul_(255).round_()
    return resize(image, size, resample)


def _row_weights(
    source: int, size: int, resample: Resample, rows: slice, real: np.dtype[np.floating]
) -> tuple[int, Weights]:
    """Return the first source row that the rows need, and their weights, shape (rows, needed)."""
    scale = real.type(source) / real.type(size)
    stretch = max(scale, real.type(1))
    reach = _RADII[resample] * stretch
    centres = (np.arange(rows.start, rows.stop, dtype=real) + real.type(0.5)) * scale
    starts = np.maximum((centres - reach + real.type(0.5)).astype(np.int64), 0)
    stops = np.minimum((centres + reach + real.type(0.5)).astype(np.int64), source)
    places = np.arange(starts[0], stops[-1])
    offsets = (places.astype(real) - centres[:, None] + real.type(0.5)) / stretch
    is_near = (places >= starts[:, None]) & (places < stops[:, None])
    weights = np.where(is_near, _kernel(offsets, resample), real.type(0))
    return int(starts[0]), weights / weights.sum(axis=1, keepdims=True)


def _kernel(offsets: Weights, resample: Resample) -> Weights:
    """Return Pillow's filter: a triangle, or Keys's cubic with a = -1/2."""
    x = np.abs(offsets)
    if resample == "bilinear":
        triangle: Weights = np.maximum(1 - x, x.dtype.type(0))
        return triangle
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    cubic: Weights = np.where(x < 1, near, np.where(x < 2, far, 0)).astype(x.dtype)
    return cubic
