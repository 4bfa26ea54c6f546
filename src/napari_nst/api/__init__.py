"""Arrays in, a generator of steps out: what Python programs call. Imports torch."""

from napari_nst.api.checkpoint import Checkpoints
from napari_nst.api.results import Step, StyleResult, recolored
from napari_nst.api.stylizer import Stylizer, iter_stylize, stylize

__all__ = ["Checkpoints", "Step", "StyleResult", "Stylizer", "iter_stylize", "recolored", "stylize"]
