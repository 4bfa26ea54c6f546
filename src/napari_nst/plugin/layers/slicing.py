"""Which part of a layer's data the sliders show: a plane, or a slab projected to one.

napari slices by private methods, which plugins cannot call through its proxies. What follows is
their rule (napari 0.9, `_SliceInput.data_slice` and `_ScalarFieldSliceRequest`) in public terms,
and the tests compare it with what napari has sliced.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Layer

_PROJECTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
}


@dataclass(frozen=True)
class Cut:
    """The visible part of a layer's data, colours left out.

    Parameters
    ----------
    index
        The plane: a slice on its two axes, the slider's position on each other axis.
    ranges
        First and last place that are projected, by axis; empty where nothing is.
    projection
        "none", "sum", "mean", "max" or "min".
    """

    index: tuple[int | slice, ...]
    ranges: dict[int, tuple[int, int]]
    projection: str

    def at_level(self, finest: tuple[int, ...], shape: tuple[int, ...]) -> "Cut":
        """Return the same part of a level of a pyramid.

        Parameters
        ----------
        finest, shape
            Shapes of the finest level, of which this is a part, and of the other one.
        """

        def place(axis: int, at: int) -> int:
            return min(round(at * shape[axis] / finest[axis]), shape[axis] - 1)

        index = tuple(
            item if isinstance(item, slice) else place(axis, item)
            for axis, item in enumerate(self.index)
        )
        ranges = {
            axis: (place(axis, ends[0]), place(axis, ends[1])) for axis, ends in self.ranges.items()
        }
        return Cut(index, ranges, self.projection)

    def cropped(self, rows: slice, columns: slice) -> "Cut":
        """Return some rows and columns of a plane."""
        sides = iter((rows, columns))
        index = tuple(next(sides) if isinstance(item, slice) else item for item in self.index)
        return Cut(index, self.ranges, self.projection)

    @property
    def is_thick(self) -> bool:
        """Whether several planes are projected to one."""
        return any(first < last for first, last in self.ranges.values())

    def read(self, data: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - any array: numpy, dask, zarr
        """Read the plane out of the layer's data; lazy arrays are computed here."""
        thick = {axis: ends for axis, ends in self.ranges.items() if ends[0] < ends[1]}
        index = tuple(
            slice(thick[axis][0], thick[axis][1] + 1)
            if axis in thick
            else (self.ranges[axis][0] if axis in self.ranges else item)
            for axis, item in enumerate(self.index)
        )
        # Single places are indexed away and leave no axis; those that are left are numbered again.
        kept = [axis for axis, item in enumerate(index) if isinstance(item, slice)]
        plane = np.asarray(data[index])
        if not thick:
            return plane
        axes = tuple(kept.index(axis) for axis in thick)
        return np.asarray(_PROJECTIONS[self.projection](plane, axis=axes))


def visible_cut(layer: "Image", dims: "Dims") -> Cut:
    """Find the part of an image layer that the viewer's sliders show.

    Raises
    ------
    ImageError
        If the sliders stand where the layer has nothing.
    """
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    offset = dims.ndim - layer.ndim
    order = [axis - offset for axis in dims.order if axis >= offset]
    hidden = order[:-2]
    index: list[int | slice] = [slice(None)] * layer.ndim
    ranges: dict[int, tuple[int, int]] = {}
    projection = str(layer.projection_mode)
    for axis, place, before, after in _places(layer, dims, hidden):
        if projection == "none":
            before = after = 0.0
        first, last = _ends(place, before, after)
        if last < 0 or first >= shape[axis]:
            raise ImageError(
                f"{layer.name!r} has nothing to show at this position of the sliders. "
                "Move them to where the picture is."
            )
        index[axis] = round(place)
        ranges[axis] = max(first, 0), min(last, shape[axis] - 1)
    return Cut(tuple(index), ranges, projection)


def plane_size(layer: "Image", index: tuple[int | slice, ...]) -> tuple[int, int]:
    """Return height and width in pixels of a plane of the layer, at its finest level."""
    return size_in(layer.data[0].shape if layer.multiscale else layer.data.shape, index)


def size_in(shape: tuple[int, ...], index: tuple[int | slice, ...]) -> tuple[int, int]:
    """Return height and width of a plane of an array.

    Raises
    ------
    ImageError
        If they are not known before the array is computed, as of some of dask's.
    """
    height, width = (shape[axis] for axis, place in enumerate(index) if isinstance(place, slice))
    if height != height or width != width:  # NaN
        raise ImageError(
            "the layer's size is not known before it is computed; call compute_chunk_sizes() of "
            "its dask array, and open it again"
        )
    return int(height), int(width)


def _places(
    layer: "Image", dims: "Dims", hidden: list[int]
) -> list[tuple[int, float, float, float]]:
    """Return for each hidden axis the slider's place and both margins in the layer's pixels."""
    if not hidden:
        return []
    ndim, offset = layer.ndim, dims.ndim - layer.ndim
    origin = np.asarray(layer.world_to_data((0.0,) * ndim))
    columns = [np.asarray(layer.world_to_data(unit)) - origin for unit in np.eye(ndim)]
    # napari keeps to the hidden axes alone: a rotation out of the plane is not shown.
    to_data = np.stack(columns, axis=1)[np.ix_(hidden, hidden)] * unit_factors(layer, dims)[hidden]
    world = np.array([dims.point, dims.margin_left, dims.margin_right])[:, offset:][:, hidden]
    point = to_data @ world[0] + origin[hidden]
    # A mirrored axis turns margins negative and swaps them; napari would then show nothing.
    margins = np.abs(to_data @ world[1:].T)
    return [
        (axis, float(point[place]), float(margins[place, 0]), float(margins[place, 1]))
        for place, axis in enumerate(hidden)
    ]


def unit_factors(layer: "Layer", dims: "Dims") -> npt.NDArray[np.float64]:
    """Return the size of the sliders' units in the layer's own: 1000 for um shown as mm."""
    shared = dims.units
    if shared is None or len(shared) < layer.ndim:
        return np.ones(layer.ndim)
    pairs = zip(shared[-layer.ndim :], layer.units, strict=True)
    return np.array([float((1 * of_world).to(own).magnitude) for of_world, own in pairs])


def _ends(place: float, before: float, after: float) -> tuple[int, int]:
    """Return the first and last place that a slab covers, rounded as napari rounds."""
    first, stop = round(place - before), round(place + after)
    if np.isclose(stop, place + after) or first == stop:
        stop += 1
    return first, stop - 1
