"""Convert pictures between numpy arrays of any kind and tensors in [0, 1]; resize them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from napari_nst.core.arrays import as_array, rows_of
from napari_nst.core.colours.distribution import Distribution, blended_distribution
from napari_nst.core.colours.gaussian import (
    ColourStatistics,
    blended,
    colour_statistics,
    colour_statistics_by_pieces,
)
from napari_nst.core.colours.palette import Palette
from napari_nst.core.memory import give_memory_back
from napari_nst.core.resizing import Size, resize_bytes, resize_rows
from napari_nst.core.resizing import resize as resize
from napari_nst.errors import ImageError
from napari_nst.settings.fields import Resample
from napari_nst.settings.pixels import PixelSource, is_large, split_rows

_INTEGER_MAXIMUM = {"uint8": 255, "uint16": 65535}
_CHANNEL_COUNTS = (3, 4)

_ROUNDING = 1e-4
"""Floats so far beyond [0, 1] are in it, but for arithmetic."""


@dataclass(frozen=True)
class Picture:
    """A picture as tensors, and what is needed to return a result of the same kind.

    Parameters
    ----------
    rgb : Tensor, shape (1, 3, H, W), float32, values in [0, 1]
        Colours; below full transparency the mean of the visible ones.
    alpha : Tensor or None, shape (1, 1, H, W), float32 or float64, values in [0, 1]
        Opacity, where the array had it, to the last bit.
    dtype
        The array's dtype, uint8, uint16 or floating; uint8 for an array of bools.
    """

    rgb: Tensor
    alpha: Tensor | None
    dtype: np.dtype[Any]

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        return self.rgb.shape[-2], self.rgb.shape[-1]

    @cached_property
    def colours(self) -> ColourStatistics:
        """Statistics of its colours, weighted by opacity."""
        return colour_statistics(self.rgb, self.alpha)

    @cached_property
    def distribution(self) -> Distribution:
        """How often each of its colours occurs, weighted by opacity."""
        return Distribution.of(lambda: [(self.rgb, self.alpha)], math.prod(self.size))

    def resized(self, size: Size, resample: Resample) -> "Picture":
        """Resize to (H, W); where the array was of 8 bits, as 8 bits by Pillow itself.

        The originals do so, and a level's difference of a pixel in thirty is 2e-3 in a loss.
        """
        if size == self.size:
            return self
        resized = resize_bytes if self.dtype == np.uint8 else resize
        rgb = resized(self.rgb, size, resample)
        alpha = None if self.alpha is None else resize(self.alpha.float(), size, resample)
        return Picture(rgb, alpha, self.dtype)

    def piece(self, size: Size, resample: Resample, rows: slice) -> "Picture":
        """Return some rows of `resized`."""
        rgb = resize_rows(
            lambda part: self.rgb[:, :, part],
            self.size,
            size,
            resample,
            rows,
            in_bytes=self.dtype == np.uint8,
        )
        return Picture(rgb, self.alpha_rows(size, resample, rows), self.dtype)

    def alpha_rows(self, size: Size, resample: Resample, rows: slice) -> Tensor | None:
        """Return some rows of the opacity at a size, shape (1, 1, rows, W)."""
        alpha = self.alpha
        if alpha is None:
            return None
        return resize_rows(
            lambda part: alpha[:, :, part], self.size, size, resample, rows, in_bytes=False
        )


@dataclass(frozen=True)
class ArrayPicture:
    """A picture that stays in its array, of which `piece` converts the rows that are asked for.

    Parameters
    ----------
    source : shape (H, W), (H, W, 3) or (H, W, 4)
        Any array that can be sliced.
    role
        "content" or "style": what the error messages call it.
    hidden : Tensor or None, shape (1, 3, 1, 1)
        The mean of the visible colours, where there is opacity.
    """

    source: PixelSource
    role: str
    hidden: Tensor | None

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        return self.source.shape[0], self.source.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's dtype: uint8, uint16 or floating; uint8 for an array of bools."""
        return _dtype_of(self.source)

    @property
    def rgb(self) -> Tensor:
        """All colours as `Picture.rgb`, read anew each time: 12 bytes a pixel."""
        return self.resized(self.size, "bilinear").rgb

    @property
    def alpha(self) -> Tensor | None:
        """All of the opacity as `Picture.alpha`, read anew each time: 4 bytes a pixel."""
        return self.alpha_rows(self.size, "bilinear", slice(0, self.size[0]))

    @cached_property
    def colours(self) -> ColourStatistics:
        """Statistics of its colours, weighted by opacity."""
        return colour_statistics_by_pieces(self._pieces())

    @cached_property
    def distribution(self) -> Distribution:
        """How often each of its colours occurs, weighted by opacity."""
        return Distribution.of(self._pieces, math.prod(self.size))

    def resized(self, size: Size, resample: Resample) -> Picture:
        """Resize the whole to (H, W), within memory's limits."""
        return self.piece(size, resample, slice(0, size[0]))

    def piece(self, size: Size, resample: Resample, rows: slice) -> Picture:
        """Return some rows of the picture resized to a size.

        Parameters
        ----------
        size
            (H, W) of the whole.
        resample
            Pillow's filter.
        rows
            With start and stop. The rows of the source that they need are read in parts.
        """
        rgb = resize_rows(
            lambda part: self._read(part).rgb,
            self.size,
            size,
            resample,
            rows,
            in_bytes=self.dtype == np.uint8,
        )
        return Picture(rgb, self.alpha_rows(size, resample, rows), self.dtype)

    def alpha_rows(self, size: Size, resample: Resample, rows: slice) -> Tensor | None:
        """Return some rows of the opacity at a size, shape (1, 1, rows, W)."""
        if self.hidden is None:
            return None
        return resize_rows(self._alpha, self.size, size, resample, rows, in_bytes=False)

    def _pieces(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        for pixels in _in_pieces(self.source, self.role):
            piece = _picture_of(pixels, self.hidden)
            yield piece.rgb, piece.alpha

    def _alpha(self, rows: slice) -> Tensor:
        return _alpha_of(rows_of(self.source, rows, self.role))

    def _read(self, rows: slice) -> Picture:
        return _picture_of(rows_of(self.source, rows, self.role), self.hidden)


AnyPicture = Picture | ArrayPicture


@dataclass(frozen=True)
class Pictures:
    """What a run works on.

    Parameters
    ----------
    content
        The picture that keeps its structure.
    styles
        The pictures whose style it gets.
    start
        The picture to start from, or None to start as the settings say.
    style_hashes
        What tells each style from others, where runs share what they measure of styles.
    before_turning
        (H, W) of each style, where some were turned.
    source
        The content's array, for what is done to the result later.
    """

    content: AnyPicture
    styles: Sequence[AnyPicture]
    start: AnyPicture | None = None
    style_hashes: Sequence[str] = ()
    before_turning: Sequence[Size] = ()
    source: PixelSource | None = None

    @property
    def given_style_sizes(self) -> list[Size]:
        """(H, W) of each style before it was turned."""
        return list(self.before_turning) or [style.size for style in self.styles]

    def palette(self, shares: Sequence[float]) -> Palette:
        """Return the colours that the result can be given; each style counts as much as it says."""
        return Palette(
            self.content.colours,
            blended([style.colours for style in self.styles], shares),
            blended_distribution([style.distribution for style in self.styles], shares),
        )


def read_picture(array: object, role: str) -> AnyPicture:
    """Read an array as a picture; of a large one only what must be known beforehand.

    Parameters
    ----------
    array : array, shape (H, W), (H, W, 3) or (H, W, 4)
        uint8, uint16, bool, or floating with values in [0, 1].
    role
        "content" or "style": what the error messages call it.

    Raises
    ------
    ImageError
        If shape, dtype or values are anything else, or nothing of it is visible.
    """
    source = as_array(array, role)
    _check_kind(source, role)
    if is_large(source.shape):
        return read_by_pieces(source, role)
    pixels = rows_of(source, slice(0, source.shape[0]), role)
    _check_values(pixels, role)
    picture = _picture_of(pixels, None)
    _check_visible(1.0 if picture.alpha is None else float(picture.alpha.max()), role)
    return picture


def read_by_pieces(source: PixelSource, role: str) -> ArrayPicture:
    """Check the values of a picture that stays in its array, and measure its visible colours."""
    has_alpha = len(source.shape) == 3 and source.shape[2] == 4
    colours, opacity = torch.zeros(3, dtype=torch.float64), 0.0
    if has_alpha or source.dtype.kind == "f":
        for pixels in _in_pieces(source, role):
            _check_values(pixels, role)
            if has_alpha:
                planes = _to_planes(pixels).double()[0]
                colours += (planes[:3] * planes[3]).sum((1, 2))
                opacity += float(planes[3].sum())
    _check_visible(opacity if has_alpha else 1.0, role)
    hidden = (colours / max(opacity, 1e-6)).float().view(1, 3, 1, 1)
    return ArrayPicture(source, role, hidden if has_alpha else None)


def rotated(picture: AnyPicture, degrees: float, role: str) -> AnyPicture:
    """Turn a picture counter-clockwise; its corners become transparent.

    Raises
    ------
    ImageError
        If it is so large that it stays in its array.
    """
    if degrees % 360 == 0:
        return picture
    if not isinstance(picture, Picture):
        raise ImageError(f"{role} is too large to be turned here; turn it in its file")

    def turned(plane: Tensor) -> Tensor:
        image = Image.fromarray(plane.numpy())
        return torch.from_numpy(
            np.array(image.rotate(degrees, Image.Resampling.BICUBIC, expand=True))
        )

    opaque = torch.ones_like(picture.rgb[:, :1])
    alpha = opaque if picture.alpha is None else picture.alpha
    planes = torch.cat([picture.rgb * alpha, alpha], 1)[0]
    found = torch.stack([turned(plane) for plane in planes])[None].clamp(0, 1)
    visible = found[:, 3:]
    if picture.alpha is None and bool((visible == 1).all()):
        return Picture(found[:, :3].contiguous(), None, picture.dtype)
    rgb = (found[:, :3] / visible.clamp(min=1e-6)).clamp(0, 1)
    return Picture(_without_hidden_colours(rgb, visible, None), visible, picture.dtype)


def rotated_size(size: Size, degrees: float) -> Size:
    """Return the (H, W), to a pixel, that `rotated` gives a picture of (H, W)."""
    cosine, sine = (abs(part(math.radians(degrees))) for part in (math.cos, math.sin))
    height, width = size
    found = height * cosine + width * sine, width * cosine + height * sine
    return math.ceil(round(found[0], 6)), math.ceil(round(found[1], 6))


def rotated_labels(
    labels: npt.NDArray[np.uint8], size: Size, degrees: float = 0.0
) -> npt.NDArray[np.uint8]:
    """Turn labels as `rotated` turns their picture of (H, W); its corners are unlabelled."""
    if degrees % 360 == 0:
        return labels
    if degrees % 90:  # another aspect would be turned to another place
        labels = np.array(Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST))
    return np.array(Image.fromarray(labels).rotate(degrees, expand=True))


def write_array(rgb: Tensor, like: AnyPicture) -> npt.NDArray[Any]:
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
    alpha = None if like.alpha is None else resize(like.alpha, _size_of(rgb), "bilinear")
    return _to_array(rgb, alpha, like.dtype)


def write_rows(rgb: Tensor, like: AnyPicture, size: Size, rows: slice) -> npt.NDArray[Any]:
    """Convert some rows of a result, as `write_array` converts them all.

    Parameters
    ----------
    rgb : Tensor, shape (1, 3, rows, W)
    like
        The content.
    size
        (H, W) of the whole result.
    rows
        Which rows these are, with start and stop.
    """
    return _to_array(rgb, like.alpha_rows(size, "bilinear", rows), like.dtype)


def _to_array(rgb: Tensor, alpha: Tensor | None, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    planes = rgb.detach().float().cpu().clamp(0, 1)
    if alpha is not None:
        planes = torch.cat([planes, alpha], dim=1)
    array: npt.NDArray[np.float32] = planes[0].permute(1, 2, 0).numpy()
    maximum = _INTEGER_MAXIMUM.get(dtype.name)
    if maximum is None:
        return array.astype(dtype)
    return np.rint(array * maximum).astype(dtype)


def fit_longest_side(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """Scale (H, W) so that its longer side is `longest`; None keeps it."""
    if longest is None:
        return size
    height, width = (max(1, round(longest * side / max(size))) for side in size)
    return height, width


def _in_pieces(source: PixelSource, role: str) -> Iterator[npt.NDArray[Any]]:
    """Yield all rows, and give memory back after each piece."""
    for rows in split_rows(slice(0, source.shape[0]), source.shape[1]):
        yield rows_of(source, rows, role)
        give_memory_back()


def _to_planes(pixels: npt.NDArray[Any]) -> Tensor:
    """Convert an array of (H, W) or (H, W, C) to a tensor of (1, C, H, W), grey to RGB."""
    planes = torch.from_numpy(pixels.astype(np.float32)) / _INTEGER_MAXIMUM.get(
        pixels.dtype.name, 1
    )
    planes = planes.clamp_(0, 1)  # floats a rounding beyond
    if planes.ndim == 2:
        planes = planes[..., None].expand(-1, -1, 3)
    return planes.permute(2, 0, 1)[None].contiguous()


def _picture_of(pixels: npt.NDArray[Any], hidden: Tensor | None) -> Picture:
    """Convert an array; `hidden` is the visible colours' mean, where it is not that of these."""
    planes = _to_planes(pixels)
    rgb, alpha = planes[:, :3].contiguous(), None
    if planes.shape[1] == 4:
        alpha = _alpha_of(pixels)
        rgb = _without_hidden_colours(rgb, alpha.float(), hidden)
    return Picture(rgb, alpha, _dtype_of(pixels))


def _alpha_of(pixels: npt.NDArray[Any]) -> Tensor:
    """Convert the opacity of an array of (H, W, 4) to a tensor of (1, 1, H, W)."""
    real = np.float64 if pixels.dtype.kind == "f" and pixels.dtype.itemsize > 4 else np.float32
    alpha = torch.from_numpy(pixels[..., 3].astype(real))[None, None]
    return (alpha / _INTEGER_MAXIMUM.get(pixels.dtype.name, 1)).clamp_(0, 1)


def _dtype_of(source: PixelSource) -> np.dtype[Any]:
    """Return the dtype of results like an array: black and white are painted in 8 bits."""
    return np.dtype(np.uint8) if np.dtype(source.dtype) == bool else np.dtype(source.dtype)


def _size_of(image: Tensor) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]


def _without_hidden_colours(rgb: Tensor, alpha: Tensor, visible: Tensor | None) -> Tensor:
    """Put the visible colours' mean where a picture is transparent.

    Colours under full transparency are arbitrary, often black, and would enter the result.
    """
    if visible is None:
        visible = (rgb * alpha).sum((2, 3), keepdim=True) / alpha.sum().clamp(min=1e-6)
    return rgb * alpha + visible * (1 - alpha)


def _check_kind(source: PixelSource, role: str) -> None:
    shape, dtype = tuple(source.shape), np.dtype(source.dtype)
    is_picture = len(shape) == 2 or (len(shape) == 3 and shape[2] in _CHANNEL_COUNTS)
    if not is_picture or 0 in shape:
        raise ImageError(
            f"{role} has shape {shape}; expected (H, W), (H, W, 3) or (H, W, 4). {_hint(shape)}"
        )
    if dtype.name not in _INTEGER_MAXIMUM and dtype.kind not in "fb":
        raise ImageError(
            f"{role} has dtype {dtype}; expected uint8, uint16, bool, or floating in [0, 1]. "
            f"{_conversion(source, role) if dtype.kind in 'iu' else 'Convert it.'}"
        )


def _check_values(pixels: npt.NDArray[Any], role: str) -> None:
    if pixels.dtype.kind != "f":
        return
    if count := int(np.sum(~np.isfinite(pixels))):
        raise ImageError(
            f"{role} has {count} values that are not finite (NaN or infinite); replace them, for "
            "example with numpy.nan_to_num."
        )
    low, high = pixels.min(), pixels.max()
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise ImageError(
            f"{role} has floating values from {low:.4g} to {high:.4g}; expected 0 to 1. Rescale "
            f"them{', for example by / 255' if low >= 0 and 2 < high <= 255 else ''}."
        )


def _check_visible(opacity: float, role: str) -> None:
    if not opacity:
        raise ImageError(
            f"{role} is fully transparent, so nothing of it can be seen; make it opaque, or drop "
            "its alpha channel with array[..., :3]."
        )


def _conversion(source: PixelSource, role: str) -> str:
    """Say how to convert integers whose black and white are not known, by those that it has."""
    height = source.shape[0]
    pixels = rows_of(source, next(split_rows(slice(0, height), source.shape[1])), role)
    low, high = int(pixels.min()), int(pixels.max())
    if low >= 0 and high <= 255:
        return f"Its values are {low} to {high}: convert it with array.astype(numpy.uint8)."
    return (
        f"Its values are {low} to {high}: scale what is to be black to 0 and what is to be white "
        f"to 1, for example (array.astype(float) - {float(low):g}) / {float(high - low or 1):g}."
    )


def _hint(shape: tuple[int, ...]) -> str:
    if 0 in shape:
        return "It has no pixels."
    if len(shape) == 3 and shape[2] < min(_CHANNEL_COUNTS):
        return "Take one of its channels, such as array[..., 0]."
    if len(shape) == 3 and shape[0] in _CHANNEL_COUNTS:
        return "Its channels come first: put them last with numpy.moveaxis(array, 0, -1)."
    first = ", ".join("0" * (len(shape) - (3 if shape[-1:] in ((3,), (4,)) else 2)))
    taken = f", such as array[{first}]" if first else ""
    return f"Take one plane of a stack{taken}, or convert it to RGB."
