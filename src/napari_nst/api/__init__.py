"""Arrays in, a generator of steps out: what Python programs call. Imports torch."""

from napari_nst.api.checkpoint import Checkpoints
from napari_nst.api.results import Step, StyleResult, recolored
from napari_nst.api.sequence import (
    FrameResult,
    SequenceOptions,
    iter_stylize_sequence,
    stylize_sequence,
)
from napari_nst.api.stylizer import Stylizer, iter_stylize, stylize

__all__ = [
    "Checkpoints",
    "FrameResult",
    "SequenceOptions",
    "Step",
    "StyleResult",
    "Stylizer",
    "iter_stylize",
    "iter_stylize_sequence",
    "recolored",
    "stylize",
    "stylize_sequence",
]
