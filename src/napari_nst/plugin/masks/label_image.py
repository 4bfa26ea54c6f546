"""Label images over a picture, read off layers of labels or shapes wherever they are in the world.

A label image has a pixel for each of the picture's, or fewer over a large picture.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform
from skimage.draw import polygon

from napari_nst.errors import ImageError
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.visible_picture import MARKS
from napari_nst.settings.regions import MOST_LABELS

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Labels, Shapes
    from napari.viewer import Viewer

LabelImage = npt.NDArray[np.uint8]
LabelReader = Callable[[], LabelImage]
"""Returns a label image, shape (H, W); may be called from another thread."""

_MOST_PX = 4096
"""Longest side of a label image."""
_ELLIPSE_CORNERS = 90
_FILLED = ("rectangle", "ellipse", "polygon")


def label_layers(viewer: "Viewer") -> "list[Labels | Shapes]":
    """Return the layers that can say where regions are, the lowest first."""
    from napari.layers import Labels, Shapes

    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, (Labels, Shapes)) and layer.metadata.get(MARKS) != "crop"
    ]


def grid_size(place: Placement) -> tuple[int, int]:
    """Return height and width of a label image over a picture."""
    factor = min(1.0, _MOST_PX / max(place.size))
    height, width = (max(1, round(side * factor)) for side in place.size)
    return height, width


def label_reader(layer: "Labels | Shapes", place: Placement, dims: "Dims") -> LabelReader:
    """Take what a layer shows over a picture now; the reader works on a copy.

    Parameters
    ----------
    layer
        Shapes are labelled 1, 2, 3, … in their order; lines have no inside.
    place
        Where the picture is.
    dims
        Which slice is shown.
    """
    from napari.layers import Labels

    size = grid_size(place)
    matrix, origin = _pixel_map(layer, place, dims)
    axes = _plane_axes(layer, dims)
    inside = np.ix_(axes, (0, 1))
    hidden = {axis: round(at) for axis, at in enumerate(origin) if axis not in axes}
    if isinstance(layer, Labels):
        plane = _plane(layer, hidden)
        known = np.where((plane < 0) | (plane > MOST_LABELS), 0, plane).astype(np.uint8)
        return partial(_resampled, known, matrix[inside], origin[axes], size)
    to_grid = np.linalg.inv(matrix[inside])
    outlines = {
        number: (vertices[:, axes] - origin[axes]) @ to_grid.T
        for number, (data, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True), 1)
        if kind in _FILLED and all(round(data[0][axis]) == at for axis, at in hidden.items())
        for vertices in [_outline(np.asarray(data), kind)]
    }
    return partial(_filled, outlines, list(layer.z_index), size)


def present_labels(layer: "Labels | Shapes", dims: "Dims") -> list[int]:
    """Return the labels that occur in the visible slice.

    Raises
    ------
    ImageError
        If there are labels that no region can have.
    """
    from napari.layers import Labels

    if not isinstance(layer, Labels):
        return [n for n, kind in enumerate(layer.shape_type, 1) if kind in _FILLED]
    point = np.asarray(layer.world_to_data(dims.point[-layer.ndim :]))
    axes = _plane_axes(layer, dims)
    hidden = {axis: round(at) for axis, at in enumerate(point) if axis not in axes}
    plane = _plane(layer, hidden)
    if plane.size == 0:
        return []
    if int(plane.max()) > MOST_LABELS or int(plane.min()) < 0:
        raise ImageError(
            f"{full_name(layer)!r} has labels from {plane.min()} to {plane.max()}; regions are "
            f"the labels 1 to {MOST_LABELS}. Number them anew, or choose another layer."
        )
    seen = np.zeros(MOST_LABELS + 1, bool)
    seen[plane.ravel()] = True
    return [int(label) for label in np.flatnonzero(seen) if label]


def _plane_axes(layer: "Labels | Shapes", dims: "Dims") -> list[int]:
    """Return the layer's axes that are shown, rows first."""
    offset = dims.ndim - layer.ndim
    return sorted(axis - offset for axis in dims.displayed)


def _pixel_map(
    layer: "Labels | Shapes", place: Placement, dims: "Dims"
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the matrix and origin that lead from a label image's pixels to the layer's data."""
    factor = np.divide(place.size, grid_size(place))
    pixels = np.array([(0, 0), (1, 0), (0, 1)]) * factor + (factor - 1) / 2
    points = np.tile(np.asarray(dims.point, float), (3, 1))
    points[:, -len(place.index) :] = place.to_world(pixels)
    data = np.array([layer.world_to_data(point[-layer.ndim :]) for point in points])
    return (data[1:] - data[0]).T, data[0]


def _plane(layer: "Labels", hidden: dict[int, int]) -> npt.NDArray[np.integer[Any]]:
    data = layer.data[0] if layer.multiscale else layer.data
    if any(not 0 <= at < data.shape[axis] for axis, at in hidden.items()):
        return np.zeros((1, 1), np.uint8)
    index = tuple(hidden.get(axis, slice(None)) for axis in range(layer.ndim))
    return np.asarray(data[index])


def _resampled(
    plane: LabelImage,
    matrix: npt.NDArray[np.float64],
    origin: npt.NDArray[np.float64],
    size: tuple[int, int],
) -> LabelImage:
    """Look up the nearest label of each pixel; there is none outside of the layer."""
    is_same = np.allclose(matrix, np.eye(2)) and np.allclose(origin, 0, atol=1e-3)
    if is_same and plane.shape == size:
        return plane
    found: LabelImage = affine_transform(plane, matrix, origin, output_shape=size, order=0)
    return found


def _filled(
    outlines: dict[int, npt.NDArray[np.float64]], order: Sequence[int], size: tuple[int, int]
) -> LabelImage:
    """Fill outlines in the pixels of a label image; of those that overlap the upper one is seen.

    `Shapes.to_labels` (napari 0.9) takes the lower one.
    """
    labels = np.zeros(size, np.uint8)
    for number in sorted(outlines, key=lambda number: order[number - 1]):
        rows, columns = outlines[number].T
        inside = polygon(rows, columns, size)  # type: ignore[no-untyped-call] # skimage has no types
        labels[inside] = number
    return labels


def _outline(data: npt.NDArray[np.float64], kind: str) -> npt.NDArray[np.float64]:
    """Return the corners of a shape, many for an ellipse, in whose place a layer has its frame."""
    if kind != "ellipse":
        return data
    angle = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)[:, None]
    across, along = (data[1] - data[0]) / 2, (data[3] - data[0]) / 2
    outline: npt.NDArray[np.float64] = (
        data.mean(axis=0) + np.cos(angle) * across + np.sin(angle) * along
    )
    return outline
