"""Open zarr and OME-Zarr folders as pictures that are read by slicing.

Of OME-Zarr (ngff.openmicroscopy.org, versions 0.1 to 0.5) the first multiscale picture is taken.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError, is_out_of_memory
from napari_nst.files.decode.kinds import first_line
from napari_nst.settings.pixels import PixelSource, is_large, nearest_level

_MARKS = ("zarr.json", ".zarray", ".zgroup")
_AXES = "tczyx"
"""Of versions before 0.3, which do not name them; of an array, the last ones."""


def is_zarr(path: Path) -> bool:
    """Return whether a path is a zarr folder."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


class ZarrPlane:
    """A plane of a zarr array, shape (H, W) or (H, W, C), read by slicing.

    Parameters
    ----------
    name
        The folder, for messages.
    array
        A zarr array.
    axes
        A letter for each of its axes; "y" and "x" are shown, "c" are the channels, and of others
        the first place is taken.
    """

    def __init__(self, name: str, array: Any, axes: str) -> None:  # noqa: ANN401 - untyped zarr
        self._name, self._array, self._axes = name, array, axes
        lengths = dict(zip(axes, array.shape, strict=True))
        self.shape: tuple[int, ...] = (lengths["y"], lengths["x"])
        if lengths.get("c", 1) > 1:
            self.shape = (*self.shape, lengths["c"])
        self.dtype = np.dtype(array.dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - as numpy's
        """Return a slice of rows, or of rows and columns.

        Raises
        ------
        ImageError
            If a chunk is missing or damaged.
        """
        index = index if isinstance(index, tuple) else (index,)
        rows, columns = (*index[:2], slice(None))[:2]
        places = {"y": rows, "x": columns}
        if len(self.shape) == 3:
            places["c"] = slice(None)
        try:
            part = np.asarray(self._array[tuple(places.get(axis, 0) for axis in self._axes)])
        except Exception as error:  # whatever codec or store raises
            if is_out_of_memory(error):
                raise
            raise ImageError(
                f"{self._name} cannot be read: it is damaged or was changed meanwhile "
                f"({first_line(error)})"
            ) from error
        kept = [axis for axis in self._axes if axis in places]
        ordered = part.transpose([kept.index(axis) for axis in "yxc" if axis in kept])
        return ordered[(slice(None), slice(None), *index[2:])]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Read the whole."""
        return np.asarray(self[:], dtype)


def open_zarr(path: Path, note: Callable[[str], None], *, least_px: int | None) -> PixelSource:
    """Open an array, or of an OME-Zarr group the level that is nearest to a size.

    Parameters
    ----------
    path
        A folder with `is_zarr`.
    note
        Called with a sentence about each axis of which only the first place is read.
    least_px
        The shorter side that is needed; None for the finest level.

    Raises
    ------
    ImageError
        If zarr is not installed, or the folder is damaged or holds no picture.
    """
    try:
        import zarr
    except ImportError as error:
        raise ImageError(
            f"{path} is a zarr folder, which needs zarr. Install it: pip install zarr"
        ) from error
    try:
        node = zarr.open(str(path), mode="r")
        arrays, axes = _levels(node, path) if isinstance(node, zarr.Group) else ([node], None)
        axes = axes or _axes_of(arrays[0].shape)
        planes = [ZarrPlane(str(path), array, axes) for array in arrays]
    except ImageError:
        raise
    except Exception as error:  # zarr's, of damaged metadata
        raise ImageError(f"{path} cannot be read as zarr: {first_line(error)}") from error
    for axis, length in zip(axes, arrays[0].shape, strict=True):
        if axis not in "yxc" and length > 1:
            note(f"only the first of its {length} places along {axis} is read")
    sizes = [(plane.shape[0], plane.shape[1]) for plane in planes]
    plane = planes[nearest_level(sizes, least_px)]
    return plane if is_large(plane.shape) else plane[:]


def _levels(group: Any, path: Path) -> tuple[list[Any], str | None]:  # noqa: ANN401
    """Return the arrays of the first multiscale picture, and its axes if they are named."""
    attributes = dict(group.attrs)
    attributes |= attributes.get("ome", {})  # version 0.5
    multiscales = attributes.get("multiscales")
    if not multiscales:
        raise ImageError(
            f"{path} is a zarr group without multiscales; name one of its arrays: "
            f"{', '.join(sorted(name for name, _ in group.arrays())) or 'it has none'}"
        )
    named = multiscales[0].get("axes")
    axes = "".join(each["name"] if isinstance(each, dict) else each for each in named or ())
    return [group[each["path"]] for each in multiscales[0]["datasets"]], axes or None


def _axes_of(shape: tuple[int, ...]) -> str:
    """Guess the axes of an array: the last are y and x, unless a short one with colours follows."""
    if len(shape) == 3 and shape[2] in (3, 4):
        return "yxc"
    if len(shape) == 3 and shape[0] in (3, 4):
        return "cyx"
    if not 2 <= len(shape) <= len(_AXES):
        raise ImageError(f"its shape is {shape}; expected (H, W), (H, W, 3) or (H, W, 4)")
    return _AXES[-len(shape) :]
