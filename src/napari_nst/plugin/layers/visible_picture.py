"""From a layer to a picture: what the user sees is what is stylised."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError
from napari_nst.files.depth import as_uint8
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.slicing import plane_size, visible_cut
from napari_nst.settings.record import METADATA_KEY

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Layer

PAINTED = "napari-nst-painted"
"""Key in the metadata of each layer that a run of this session has added."""

PASSING = "napari-nst-passing"
"""In the metadata of a layer that is gone soon: of the pair that a folder run is at."""


@dataclass(frozen=True)
class LayerPicture:
    """A picture taken from a layer.

    Parameters
    ----------
    pixels : array, shape (H, W, 3) or (H, W, 4), uint8, uint16, or float in [0, 1]
        The visible slice, as the layer shows it.
    placement
        Where the picture is in the viewer's world.
    name
        The layer's name when the picture was taken.
    """

    pixels: npt.NDArray[Any]
    placement: Placement
    name: str


def is_painted(layer: "Layer") -> bool:
    """Return whether a layer came from a run, of this session or an earlier one."""
    return PAINTED in layer.metadata or METADATA_KEY in layer.metadata


def is_single(layer: "Image") -> bool:
    """Return whether a layer is one picture: neither a pyramid nor a stack of snapshots."""
    return not layer.multiscale and math.prod(layer.data.shape[: -3 if layer.rgb else -2]) == 1


def picture_of(layer: "Image", dims: "Dims") -> LayerPicture:
    """Take the visible slice of an image layer as the layer shows it.

    Grey and RGB layers alike: through the projection of a thick slice, contrast limits, gamma
    and colormap. Of a multiscale layer the finest level is taken. Opacity, blending and
    interpolation say how the layer is drawn over others, and do not count.

    Parameters
    ----------
    layer
        An image layer.
    dims
        The viewer's dims: which slice is shown.

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
    cut = visible_cut(layer, dims)
    plane = cut.read(layer.data[0] if layer.multiscale else layer.data)
    if np.iscomplexobj(plane):
        raise ImageError(f"{layer.name!r} holds complex numbers; show its magnitude instead.")
    pixels = _as_shown(plane, layer)
    return LayerPicture(pixels, Placement.of(layer, cut.index, pixels.shape[:2]), full_name(layer))


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


def _as_shown(plane: npt.NDArray[Any], layer: "Image") -> npt.NDArray[Any]:
    """Map values to colours as napari does.

    8 bits stay 8 bits, as the screen has no more; other dtypes become float32.
    """
    limits, gamma = tuple(layer.contrast_limits), layer.gamma
    is_known = plane.dtype.name in ("uint8", "uint16")
    if layer.rgb and is_known and limits == whole_range(plane.dtype) and gamma == 1:
        return plane
    colours = _rgb(plane, limits, gamma) if layer.rgb else _mapped(plane, layer)
    picture = np.clip(colours, 0, 1).astype(np.float32)
    return as_uint8(picture) if plane.dtype.name in ("uint8", "bool") else picture


def _rgb(plane: npt.NDArray[Any], limits: Sequence[float], gamma: float) -> npt.NDArray[Any]:
    """Map RGB(A): vispy applies limits and gamma to the colours, and takes NaN for the lowest."""
    colours: npt.NDArray[Any] = np.nan_to_num(_within(plane[..., :3], limits), nan=0.0) ** gamma
    if plane.shape[-1] == 3:
        return colours
    # OpenGL scales 8 and 16 bits to [0, 1] and clips any other alpha, as the limits are of
    # the colours alone.
    full = np.iinfo(plane.dtype).max if plane.dtype.name in ("uint8", "uint16") else 1
    alpha = np.nan_to_num(plane[..., 3:].astype(np.float32), nan=0.0) / full
    return np.concatenate([colours, alpha], axis=-1)


def _mapped(plane: npt.NDArray[Any], layer: "Image") -> npt.NDArray[Any]:
    """Map grey through the colormap; it may make NaN, or anything else, transparent."""
    values = _within(plane, layer.contrast_limits) ** layer.gamma
    colours: npt.NDArray[Any] = layer.colormap.map(values.ravel()).reshape(*plane.shape, 4)
    return colours if np.any(colours[..., 3] < 1) else colours[..., :3]


def _within(values: npt.NDArray[Any], limits: Sequence[float]) -> npt.NDArray[Any]:
    """Scale contrast limits to [0, 1] and clip; NaN stays NaN."""
    # Integers of 32 bits and more need 64 bits here: their limits may be close together.
    low, high = limits
    exact = values.astype(np.result_type(values, np.float32))
    return np.asarray(np.clip((exact - low) / (high - low), 0, 1).astype(np.float32))
