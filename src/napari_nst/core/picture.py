"""Convert pictures between numpy arrays of any kind and tensors in [0, 1]; resize them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from napari_nst.core.arrays import as_array
from napari_nst.core.colour import Palette, blended, colour_statistics
from napari_nst.errors import ImageError
from napari_nst.settings.config import Resample

_INTEGER_MAXIMUM = {"uint8": 255, "uint16": 65535}
_CHANNEL_COUNTS = (3, 4)
_PILLOW_FILTERS: dict[Resample, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


@dataclass(frozen=True)
class Picture:
    """A picture as tensors, and what is needed to return a result of the same kind.

    Parameters
    ----------
    rgb : Tensor, shape (1, 3, H, W), float32, values in [0, 1]
        Colours; below full transparency the mean of the visible ones.
    alpha : Tensor or None, shape (1, 1, H, W), float32, values in [0, 1]
        Opacity, where the array had it.
    dtype
        The array's dtype: uint8, uint16 or floating.
    """

    rgb: Tensor
    alpha: Tensor | None
    dtype: np.dtype[Any]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[-2], self.rgb.shape[-1]

    def resized(self, size: tuple[int, int], resample: Resample) -> "Picture":
        """Resize to (H, W); where the array was of 8 bits, as 8 bits by Pillow itself.

        The originals do so, and a level's difference of a pixel in thirty is 2e-3 in a loss.
        """
        if size == self.size:
            return self
        resized = _resize_bytes if self.dtype == np.uint8 else resize
        rgb = resized(self.rgb, size, resample)
        alpha = None if self.alpha is None else resize(self.alpha, size, resample)
        return Picture(rgb, alpha, self.dtype)


@dataclass(frozen=True)
class Pictures:
    """What a run works on.

    Parameters
    ----------
    content
        The picture that keeps its structure.
    styles
        The pictures whose style it gets, blended equally.
    start
        The picture to start from, or None to start as the settings say.
    style_hashes
        What tells each style from others, where runs share what they measure of styles.
    """

    content: Picture
    styles: Sequence[Picture]
    start: Picture | None = None
    style_hashes: Sequence[str] = ()

    @cached_property
    def palette(self) -> Palette:
        """The colours that the result can be given."""
        return Palette(
            colour_statistics(self.content.rgb, self.content.alpha),
            blended([colour_statistics(style.rgb, style.alpha) for style in self.styles]),
        )


def resize(image: Tensor, size: tuple[int, int], resample: Resample) -> Tensor:
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


def _resize_bytes(image: Tensor, size: tuple[int, int], resample: Resample) -> Tensor:
    if image.is_meta:  # a rehearsal for an estimate: shapes without data
        return image.new_empty((1, image.shape[1], *size))
    levels = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    resized = Image.fromarray(levels).resize(size[::-1], _PILLOW_FILTERS[resample])
    return _planes(np.asarray(resized))


def read_picture(array: npt.NDArray[Any], role: str) -> Picture:
    """Read an array as a picture.

    Parameters
    ----------
    array : array, shape (H, W), (H, W, 3) or (H, W, 4)
        uint8, uint16, or floating with values in [0, 1].
    role
        "content" or "style": what the error messages call it.

    Raises
    ------
    ImageError
        If shape, dtype or values are anything else.
    """
    pixels = as_array(array, role)
    _check_kind(pixels, role)
    maximum = _INTEGER_MAXIMUM.get(pixels.dtype.name, 1)
    planes = _planes(pixels, maximum)
    rgb, alpha = planes[:, :3].contiguous(), None
    if planes.shape[1] == 4:
        alpha = planes[:, 3:].contiguous()
        rgb = _without_hidden_colours(rgb, alpha)
    return Picture(rgb, alpha, pixels.dtype)


def write_array(rgb: Tensor, like: Picture) -> npt.NDArray[Any]:
    """Convert a picture to an array of the dtype and opacity of `like`.

    Parameters
    ----------
    rgb : Tensor, shape (1, 3, H, W)
        Values are clamped to [0, 1] and rounded to the dtype's steps.
    like
        The content, whose dtype and opacity the result gets.

    Returns
    -------
    array, shape (H, W, 3), or (H, W, 4) where the content has opacity
    """
    planes = rgb.detach().float().cpu().clamp(0, 1)
    if like.alpha is not None:
        planes = torch.cat([planes, resize(like.alpha, _size_of(planes), "bilinear")], dim=1)
    array: npt.NDArray[np.float32] = planes[0].permute(1, 2, 0).numpy()
    maximum = _INTEGER_MAXIMUM.get(like.dtype.name)
    if maximum is None:
        return array.astype(like.dtype)
    return np.rint(array * maximum).astype(like.dtype)


def fit_longest_side(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """Scale (H, W) so that its longer side is `longest`; None keeps it."""
    if longest is None:
        return size
    height, width = (max(1, round(longest * side / max(size))) for side in size)
    return height, width


def _planes(pixels: npt.NDArray[Any], maximum: int = 255) -> Tensor:
    """Convert an array of (H, W) or (H, W, C) to a tensor of (1, C, H, W), grey to RGB."""
    planes = torch.from_numpy(pixels.astype(np.float32)) / maximum
    if planes.ndim == 2:
        planes = planes[..., None].expand(-1, -1, 3)
    return planes.permute(2, 0, 1)[None].contiguous()


def _size_of(image: Tensor) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]


def _without_hidden_colours(rgb: Tensor, alpha: Tensor) -> Tensor:
    """Put the visible colours' mean where a picture is transparent.

    Colours under full transparency are arbitrary, often black, and would enter the result.
    """
    visible = (rgb * alpha).sum((2, 3), keepdim=True) / alpha.sum().clamp(min=1e-6)
    return rgb * alpha + visible * (1 - alpha)


def _check_kind(pixels: npt.NDArray[Any], role: str) -> None:
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in _CHANNEL_COUNTS)
    if not is_picture or 0 in pixels.shape:
        raise ImageError(
            f"{role} has shape {pixels.shape}; expected (H, W), (H, W, 3) or (H, W, 4). "
            f"{_hint(pixels.shape)}"
        )
    if pixels.dtype.name not in _INTEGER_MAXIMUM and pixels.dtype.kind != "f":
        raise ImageError(
            f"{role} has dtype {pixels.dtype}; expected uint8, uint16 or floating. Convert it."
        )
    if pixels.dtype.kind == "f" and not (np.isfinite(pixels).all() and _in_unit_range(pixels)):
        raise ImageError(
            f"{role} has floating values outside [0, 1] or not finite; rescale it to [0, 1]."
        )


def _hint(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] in _CHANNEL_COUNTS:
        return "Its channels come first: put them last with numpy.moveaxis(array, 0, -1)."
    return "Take one plane of a stack, or convert it to RGB."


def _in_unit_range(pixels: npt.NDArray[Any]) -> bool:
    return bool(pixels.min() >= 0 and pixels.max() <= 1)
