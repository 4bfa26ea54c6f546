"""The photographs inside scikit-image's own package."""

from typing import Any

import numpy as np
import numpy.typing as npt

CONTENTS = {"astronaut": "astronaut", "cat": "chelsea", "coffee": "coffee", "rocket": "rocket"}
"""Names of photographs, and scikit-image's names of them."""


def photograph(name: str) -> npt.NDArray[np.uint8]:
    """Load a photograph; nothing is downloaded.

    Parameters
    ----------
    name
        One of CONTENTS.

    Returns
    -------
    array, shape (H, W, 3), uint8
    """
    from skimage import data

    load: Any = getattr(data, CONTENTS[name])
    return np.asarray(load(), dtype=np.uint8)
