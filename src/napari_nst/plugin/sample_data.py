"""File > Open Sample: content photographs, painted styles and a ready pair."""

from typing import Any

import napari
import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QTimer

from napari_nst import samples
from napari_nst.plugin.gallery.open_styles import SAMPLE_KEY

LayerData = tuple[npt.NDArray[np.uint8], dict[str, Any], str]

PAIR = ("coffee", "brush strokes")
"""Content and style of the ready pair."""

_GAP = 0.05
"""Between them, as a share of the content's width."""


def ready_pair() -> list[LayerData]:
    """Open a content and a style beside it, in the order in which the dock picks them up.

    An empty viewer shows both; one that is in use keeps its view.
    """
    viewer = napari.current_viewer()
    if viewer is not None and not viewer.layers:
        QTimer.singleShot(0, viewer.reset_view)  # once both are there
    content, style = PAIR
    photograph = samples.photograph(content)
    beside = photograph.shape[1] * (1 + _GAP)
    ((pixels, arguments, kind),) = _layer(style, samples.style(style))
    return [
        *_layer(content, photograph),
        (pixels, arguments | {"translate": (0, beside)}, kind),
    ]


def astronaut() -> list[LayerData]:
    """Open Eileen Collins."""
    return _layer("astronaut", samples.photograph("astronaut"))


def cat() -> list[LayerData]:
    """Open Chelsea the cat."""
    return _layer("cat", samples.photograph("cat"))


def coffee() -> list[LayerData]:
    """Open a cup of coffee."""
    return _layer("coffee", samples.photograph("coffee"))


def rocket() -> list[LayerData]:
    """Open a rocket on its pad."""
    return _layer("rocket", samples.photograph("rocket"))


def brush_strokes() -> list[LayerData]:
    """Open a night in brush strokes."""
    return _layer("brush strokes", samples.style("brush strokes"))


def stained_glass() -> list[LayerData]:
    """Open a sunrise in stained glass."""
    return _layer("stained glass", samples.style("stained glass"))


def ink_hatching() -> list[LayerData]:
    """Open mountains in ink hatching."""
    return _layer("ink hatching", samples.style("ink hatching"))


def mosaic() -> list[LayerData]:
    """Open a wave in mosaic."""
    return _layer("mosaic", samples.style("mosaic"))


def _layer(name: str, pixels: npt.NDArray[np.uint8]) -> list[LayerData]:
    metadata = {SAMPLE_KEY: name} if name in samples.STYLES else {}
    return [(pixels, {"name": name, "rgb": True, "metadata": metadata}, "image")]
