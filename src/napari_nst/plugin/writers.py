"""Writers for napari's Save dialog: a layer to PNG, TIFF or JPEG with the record of its run.

The manifest names the three functions; npe2 calls them with path, data and the layer's
arguments. What a format cannot hold is brought down to what it can: see `files.images`.
Called without, as from the command palette, they say what to do instead.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.utils.notifications import show_info

from napari_nst.errors import ImageError
from napari_nst.files.depth import as_uint16
from napari_nst.files.names import free_path, save_picture
from napari_nst.plugin.layers.records import record_in
from napari_nst.runs.export import note_saved

logger = logging.getLogger(__name__)

Meta = dict[str, Any] | None

_USAGE = (
    "napari calls this command to save a layer. Choose File > Save Selected Layers, or Save… in "
    "the dock."
)

PNG, TIFF, JPEG = (".png",), (".tif", ".tiff"), (".jpg", ".jpeg")


def write_png(path: str = "", data: Any = None, meta: Meta = None) -> list[str]:  # noqa: ANN401 - npe2's
    """Write a layer as PNG of 8 or 16 bits, its record in the text chunk "napari-nst".

    Parameters
    ----------
    path
        The file; without a known ending it gets one.
    data : array, shape (..., H, W), (..., H, W, 3) or (..., H, W, 4), or a list of such
        One picture, all leading axes 1; of a multiscale layer the finest level is taken.
    meta
        The layer's arguments, "metadata" with the record among them.

    Returns
    -------
    list of str
        The files written.

    Raises
    ------
    ImageError
        If the layer is a stack, or the file cannot be written.
    """
    return _write(path, data, meta, PNG)


def write_tiff(path: str = "", data: Any = None, meta: Meta = None) -> list[str]:  # noqa: ANN401 - npe2's
    """Write a layer as TIFF of 8 or 16 bits, its record in the description; as `write_png`."""
    return _write(path, data, meta, TIFF)


def write_jpeg(path: str = "", data: Any = None, meta: Meta = None) -> list[str]:  # noqa: ANN401 - npe2's
    """Write a layer as JPEG, its record in the tags and as JSON beside it; as `write_png`."""
    return _write(path, data, meta, JPEG)


def _write(path: str, data: Any, meta: Meta, suffixes: tuple[str, ...]) -> list[str]:  # noqa: ANN401 - npe2's
    if data is None or meta is None:
        show_info(_USAGE)
        return []
    pixels = np.asarray(data[0] if meta.get("multiscale") else data)
    picture = _as_integers(_single(pixels, rgb=bool(meta.get("rgb"))), meta)
    record = record_in(meta.get("metadata") or {})
    written = save_picture(_ending_in(Path(path), suffixes), picture, record)
    note_saved(record)
    return [str(each) for each in written]


def _ending_in(path: Path, suffixes: tuple[str, ...]) -> Path:
    """Append the ending if it lacks; nobody was asked about overwriting that file."""
    if path.suffix.lower() in suffixes:
        return path
    return free_path(path.parent, path.name, suffixes[0])


def _single(pixels: npt.NDArray[Any], *, rgb: bool) -> npt.NDArray[Any]:
    """Return the one picture of a layer without its leading axes."""
    plane = 3 if rgb else 2
    count = int(np.prod(pixels.shape[:-plane]))
    if count != 1:
        raise ImageError(
            f"the layer is a stack of {count} pictures, and this format holds one. Pin the "
            "picture you want as a layer of its own, or export the whole run."
        )
    return pixels.reshape(pixels.shape[-plane:])


def _as_integers(picture: npt.NDArray[Any], meta: dict[str, Any]) -> npt.NDArray[Any]:
    """Bring a picture to 8 or 16 bits; values that are no colours go by the contrast limits."""
    if picture.dtype.name in ("uint8", "uint16"):
        return picture
    if picture.dtype == bool:
        return picture.astype(np.uint8) * 255
    low, high = (0, 1) if meta.get("rgb") else meta.get("contrast_limits", (0, 1))
    span = float(high - low) or 1.0
    return as_uint16(np.nan_to_num((picture.astype(np.float64) - low) / span))
