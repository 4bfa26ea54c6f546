"""Sample pictures: photographs from scikit-image, and four styles shipped as JPEG files.

Nothing is downloaded. `make samples` paints the styles again (tools/paint_samples).
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CONTENTS = {"astronaut": "astronaut", "cat": "chelsea", "coffee": "coffee", "rocket": "rocket"}
"""Names of photographs, and scikit-image's names of them."""

STYLES = ("brush strokes", "stained glass", "ink hatching", "mosaic")


def photograph(name: str) -> npt.NDArray[np.uint8]:
    """Read one of CONTENTS.

    Returns
    -------
    array, shape (H, W, 3), uint8
    """
    from skimage import data

    load: Any = getattr(data, CONTENTS[name])
    return np.asarray(load(), dtype=np.uint8)


def style(name: str) -> npt.NDArray[np.uint8]:
    """Read one of STYLES.

    Returns
    -------
    array, shape (512, 512, 3), uint8
    """
    from PIL import Image

    with Image.open(style_path(name)) as picture:
        return np.array(picture)


def style_path(name: str) -> Path:
    """Return the file of one of STYLES."""
    return Path(__file__).parent / f"{name.replace(' ', '-')}.jpg"
