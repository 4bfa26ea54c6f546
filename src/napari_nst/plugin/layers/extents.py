"""Rectangles on the canvas: of layers, of runs to come, and of what the view shows.

A rectangle is an array of shape (2, 2): the lowest and the highest corner, each as row and column
of the displayed plane, in the viewer's units.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_nst.plugin.layers.slicing import unit_factors

if TYPE_CHECKING:
    from napari.components import Dims, ViewerModel
    from napari.layers import Layer

Rectangle = npt.NDArray[np.float64]

_MARGIN = 0.05
"""Of the view, left free around what is fitted; as napari's own Home button does."""

_LARGE = 0.25
"""Share of the view that a picture fills at least while it is drawn on."""

_IN_SIGHT = 0.25
"""A picture counts as seen if it fills so much of the view, or the view shows so much of it."""


def rectangle_of(layer: "Layer", dims: "Dims") -> Rectangle:
    """Return the rectangle that a layer covers, to the outer edges of an image's pixels."""
    from napari.layers import Image

    if isinstance(layer, Image):
        shape = layer.data[0].shape if layer.multiscale else layer.data.shape
        sides = [(-0.5, side - 0.5) for side in shape[: layer.ndim]]
        own = np.array([layer.data_to_world(corner) for corner in product(*sides)])
    else:
        own = np.asarray(layer.extent.world)
    points = np.zeros((len(own), dims.ndim))
    points[:, dims.ndim - layer.ndim :] = own / unit_factors(layer, dims)
    shown = points[:, list(dims.displayed[-2:])]
    return np.array([shown.min(axis=0), shown.max(axis=0)])


def union(rectangles: Iterable[Rectangle]) -> Rectangle:
    """Return the smallest rectangle around some."""
    stacked = np.array(list(rectangles))
    return np.array([stacked[:, 0].min(axis=0), stacked[:, 1].max(axis=0)])


def overlap(one: Rectangle, other: Rectangle) -> float:
    """Return the area that two rectangles share; 0 where they only touch."""
    sides = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    return float(np.prod(np.clip(sides, 0, None)))


def same(one: Rectangle, other: Rectangle, *, tolerance: float = 1e-3) -> bool:
    """Return whether two rectangles coincide, by default to a thousandth of the first's size."""
    size = float((one[1] - one[0]).max())
    return bool(np.allclose(one, other, rtol=0, atol=tolerance * size))


def seen(viewer: "ViewerModel") -> Rectangle:
    """Return the rectangle that the view shows."""
    centre = np.asarray(viewer.scene.camera.center[-2:])
    size = np.asarray(viewer.canvas.viewbox_size(viewer.layers)) / viewer.scene.camera.zoom
    return np.array([centre - size / 2, centre + size / 2])


def fit(viewer: "ViewerModel", wanted: Rectangle) -> None:
    """Set the camera so that a rectangle fills the view, or each cell of the grid."""
    camera = viewer.scene.camera
    size = np.maximum(wanted[1] - wanted[0], 1e-9)
    view = np.asarray(viewer.canvas.viewbox_size(viewer.layers))
    camera.center = (0.0, *(float(each) for each in wanted.mean(axis=0)))
    camera.zoom = float((1 - _MARGIN) * (view / size).min())


def fit_visible(viewer: "ViewerModel") -> None:
    """Fit the view to the visible layers; napari's own `reset_view` counts the hidden too."""
    shown = [rectangle_of(layer, viewer.dims) for layer in viewer.layers if layer.visible]
    if viewer.dims.ndisplay == 2 and shown:
        fit(viewer, union(shown))
    else:
        viewer.reset_view()


def bring_into_view(viewer: "ViewerModel", wanted: Rectangle) -> None:
    """Fit the view to a rectangle that it shows little or nothing of, else leave it alone."""
    view = seen(viewer)
    areas = [float(np.prod(each[1] - each[0])) for each in (view, wanted)]
    if overlap(view, wanted) < _IN_SIGHT * min(areas):
        fit(viewer, wanted)


def look_at(viewer: "ViewerModel", layer: "Layer") -> None:
    """Fit the view to a layer to be drawn on, unless it shows it whole and large already."""
    if viewer.dims.ndisplay != 2 or viewer.canvas.grid.enabled:
        return
    view, wanted = seen(viewer), rectangle_of(layer, viewer.dims)
    areas = [float(np.prod(each[1] - each[0])) for each in (view, wanted)]
    is_whole = overlap(view, wanted) > (1 - _MARGIN) * areas[1]
    if not is_whole or areas[1] < _LARGE * areas[0]:
        fit(viewer, wanted)


def bring_layer_into_view(viewer: "ViewerModel", layer: "Layer") -> None:
    """Fit the view to a visible layer that it shows little of; a grid or 3D stays as it is."""
    if viewer.dims.ndisplay == 2 and not viewer.canvas.grid.enabled and layer.visible:
        bring_into_view(viewer, rectangle_of(layer, viewer.dims))


def move_onto(layer: "Layer", goal: Rectangle, dims: "Dims") -> npt.NDArray[Any] | None:
    """Return the affine matrix that lays a layer over a rectangle, as large as fits into it.

    Parameters
    ----------
    layer
        The layer; it is not changed.
    goal
        The rectangle.
    dims
        The viewer's.

    Returns
    -------
    array or None, shape (D + 1, D + 1)
        For the layer's `affine`; None where it is there already.
    """
    own = rectangle_of(layer, dims)
    axes = [axis - (dims.ndim - layer.ndim) for axis in dims.displayed[-2:]]
    if same(own, goal) or min(axes) < 0:
        return None
    factor = float(((goal[1] - goal[0]) / np.maximum(own[1] - own[0], 1e-9)).min())
    shift = goal.mean(axis=0) - factor * own.mean(axis=0)
    step = np.eye(layer.ndim + 1)
    for axis, offset in zip(axes, shift * _factors(layer, dims, axes), strict=True):
        step[axis, axis], step[axis, -1] = factor, offset
    return np.asarray(step @ layer.affine.affine_matrix)


def _factors(layer: "Layer", dims: "Dims", axes: Sequence[int]) -> npt.NDArray[np.float64]:
    return unit_factors(layer, dims)[list(axes)]
