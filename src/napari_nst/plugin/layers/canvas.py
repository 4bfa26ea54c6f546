"""What the canvas shows as one picture: the visible layers together, drawn by napari itself.

So several additive channels are one content. As with a single layer, the whole of it is taken
and not only the part that is zoomed to, at one pixel for each of the finest layer's.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.utils.transforms import CompositeAffine

from napari_nst.errors import ImageError
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.slicing import Cut, unit_factors, visible_cut
from napari_nst.plugin.layers.visible_picture import MARKS, LayerPicture, is_painted

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

CANVAS, CANVAS_TITLE = "canvas", "What the canvas shows"

_LARGEST_PX = 8192
"""A side of the picture: OpenGL draws no larger on many machines."""

_OF_LAYERS = ("name_overlay", "bounding_box", "colorbar")


@dataclass(frozen=True)
class _Area:
    """The part of the world that is drawn: its centre, a pixel's size there, and its pixels."""

    centre: npt.NDArray[np.float64]
    step: float
    size: tuple[int, int]


def drawn_images(viewer: "Viewer", *styles: "Image | None") -> "list[Image]":
    """Return the visible image layers that count: neither a style nor a result."""
    from napari.layers import Image

    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image) and layer.visible and not _is_left_out(layer, styles)
    ]


def canvas_size(viewer: "Viewer", *styles: "Image | None") -> tuple[int, int]:
    """Return height and width of what `canvas_picture` would draw; raises as it does."""
    return _area(drawn_images(viewer, *styles), viewer.dims).size


def canvas_picture(
    viewer: "Viewer", *styles: "Image | None", pixel_ratio: float = 1.0
) -> LayerPicture:
    """Draw the visible layers, results and styles left out, without any overlay.

    Parameters
    ----------
    viewer
        Its window is shown.
    styles
        The layers that are styles, if there are any.
    pixel_ratio
        Pixels of the screen for each of Qt's.

    Raises
    ------
    ImageError
        If there is nothing to draw, or the viewer is in 3D.
    """
    dims = viewer.dims
    area = _area(drawn_images(viewer, *styles), dims)
    with _cleared(viewer, styles) as change:
        camera = viewer.scene.camera
        change(camera, "orientation2d", ("down", "right"))
        change(camera, "center", tuple(area.centre))
        change(camera, "zoom", 1 / area.step / pixel_ratio)
        drawn = viewer.screenshot(size=area.size, canvas_only=True, flash=False)
    pixels = np.ascontiguousarray(drawn[..., :3])
    if dims.displayed[0] > dims.displayed[1]:
        pixels = np.swapaxes(pixels, 0, 1)  # a rolled view; layers count axes in their order
    return LayerPicture(pixels, _placement(area, pixels.shape[:2], dims), "canvas")


def _is_left_out(layer: "Layer", styles: "Sequence[Image | None]") -> bool:
    # A result lies over its content, and a style that was opened last over all: with them on the
    # picture a second run would paint the first one's result, or the style in its own manner.
    return is_painted(layer) or MARKS in layer.metadata or layer in styles


@contextmanager
def _cleared(viewer: "Viewer", styles: "Sequence[Image | None]") -> Iterator[Any]:
    """Hide what does not count; on leaving all that was changed is as it was before."""
    with ExitStack() as stack:

        def change(owner: Any, name: str, value: Any) -> None:  # noqa: ANN401 - any model of napari
            before = getattr(owner, name)
            if before != value:
                setattr(owner, name, value)
                stack.callback(setattr, owner, name, before)

        change(viewer.canvas.grid, "enabled", value=False)
        for overlay in (*viewer.canvas.overlays.values(), *viewer.scene.overlays.values()):
            change(overlay, "visible", value=False)
        for layer in viewer.layers:
            if _is_left_out(layer, styles):
                change(layer, "visible", value=False)
            for name in _OF_LAYERS:
                if (overlay := getattr(layer, name, None)) is not None:
                    change(overlay, "visible", value=False)
        yield change


def _area(layers: "Sequence[Image]", dims: "Dims") -> _Area:
    """Find the rectangle around the planes of all layers that the sliders show."""
    if dims.ndisplay != 2:
        raise ImageError(
            "napari shows the layers in 3D; a picture is flat. Switch to 2D display (the cube "
            "button below the layer list)."
        )
    corners, steps = [], []
    for layer in layers:
        try:
            cut = visible_cut(layer, dims)
        except ImageError:
            continue  # this one has nothing at the sliders' position
        found, step = _corners(layer, cut, dims)
        corners.append(found)
        steps.append(step)
    if not corners:
        raise ImageError(
            "the canvas shows no picture but results and the style. Make a layer visible (the "
            "eye in the layer list), or choose a layer for the content."
        )
    points = np.concatenate(corners)
    low, high = points.min(axis=0), points.max(axis=0)
    step = max(min(steps), float((high - low).max()) / _LARGEST_PX)
    # Rounded up, but not for the sake of a float's last digit.
    height, width = (max(1, int(np.ceil(side / step - 1e-6))) for side in high - low)
    return _Area((low + high) / 2, step, (height, width))


def _corners(layer: "Image", cut: Cut, dims: "Dims") -> tuple[npt.NDArray[np.float64], float]:
    """Return a plane's outer corners on the canvas, shape (4, 2), and its shorter pixel side."""
    offset = dims.ndim - layer.ndim
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    places = [
        (-0.5, shape[axis] - 0.5) if isinstance(item, slice) else (item,)
        for axis, item in enumerate(cut.index)
    ]
    points = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, layer.ndim)
    shown = [axis - offset for axis in dims.displayed]

    def on_canvas(point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        world = np.asarray(layer.data_to_world(point)) / unit_factors(layer, dims)
        return np.asarray(world[shown])

    origin = on_canvas(np.zeros(layer.ndim))
    axes = [axis for axis, item in enumerate(cut.index) if isinstance(item, slice)]
    sides = [np.linalg.norm(on_canvas(np.eye(layer.ndim)[axis]) - origin) for axis in axes]
    return np.stack([on_canvas(point) for point in points]), float(min(sides))


def _placement(area: _Area, size: tuple[int, ...], dims: "Dims") -> Placement:
    """Describe where the drawn picture is, in the viewer's own dimensions."""
    shown = sorted(dims.displayed)
    scale, translate = np.ones(dims.ndim), np.array(dims.point, dtype=float)
    centre = dict(zip(dims.displayed, area.centre, strict=True))
    for axis, pixels in zip(shown, size, strict=True):
        scale[axis] = area.step
        translate[axis] = centre[axis] - area.step * (pixels - 1) / 2
    index = tuple(slice(None) if axis in shown else 0 for axis in range(dims.ndim))
    carried = {
        "rotate": np.eye(dims.ndim),
        "shear": np.eye(dims.ndim),
        "affine": np.eye(dims.ndim + 1),
        "units": dims.units or ("pixel",) * dims.ndim,
        "axis_labels": dims.axis_labels,
    }
    transform = CompositeAffine(scale=scale, translate=translate, ndim=dims.ndim)
    return Placement(index, (size[0], size[1]), transform, carried)
