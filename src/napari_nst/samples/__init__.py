"""Sample pictures: photographs that scikit-image brings, and styles painted in code.

Nothing is downloaded. Importing this package imports neither Qt nor torch.
"""

from napari_nst.samples._brush import brush_strokes
from napari_nst.samples._glass import stained_glass
from napari_nst.samples._ink import ink_hatching
from napari_nst.samples._mosaic import mosaic
from napari_nst.samples._photos import CONTENTS, photograph

STYLES = {
    "brush strokes": brush_strokes,
    "stained glass": stained_glass,
    "ink hatching": ink_hatching,
    "mosaic": mosaic,
}
"""The painted styles by name; each takes a size in pixels and a seed."""

__all__ = [
    "CONTENTS",
    "STYLES",
    "brush_strokes",
    "ink_hatching",
    "mosaic",
    "photograph",
    "stained_glass",
]
