"""From a layer to a picture: what the user sees is what is stylised."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError
from napari_nst.files.depth import as_uint8, as_uint16
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.slicing import Cut, plane_size, size_in, visible_cut
from napari_nst.settings.pixels import PixelSource, is_large, nearest_level
from napari_nst.settings.record import METADATA_KEY

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Layer
    from napari.utils.colormaps import Colormap

Box = tuple[slice, slice]
"""Rows and columns of a part of a picture."""

PAINTED = "napari-nst-painted"
"""Key in the metadata of each layer that a run of this session has added."""

MARKS = "napari-nst-marks"
"""In the metadata of a layer that marks regions, or a part of a style, and is no picture."""

PASSING = "napari-nst-passing"
"""In the metadata of a layer that is gone soon: of the pair that a folder run is at."""


@dataclass(frozen=True)
class LayerPicture:
    """A picture taken from a layer.

    Parameters
    ----------
    pixels : shape (H, W, 3) or (H, W, 4), uint8, uint16, or float in [0, 1]
        The visible slice, as the layer shows it: an array, or `ShownRows` where it is large.
    placement
        Where the picture is in the viewer's world.
    name
        The layer's name when the picture was taken.
    """

    pixels: PixelSource
    placement: Placement
    name: str


@dataclass(frozen=True)
class Look:
    """How a layer maps values to colours.

    Parameters
    ----------
    rgb
        Whether the values are colours already.
    limits, gamma
        The contrast limits, and the exponent after them.
    colormap
        Of grey layers.
    """

    rgb: bool
    limits: tuple[float, ...]
    gamma: float
    colormap: "Colormap"

    @classmethod
    def of(cls, layer: "Image") -> Self:
        """Read the look of a layer; the layer is not kept."""
        return cls(layer.rgb, tuple(layer.contrast_limits), layer.gamma, layer.colormap)


class ShownRows:
    """A large visible slice, shape (H, W, 3) or (H, W, 4), mapped to colours when it is sliced.

    Parameters
    ----------
    data
        The layer's data, at one level.
    cut
        The visible part of it.
    look
        How the layer showed it when the picture was taken.
    """

    def __init__(self, data: Any, cut: Cut, look: Look) -> None:  # noqa: ANN401 - any array
        self._data, self._cut, self._look = data, cut, look
        channels = data.shape[len(cut.index) :]
        sample = _as_shown(np.zeros((1, 1, *channels), data.dtype), look)
        # Which rows hold NaN, that most colormaps show as transparent, is not known beforehand.
        may_be_clear = not look.rgb and (
            np.dtype(data.dtype).kind == "f" or bool(np.any(look.colormap.colors[:, 3] < 1))
        )
        count = 4 if may_be_clear else sample.shape[2]
        self.shape = (*size_in(data.shape, cut.index), count)
        self.dtype = sample.dtype
        self.ndim = 3

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - as numpy's
        """Return a slice of rows, or of rows and columns."""
        index = index if isinstance(index, tuple) else (index,)
        rows, columns = (*index[:2], slice(None))[:2]
        shown = _as_shown(self._cut.cropped(rows, columns).read(self._data), self._look)
        if shown.shape[2] < self.shape[2]:
            full = whole_range(shown.dtype)[1]
            shown = np.concatenate([shown, np.full_like(shown[..., :1], full)], axis=2)
        return shown[(slice(None), slice(None), *index[2:])]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Read the whole."""
        return np.asarray(self[:], dtype)


def is_painted(layer: "Layer") -> bool:
    """Return whether a layer came from a run, of this session or an earlier one."""
    return PAINTED in layer.metadata or METADATA_KEY in layer.metadata


def is_single(layer: "Image") -> bool:
    """Return whether a layer is one picture, and no stack of snapshots."""
    return bool(math.prod(layer.data.shape[: -3 if layer.rgb else -2]) == 1)


def picture_of(layer: "Image", dims: "Dims", *, least_px: int | None = None) -> LayerPicture:
    """Take the visible slice of an image layer as the layer shows it.

    Grey and RGB layers alike: through the projection of a thick slice, contrast limits, gamma
    and colormap. Opacity, blending and interpolation say how the layer is drawn over others, and
    do not count. A large slice is read when it is needed, by pieces.

    Parameters
    ----------
    layer
        An image layer.
    dims
        The viewer's dims: which slice is shown.
    least_px
        The shorter side that is needed of a multiscale layer, whose coarsest level with as much is
        taken; None for the finest.

    Raises
    ------
    ImageError
        If the slice cannot be seen, or holds complex numbers.
    """
    if dims.ndisplay != 2:
        raise ImageError(
            f"napari shows {layer.name!r} in 3D; a picture is flat. Switch to 2D display "
            "(the cube button below the layer list)."
        )
    cut, placement = visible_cut(layer, dims), placement_of(layer, dims)
    levels = layer.data if layer.multiscale else [layer.data]
    data = levels[nearest_level([size_in(each.shape, cut.index) for each in levels], least_px)]
    if np.dtype(data.dtype).kind == "c":
        raise ImageError(f"{layer.name!r} holds complex numbers; show its magnitude instead.")
    cut, look = cut.at_level(levels[0].shape, data.shape), Look.of(layer)
    if is_large(size_in(data.shape, cut.index)) and not cut.is_thick:
        return LayerPicture(ShownRows(data, cut, look), placement, full_name(layer))
    return LayerPicture(_as_shown(cut.read(data), look), placement, full_name(layer))


def placement_of(layer: "Image", dims: "Dims") -> Placement:
    """Return where a layer's visible slice is; raises ImageError if it cannot be seen."""
    cut = visible_cut(layer, dims)
    return Placement.of(layer, cut.index, plane_size(layer, cut.index))


def cropped_picture(
    layer: "Image", dims: "Dims", box: Box | None, *, least_px: int | None = None
) -> LayerPicture:
    """Take a part of what `picture_of` would take; its placement is that of the whole.

    Parameters
    ----------
    box
        Rows and columns of the part, in pixels of the finest level; None for the whole.
    """
    if box is None:
        return picture_of(layer, dims, least_px=least_px)
    whole, part = picture_size(layer, dims), [side.stop - side.start for side in box]
    if least_px is not None:
        least_px = math.ceil(least_px * min(whole) / min(part))
    picture = picture_of(layer, dims, least_px=least_px)
    part_now = scaled_box(box, whole, picture.pixels.shape[:2])
    return replace(picture, pixels=np.ascontiguousarray(picture.pixels[part_now]))


def scaled_box(box: Box, before: Sequence[int], now: Sequence[int]) -> Box:
    """Return the same part of a picture that has another height and width now."""
    rows, columns = (
        slice(side.start * new // old, max(1, math.ceil(side.stop * new / old)))
        for side, old, new in zip(box, before, now, strict=True)
    )
    return rows, columns


def glimpse_of(layer: "Image", dims: "Dims", box: Box | None, *, side_px: int) -> npt.NDArray[Any]:
    """Read few pixels of a layer's visible slice, or of a part of it, as the layer shows it.

    Parameters
    ----------
    side_px
        What the shorter side has at least, where the layer has as much.

    Raises
    ------
    ImageError
        If the slice cannot be seen.
    """
    cut = visible_cut(layer, dims)
    data = layer.data[0] if layer.multiscale else layer.data
    rows, columns = box or [slice(0, side) for side in size_in(data.shape, cut.index)]
    step = max(1, min(rows.stop - rows.start, columns.stop - columns.start) // side_px)
    part = cut.cropped(slice(rows.start, rows.stop, step), slice(columns.start, columns.stop, step))
    return _as_shown(part.read(data), Look.of(layer))


def picture_size(layer: "Image", dims: "Dims") -> tuple[int, int]:
    """Return height and width of what `picture_of` would take, without taking it.

    Raises
    ------
    ImageError
        If the slice cannot be seen.
    """
    return plane_size(layer, visible_cut(layer, dims).index)


def whole_range(dtype: npt.DTypeLike) -> tuple[float, float]:
    """Return the contrast limits under which a picture of ours shows as it is."""
    dtype = np.dtype(dtype)
    return (0, np.iinfo(dtype).max) if dtype.kind == "u" else (0, 1)


def _as_shown(plane: npt.NDArray[Any], look: Look) -> npt.NDArray[Any]:
    """Map values to colours as napari does.

    uint8, uint16 and floats keep their dtype; bools become uint8, other integers float32.
    """
    is_known = plane.dtype.name in ("uint8", "uint16")
    if look.rgb and is_known and look.limits == whole_range(plane.dtype) and look.gamma == 1:
        return plane
    colours = _rgb(plane, look.limits, look.gamma) if look.rgb else _mapped(plane, look)
    picture = np.clip(colours, 0, 1)
    if plane.dtype.name in ("uint8", "bool"):
        return as_uint8(picture)
    if plane.dtype == np.uint16:
        return as_uint16(picture)
    # napari shows no floats of more than 64 bits
    dtype = plane.dtype if plane.dtype.kind == "f" else np.float32
    shown: npt.NDArray[Any] = picture.astype(dtype)
    return shown


def _rgb(plane: npt.NDArray[Any], limits: Sequence[float], gamma: float) -> npt.NDArray[Any]:
    """Map RGB(A): vispy applies limits and gamma to the colours, and takes NaN for the lowest."""
    colours: npt.NDArray[Any] = np.nan_to_num(_within(plane[..., :3], limits), nan=0.0) ** gamma
    if plane.shape[-1] == 3:
        return colours
    # OpenGL scales 8 and 16 bits to [0, 1] and clips any other alpha, as the limits are of
    # the colours alone.
    full = np.iinfo(plane.dtype).max if plane.dtype.name in ("uint8", "uint16") else 1
    alpha = np.nan_to_num(plane[..., 3:].astype(np.result_type(plane, np.float32)), nan=0.0) / full
    return np.concatenate([colours, alpha], axis=-1)


def _mapped(plane: npt.NDArray[Any], look: Look) -> npt.NDArray[Any]:
    """Map grey through the colormap; it may make NaN, or anything else, transparent."""
    values = _within(plane, look.limits) ** look.gamma
    colours: npt.NDArray[Any] = look.colormap.map(values.ravel()).reshape(*plane.shape, 4)
    return colours if np.any(colours[..., 3] < 1) else colours[..., :3]


def _within(values: npt.NDArray[Any], limits: Sequence[float]) -> npt.NDArray[Any]:
    """Scale contrast limits to [0, 1] and clip; NaN stays NaN."""
    # Integers of 32 bits and more need 64 bits here: their limits may be close together.
    low, high = limits
    # Limits far apart need them too, for their difference may be too much for 32 bits.
    exact = values.astype(np.result_type(values, np.float32, np.min_scalar_type(high - low)))
    return np.asarray(np.clip((exact - low) / (high - low), 0, 1).astype(np.float32))
