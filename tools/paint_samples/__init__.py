"""Paint the sample styles: ``python -m tools.paint_samples`` writes them into the package."""

from tools.paint_samples.brush import brush_strokes
from tools.paint_samples.glass import stained_glass
from tools.paint_samples.ink import ink_hatching
from tools.paint_samples.mosaic import mosaic

PAINTERS = {
    "brush strokes": brush_strokes,
    "stained glass": stained_glass,
    "ink hatching": ink_hatching,
    "mosaic": mosaic,
}
"""By name; each takes a size in pixels and a seed."""
