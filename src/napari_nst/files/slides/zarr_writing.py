"""Write a picture as OME-Zarr 0.5 by pieces: axes c, y, x and a pyramid by 2x2 means.

The folder is written under a temporary name. Until all of it is there, its attributes have no
"multiscales" and say "incomplete": no program takes it for a picture.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_nst import __version__
from napari_nst.errors import ImageError
from napari_nst.files.decode.kinds import first_line
from napari_nst.files.disk import folder_replacing
from napari_nst.files.outputs import disk_errors_translated
from napari_nst.files.slides.extent import Extent
from napari_nst.files.slides.zarr_reading import INCOMPLETE
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.record import METADATA_KEY

CHUNK_PX = 512

_COLORS = {1: ["FFFFFF"], 3: ["FF0000", "00FF00", "0000FF"]}
_COLORS[4] = [*_COLORS[3], "FFFFFF"]
_NAMES = {1: ["Grey"], 3: ["Red", "Green", "Blue"], 4: ["Red", "Green", "Blue", "Alpha"]}


def write_zarr(
    path: Path, image: PixelSource, record: dict[str, Any], extent: Extent | None
) -> None:
    """Write a picture, atomically; some rows of it at a time are in memory.

    Parameters
    ----------
    path
        A folder, which is replaced if it is there.
    image : shape (H, W), (H, W, 3) or (H, W, 4)
    record
        Of the run; empty if there was none.
    extent
        What the picture covers; None where that is not known.

    Raises
    ------
    ImageError
        If the disk refuses, or the picture cannot be read.
    """
    import zarr

    size = image.shape[0], image.shape[1]
    with disk_errors_translated(path):
        try:
            with folder_replacing(path) as part:
                attributes: dict[str, Any] = {METADATA_KEY: {INCOMPLETE: True}}
                group = zarr.open_group(str(part), mode="w", zarr_format=3, attributes=attributes)
                count = _write_levels(group, image)
                ome = _metadata(path.stem, image, count, extent or _in_pixels(size))
                group.update_attributes({"ome": ome, METADATA_KEY: record})
        except OSError:
            raise
        except (ValueError, RuntimeError) as error:  # zarr's
            raise ImageError(f"{path} cannot be written: {first_line(error)}") from error


def _write_levels(group: Any, image: PixelSource) -> int:  # noqa: ANN401 - untyped zarr
    """Write the picture, then each level from the one before, and return their number."""
    height, width = image.shape[:2]
    shape = (image.shape[2] if len(image.shape) == 3 else 1, height, width)
    level, count = _created(group, 0, shape, np.dtype(image.dtype)), 1
    for top in range(0, height, CHUNK_PX):
        rows = np.asarray(image[top : min(top + CHUNK_PX, height)])
        level[:, top : top + len(rows)] = np.moveaxis(np.atleast_3d(rows), 2, 0)
    while max(shape[1:]) > CHUNK_PX:
        shape = (shape[0], -(-shape[1] // 2), -(-shape[2] // 2))
        halved = _created(group, count, shape, level.dtype)
        for top in range(0, shape[1], CHUNK_PX):
            for left in range(0, shape[2], CHUNK_PX):
                bottom, right = top + CHUNK_PX, left + CHUNK_PX
                four = level[:, 2 * top : 2 * bottom, 2 * left : 2 * right]
                halved[:, top:bottom, left:right] = _means(four)
        level, count = halved, count + 1
    return count


def _created(
    group: Any,  # noqa: ANN401 - untyped zarr
    index: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Any:  # noqa: ANN401
    return group.create_array(
        str(index),
        shape=shape,
        dtype=dtype,
        chunks=(shape[0], *(min(CHUNK_PX, side) for side in shape[1:])),
        dimension_names=("c", "y", "x"),
        config={"write_empty_chunks": True},  # a chunk that is missing is damage
    )


def _means(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the means of 2x2 pixels, shape (C, H / 2, W / 2); the last of odd ones are doubled."""
    count, height, width = block.shape
    even = np.pad(block, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    parts = even.reshape(count, (height + 1) // 2, 2, (width + 1) // 2, 2)
    if block.dtype.kind == "f":
        return np.asarray(parts.mean((2, 4), dtype=np.float32)).astype(block.dtype)
    return np.asarray((parts.sum((2, 4), dtype=np.uint32) + 2) // 4).astype(block.dtype)


def _in_pixels(size: tuple[int, int]) -> Extent:
    """Return what a picture covers where a pixel is the unit, and the first one is at 0."""
    return Extent(size[0], size[1], -0.5, -0.5)


def _metadata(name: str, image: PixelSource, count: int, extent: Extent) -> dict[str, Any]:
    """Return the OME part of the attributes: what a viewer is to make of the arrays."""
    pixel = extent.pixel((image.shape[0], image.shape[1]))
    unit = {"unit": extent.unit} if extent.unit else {}
    space = [{"name": axis, "type": "space", **unit} for axis in "yx"]
    datasets = []
    for level in range(count):
        down, across = (side * 2**level for side in pixel)
        center = [0.0, extent.top + down / 2, extent.left + across / 2]
        steps = [
            {"type": "scale", "scale": [1.0, down, across]},
            {"type": "translation", "translation": center},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    channels = image.shape[2] if len(image.shape) == 3 else 1
    dtype = np.dtype(image.dtype)
    top = float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0
    window = {"min": 0.0, "max": top, "start": 0.0, "end": top}
    shown = [
        {"label": label, "color": color, "window": window, "active": label != "Alpha"}
        for label, color in zip(_NAMES[channels], _COLORS[channels], strict=True)
    ]
    multiscale = {
        "name": name,
        "axes": [{"name": "c", "type": "channel"}, *space],
        "datasets": datasets,
        "type": "2x2 means",
        "metadata": {"software": f"napari-nst {__version__}"},
    }
    omero = {"channels": shown, "rdefs": {"model": "color" if channels > 1 else "greyscale"}}
    return {"version": "0.5", "multiscales": [multiscale], "omero": omero}
