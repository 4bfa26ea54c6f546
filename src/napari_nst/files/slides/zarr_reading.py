"""Open zarr and OME-Zarr folders as pictures that are read by slicing."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError, is_out_of_memory
from napari_nst.files.decode.kinds import first_line
from napari_nst.files.depth import as_uint8, as_uint16
from napari_nst.files.slides.extent import Extent
from napari_nst.files.slides.ome_metadata import (
    AXES,
    Channel,
    Multiscale,
    is_rgb,
    read_channels,
    read_multiscale,
)
from napari_nst.settings.pixels import PixelSource, is_large, nearest_level
from napari_nst.settings.record import METADATA_KEY

INCOMPLETE = "incomplete"
"""In our part of the attributes while a result is being written."""

_MARKS = ("zarr.json", ".zarray", ".zgroup")


class Levels(NamedTuple):
    """A picture in a folder: its arrays, the finest first, and what is said of them."""

    arrays: list[Any]
    axes: str
    described: Multiscale | None = None
    omero: object = None

    @property
    def extent(self) -> Extent | None:
        """What the finest array covers; None where that is not said."""
        return None if self.described is None else self.described.extent(self.arrays[0].shape)

    @property
    def channel_count(self) -> int:
        """How many channels there are; 1 without such an axis."""
        return int(dict(zip(self.axes, self.arrays[0].shape, strict=True)).get("c", 1))


def is_zarr(path: Path) -> bool:
    """Return whether a path is a zarr folder."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


def own_attributes(path: Path) -> dict[str, Any] | None:
    """Return what a result of ours says of its run, without zarr; None for any other folder."""
    try:
        found = json.loads((path / "zarr.json").read_bytes())["attributes"][METADATA_KEY]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, dict) else None


class ZarrPlane:
    """A plane of a zarr array, shape (H, W) or (H, W, C), read by slicing.

    Parameters
    ----------
    name
        The folder, for messages.
    array
        A zarr array.
    axes
        A letter for each of its axes; "y" and "x" are shown, and "c" are the channels.
    places
        Which place is taken of each other axis; 0 where nothing is said.
    channels
        How channels become red, green and blue; none where they are shown as they are.
    """

    def __init__(
        self,
        name: str,
        array: Any,  # noqa: ANN401 - untyped zarr
        axes: str,
        places: Mapping[str, int] | None = None,
        channels: tuple[Channel, ...] = (),
    ) -> None:
        self._name, self._array, self._axes = name, array, axes
        self._places, self._channels = places or {}, channels
        lengths = dict(zip(axes, array.shape, strict=True))
        count = 3 if channels else lengths.get("c", 1)
        self._has_channels = lengths.get("c", 1) > 1
        self.shape: tuple[int, ...] = (lengths["y"], lengths["x"], *([count] if count > 1 else []))
        self.dtype = np.dtype(array.dtype)
        if channels and self.dtype not in (np.uint8, np.uint16):
            self.dtype = np.dtype(np.float32)
        self.ndim = len(self.shape)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - as numpy's
        """Return a slice of rows, or of rows and columns.

        Raises
        ------
        ImageError
            If a chunk is damaged.
        """
        index = index if isinstance(index, tuple) else (index,)
        rows, columns = (*index[:2], slice(None))[:2]
        taken = {**self._places, "y": rows, "x": columns}
        if self._has_channels:
            taken["c"] = slice(None)
        try:
            part = np.asarray(self._array[tuple(taken.get(axis, 0) for axis in self._axes)])
        except Exception as error:  # whatever codec or store raises
            if is_out_of_memory(error):
                raise
            raise ImageError(
                f"{self._name} cannot be read: it is damaged or was changed meanwhile "
                f"({first_line(error)})"
            ) from error
        kept = [axis for axis in self._axes if isinstance(taken.get(axis), slice)]
        ordered = part.transpose([kept.index(axis) for axis in "yxc" if axis in kept])
        shown = self._mixed(ordered) if self._channels else ordered
        return shown[(slice(None), slice(None), *index[2:])]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Read the whole."""
        return np.asarray(self[:], dtype)

    def _mixed(self, part: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Add the channels' colours up, as napari does with "additive" layers."""
        values = part if self._has_channels else part[..., None]
        mixed = np.zeros((*values.shape[:2], 3))
        for at, channel in enumerate(self._channels):
            if channel.is_active:
                share = (values[..., at].astype(float) - channel.low) / (channel.high - channel.low)
                mixed += np.clip(share, 0, 1)[..., None] * np.asarray(channel.color)
        np.clip(mixed, 0, 1, out=mixed)
        if self.dtype == np.uint8:
            return as_uint8(mixed)
        return as_uint16(mixed) if self.dtype == np.uint16 else mixed.astype(np.float32)


def open_zarr(
    path: Path,
    note: Callable[[str], None],
    *,
    least_px: int | None,
    places: Mapping[str, int] | None = None,
) -> PixelSource:
    """Open an array, or of an OME-Zarr group the level that is nearest to a size.

    Parameters
    ----------
    path
        A folder with `is_zarr`.
    note
        Called with a sentence about each axis of which only the first place is read, and about
        chunks that are missing.
    least_px
        The shorter side that is needed; None for the finest level.
    places
        Which place to read along an axis, such as {"z": 12}; else the first.

    Raises
    ------
    ImageError
        If zarr is not installed, or the folder is damaged or holds no picture.
    """
    levels = open_levels(path)
    taken = _checked_places(path, levels, dict(places or {}), note)
    channels = channels_of(path, levels)
    planes = [ZarrPlane(str(path), each, levels.axes, taken, channels) for each in levels.arrays]
    at = nearest_level([(each.shape[0], each.shape[1]) for each in planes], least_px)
    array = levels.arrays[at]
    if missing := array.nchunks - array.nchunks_initialized:
        note(
            f"{missing} of its {array.nchunks} chunks are not there and are read as "
            f"{array.fill_value}: either they are empty, or the copy is incomplete"
        )
    return planes[at] if is_large(planes[at].shape) else planes[at][:]


def open_levels(path: Path) -> Levels:
    """Open the arrays of a folder's picture.

    Raises
    ------
    ImageError
        As `open_zarr`.
    """
    try:
        import zarr
    except ImportError as error:
        raise ImageError(
            f"{path} is a zarr folder, which needs zarr. Install it: pip install zarr"
        ) from error
    own = own_attributes(path)
    if own and own.get(INCOMPLETE):
        raise ImageError(
            f"{path} is incomplete: napari-nst was ended while it wrote this result. Run the same "
            "command with --resume to have it written again"
        )
    try:
        node = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Group):
            levels = _levels_of(node)
        else:
            levels = Levels([node], _axes_of(node.shape))
        for array in levels.arrays:
            _check_plain(array)
            _check_axes(array, levels.axes)
    except ImageError as error:
        raise ImageError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # zarr's, of damaged metadata
        raise ImageError(f"{path} cannot be read as zarr: {first_line(error)}") from error
    return levels


def _levels_of(group: Any) -> Levels:  # noqa: ANN401
    """Return the arrays of the first multiscale picture."""
    attributes = _attributes_of(group)
    if "bioformats2raw.layout" in attributes and "0" in group:
        group = group["0"]
        attributes = _attributes_of(group)
    found = read_multiscale(attributes)
    if found is None:
        named = sorted(name for name, _ in group.members())
        raise ImageError(
            "it is a zarr group without multiscales; name one of its members: "
            f"{', '.join(named) or 'it has none'}"
        )
    arrays = []
    for each in found.paths:
        if each not in group or not hasattr(group[each], "dtype"):
            raise ImageError(f"it has no array {each!r}, which its multiscales name")
        arrays.append(group[each])
    return Levels(arrays, found.axes, found, attributes.get("omero"))


def _attributes_of(group: Any) -> dict[str, Any]:  # noqa: ANN401
    attributes = dict(group.attrs)
    inner = attributes.get("ome")  # version 0.5
    return attributes | (inner if isinstance(inner, dict) else {})


def _check_plain(array: Any) -> None:  # noqa: ANN401
    """Refuse arrays of objects, and codecs that would run what a file says."""
    described = array.metadata.to_dict()
    codecs = [described.get(key) for key in ("filters", "compressor", "codecs")]
    if np.dtype(array.dtype).kind not in "biuf" or "pickle" in str(codecs).lower():
        raise ImageError(
            f"it holds {array.dtype} values stored by {codecs}; expected plain numbers. Nothing "
            "that could run a program is unpacked"
        )


def _check_axes(array: Any, axes: str) -> None:  # noqa: ANN401
    if len(array.shape) != len(axes) or 0 in array.shape:
        raise ImageError(f"an array has shape {array.shape}, and its axes are {', '.join(axes)}")


def _axes_of(shape: tuple[int, ...]) -> str:
    """Guess the axes of an array: the last are y and x, unless a short one with colours follows."""
    if len(shape) == 3 and shape[2] in (3, 4):
        return "yxc"
    if len(shape) == 3 and shape[0] in (3, 4):
        return "cyx"
    if not 2 <= len(shape) <= len(AXES):
        raise ImageError(f"its shape is {shape}; expected (H, W), (H, W, 3) or (H, W, 4)")
    return AXES[-len(shape) :]


def _checked_places(
    path: Path, levels: Levels, places: dict[str, int], note: Callable[[str], None]
) -> dict[str, int]:
    lengths = dict(zip(levels.axes, levels.arrays[0].shape, strict=True))
    for axis, length in lengths.items():
        if axis not in "yxc" and length > 1 and axis not in places:
            note(f"only the first of its {length} places along {axis} is read")
    for axis, place in places.items():
        length = lengths.get(axis, 0) if axis not in "yxc" else 0
        if not 0 <= place < length:
            raise ImageError(
                f"{path} has no place {axis}={place}; "
                + (f"{axis} is 0 to {length - 1}" if length else f"its axes are {levels.axes}")
            )
    return places


def channels_of(path: Path, levels: Levels) -> tuple[Channel, ...]:
    """Return how channels are to be mixed; none where they are grey, RGB or RGBA as they are.

    Raises
    ------
    ImageError
        If nothing is said of channels that are neither, or what is said is damaged.
    """
    count, dtype = levels.channel_count, np.dtype(levels.arrays[0].dtype)
    whole = (
        (float(np.iinfo(dtype).min), float(np.iinfo(dtype).max))
        if dtype.kind in "iu"
        else (0.0, 1.0)
    )
    if not levels.omero:
        if count in (1, 3, 4):
            return ()
        raise ImageError(
            f"{path} has {count} channels and does not say how they are shown (omero); expected 1, "
            "3 (RGB) or 4 (RGBA). Name one of its arrays, or add channels with colours and windows"
        )
    try:
        channels = read_channels(levels.omero, count, whole)
    except ImageError as error:
        raise ImageError(f"{path} cannot be read: {error}") from error
    is_grey = count == 1 and channels[0] == Channel((1.0, 1.0, 1.0), *whole)
    if is_grey or (count in (3, 4) and is_rgb(channels, whole)):
        return ()
    return tuple(channels)
