"""From a layer to a picture: what the user sees is what is stylised. No Qt here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError
from napari_nst.plugin.placement import Placement
from napari_nst.record import METADATA_KEY

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Layer

PAINTED = "napari-nst-painted"
"""Key in the metadata of each layer that a run of this session has added."""


@dataclass(frozen=True)
class LayerPicture:
    """A picture taken from a layer.

    Parameters
    ----------
    pixels : array, shape (H, W, 3) or (H, W, 4), uint8, uint16, or float in [0, 1]
        The visible slice.
    placement
        Where the picture lies in the viewer's world.
    name
        The layer's name when the picture was taken.
    """

    pixels: npt.NDArray[Any]
    placement: Placement
    name: str


def is_painted(layer: "Layer") -> bool:
    """Whether a layer came from a run, of this session or an earlier one."""
    return PAINTED in layer.metadata or METADATA_KEY in layer.metadata


def picture_of(layer: "Image", dims: "Dims") -> LayerPicture:
    """Take the visible slice of an image layer.

    RGB layers are taken as they are; other layers as shown, through their contrast limits,
    gamma and colormap. Of a multiscale layer the finest level is taken.

    Parameters
    ----------
    layer
        An image layer.
    dims
        The viewer's dims: which slice is shown.

    Raises
    ------
    ImageError
        If the slice cannot be seen, is no plane, or holds complex numbers.
    """
    if dims.ndisplay != 2:
        raise ImageError(
            f"napari shows {layer.name!r} in 3D; a picture is flat. Switch to 2D display "
            "(the cube button below the layer list)."
        )
    index = _visible_index(layer, dims)
    level = layer.data[0] if layer.multiscale else layer.data
    plane = np.asarray(level[index])
    if np.iscomplexobj(plane):
        raise ImageError(f"{layer.name!r} holds complex numbers; show its magnitude instead.")
    pixels = _as_colours(plane) if layer.rgb else _as_shown(plane, layer)
    return LayerPicture(pixels, Placement.of(layer, index, pixels.shape[:2]), layer.name)


def picture_size(layer: "Image", dims: "Dims") -> tuple[int, int]:
    """Give height and width of what `picture_of` would take, without taking it.

    Raises
    ------
    ImageError
        If the slice cannot be seen.
    """
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    index = _visible_index(layer, dims)
    height, width = (shape[axis] for axis, place in enumerate(index) if isinstance(place, slice))
    return int(height), int(width)


def as_uint8(picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Round a picture to 8 bits; floats are in [0, 1]."""
    if picture.dtype == np.uint8:
        return cast("npt.NDArray[np.uint8]", picture)
    if picture.dtype == np.uint16:
        return np.asarray((picture.astype(np.uint32) + 128) // 257, dtype=np.uint8)
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), dtype=np.uint8)


def _visible_index(layer: "Image", dims: "Dims") -> tuple[int | slice, ...]:
    """Give the index of the visible plane in the layer's data, colours left out."""
    hidden_axes = dims.ndim - layer.ndim
    displayed = [axis - hidden_axes for axis in dims.displayed if axis >= hidden_axes]
    if len(displayed) != 2:
        raise ImageError(f"{layer.name!r} is seen edge-on; roll the dimensions back.")
    position = layer.world_to_data(dims.point)[-layer.ndim :]
    index: list[int | slice] = [slice(None)] * layer.ndim
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    for axis in set(range(layer.ndim)) - set(displayed):
        place = round(float(position[axis]))
        if not 0 <= place < shape[axis]:
            raise ImageError(
                f"{layer.name!r} has nothing to show at this position of the sliders. "
                "Move them to where the picture is."
            )
        index[axis] = place
    return tuple(index)


def _as_colours(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Bring an RGB(A) plane to a dtype that the engine knows."""
    if plane.dtype.name in ("uint8", "uint16"):
        return plane
    if plane.dtype.kind == "f":
        return np.asarray(np.clip(np.nan_to_num(plane.astype(np.float32)), 0, 1))
    return np.asarray(np.clip(plane, 0, 255), dtype=np.uint8)


def _as_shown(plane: npt.NDArray[Any], layer: "Image") -> npt.NDArray[Any]:
    """Map values to colours as napari does."""
    low, high = layer.contrast_limits
    span = float(high - low) or 1.0
    values = np.clip((plane.astype(np.float32) - np.float32(low)) / np.float32(span), 0, 1)
    finite = np.nan_to_num(values)
    colours = layer.colormap.map((finite**layer.gamma).ravel())[:, :3]
    picture = np.clip(colours, 0, 1).astype(np.float32).reshape(*plane.shape, 3)
    return as_uint8(picture) if plane.dtype.name in ("uint8", "bool") else picture
