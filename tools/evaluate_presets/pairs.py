"""The twelve pairs that presets are judged on.

Photographs come from a folder of pictures that are not ours to ship and from scikit-image,
styles from that folder and from the package's own samples.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from napari_nst import samples
from tools.train_features.yardsticks import Picture

LONGEST_PX = 768


class Pair(NamedTuple):
    """Names of a content and a style."""

    content: str
    style: str

    def __str__(self) -> str:
        return f"{self.content} as {self.style}"


PAIRS = (
    Pair("hoover-tower", "the-scream"),
    Pair("astronaut", "starry-night"),
    Pair("tubingen", "shipwreck"),
    Pair("tubingen", "starry-night"),
    Pair("hoover-tower", "shipwreck"),
    Pair("cat", "the-scream"),
    Pair("coffee", "starry-night"),
    Pair("astronaut", "brush strokes"),
    Pair("cat", "stained glass"),
    Pair("coffee", "mosaic"),
    Pair("rocket", "ink hatching"),
    Pair("astronaut", "ink hatching"),
)


def read_content(name: str, folder: Path) -> Picture:
    """Return a photograph by its name, shape (H, W, 3)."""
    found = folder / f"content-{name}.jpg"
    return _read(found) if found.exists() else samples.photograph(name)


def read_style(name: str, folder: Path) -> Picture:
    """Return a style by its name, shape (H, W, 3)."""
    found = folder / f"style-{name}.jpg"
    return _read(found) if found.exists() else samples.style(name)


def _read(path: Path) -> Picture:
    image = Image.open(path).convert("RGB")
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    return np.asarray(image)
