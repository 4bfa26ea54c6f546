"""What is measured of a painted picture; no network is asked.

- strokes, patterns, patches: distance to the style as a share of the content's own distance
  (`tools.train_features.yardsticks`); lower is nearer
- chroma: 100 times the sliced Wasserstein-1 distance to the style of Oklab's (a, b)
- edges: correlation of lightness edges with the content; higher keeps more
- tint: root mean square of (R - G, G - B) above the style's own, of 255
"""

from __future__ import annotations

import numpy as np

from tools.train_features.yardsticks import Numbers, Picture, StyleGap, edge_correlation, fit

COLUMNS = ("strokes", "patterns", "patches", "chroma", "edges", "tint")
_DIRECTIONS, _QUANTILES = 32, 512
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(picture: Picture) -> Numbers:
    """Convert sRGB of 8 bits to Oklab (Ottosson 2020), shape (H, W, 3)."""
    values = picture / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def chroma_distance(picture: Picture, style: Picture) -> float:
    """Return 100 times the mean Wasserstein-1 distance over 32 directions of (a, b)."""
    turns = np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS
    directions = np.stack([np.cos(turns), np.sin(turns)])
    ranks = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    one, other = (
        np.quantile(oklab(each)[..., 1:].reshape(-1, 2) @ directions, ranks, axis=0)
        for each in (picture, style)
    )
    return float(100 * np.abs(one - other).mean())


def tint(picture: Picture) -> float:
    """Return the root mean square of R - G and G - B, of 255; 0 for grey."""
    return float(np.sqrt(np.square(np.diff(picture.astype(float), axis=2)).mean()))


def measure(picture: Picture, content: Picture, style: Picture) -> dict[str, float]:
    """Measure a painted picture beside what it was painted from; see this module's header.

    Parameters
    ----------
    picture, content, style : array, shape (H, W, 3), uint8
        Of any sizes; the style is compared with its longest side fitted to the picture's.
    """
    content = fit(content, picture)
    factor = max(picture.shape) / max(style.shape)
    sides = [max(1, round(side * factor)) for side in style.shape[:2]]
    style = fit(style, np.empty((*sides, 3), np.uint8))
    gap = StyleGap(style)
    first, now = gap.distances(content), gap.distances(picture)
    return {
        **{name: value / first[name] for name, value in now.items()},
        "chroma": chroma_distance(picture, style),
        "edges": edge_correlation(picture, content),
        "tint": max(0.0, tint(picture) - tint(style)),
    }
