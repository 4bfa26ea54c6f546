"""The one layer of a run, updated in place as the picture forms."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from psygnal import Signal

from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.extents import bring_layer_into_view
from napari_nst.plugin.layers.grid_fit import fit_grid
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.visible_picture import MARKS, PAINTED, whole_range
from napari_nst.settings.pixels import is_large
from napari_nst.settings.record import METADATA_KEY, RunRecord

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

_COARSEST_PX = 1024
"""Longest side of a pyramid's last level."""

_OUTLINE_PX = 2
"""Of regions, in whose inside the picture is to be seen."""


class LiveLayer:
    """Adds a layer with the first picture of a run and changes it with each later one.

    Only the main thread may touch it. Over a content of many pixels it is a multiscale layer, so
    that napari draws, of each picture, only the part and the size that are seen.

    Signals: `renamed` with the layer's name, when napari or the user changes it.

    Parameters
    ----------
    viewer
        The viewer that gets the layer.
    name
        The layer's name; napari numbers it if there is one already.
    placement
        Where the content is: the layer covers it exactly.
    """

    renamed = Signal(str)

    def __init__(self, viewer: "Viewer", name: str, placement: Placement) -> None:
        self._viewer = viewer
        self._name = name
        self._placement = placement
        self._layer: Image | None = None

    @property
    def layer(self) -> "Image | None":
        """The layer; None before the first picture and after a release."""
        return self._layer

    def is_layer(self, layer: "Layer") -> bool:
        """Return whether `layer`, which may be napari's proxy of it, is the live one."""
        return self._layer is not None and layer == self._layer

    def show(self, picture: npt.NDArray[Any]) -> None:
        """Show a picture.

        Parameters
        ----------
        picture : array, shape (H, W, 3) or (H, W, 4), uint8, uint16 or floating
            Of any size: the layer's scale follows, so that it covers the content.
        """
        data = self._placement.expand(picture)
        where = self._placement.arguments(picture.shape[:2])
        if self._layer is None:
            is_multiscale = is_large(self._placement.size)
            with _marks_on_top(self._viewer):
                layer = self._viewer.add_image(
                    pyramid(data) if is_multiscale else data,
                    rgb=True,
                    multiscale=is_multiscale,
                    name=self._name,
                    contrast_limits=whole_range(data.dtype),
                    metadata={PAINTED: True},
                    **where,
                )
            self.adopt(layer)
            bring_layer_into_view(self._viewer, layer)
            if self._viewer.canvas.grid.enabled:
                fit_grid(self._viewer)  # one more cell has made all cells smaller
            return
        is_alike = self._layer.data.dtype == data.dtype
        is_grown = self._layer.data.shape != data.shape
        self._layer.data = pyramid(data) if self._layer.multiscale else data
        if is_grown:
            self._layer.scale = where["scale"]
            self._layer.translate = where["translate"]
        if not is_alike:  # frames have 8 bits, the result may have more
            self._layer.contrast_limits = whole_range(data.dtype)

    def finish(self, picture: npt.NDArray[Any], record: RunRecord) -> None:
        """Show the result and store with it what reproduces the run."""
        self.show(picture)
        assert self._layer is not None
        self._layer.metadata[METADATA_KEY] = record.to_dict()

    def adopt(self, layer: "Image") -> None:
        """Take a layer that is there already for the live one."""
        self._layer = layer
        layer.events.name.connect(self._on_name)
        self._on_name()

    def rename(self, name: str) -> None:
        """Give the layer, or the one that the first picture will add, another name."""
        if self._layer is not None:
            self._layer.name = name  # `_on_name` hears of it, and of napari's number
        elif name != self._name:
            self._name = name
            self.renamed.emit(name)

    def release(self) -> None:
        """Forget the layer, which is the user's from now on."""
        if self._layer is not None:
            self._layer.events.name.disconnect(self._on_name)
        self._layer = None

    def _on_name(self, _: object = None) -> None:
        if self._layer is not None and full_name(self._layer) != self._name:
            self._name = full_name(self._layer)
            self.renamed.emit(self._name)


def pyramid(data: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Return views of an array (..., H, W, C) by every second pixel, until one is small."""
    levels = [data]
    while max(levels[-1].shape[-3:-1]) > _COARSEST_PX:
        levels.append(levels[-1][..., ::2, ::2, :])
    return levels


@contextmanager
def _marks_on_top(viewer: "Viewer") -> Iterator[None]:
    """Keep what is painted above a layer that is added, as outlines, and the brush in the hand."""
    active = viewer.layers.selection.active
    marks = [layer for layer in viewer.layers if layer.metadata.get(MARKS, "crop") != "crop"]
    yield
    for layer in marks:
        viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
        if getattr(layer, "contour", None) == 0:
            layer.contour = _OUTLINE_PX
    if active in marks:
        viewer.layers.selection.active = active
