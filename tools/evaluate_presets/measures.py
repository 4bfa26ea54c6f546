"""What is measured of a painted picture; no network is asked.

- strokes, patterns, patches: distance to the style as a share of the content's own distance
  (`tools.train_features.yardsticks`); lower is nearer
- chroma: 100 times the sliced Wasserstein-1 distance to the style of Oklab's (a, b)
- edges: correlation of lightness edges with the content; higher keeps more
- tint: root mean square of (R - G, G - B) above the style's own, of 255
- weave: fine lines that cross in the content's smooth areas, as a share of the style's; lower is
  smoother, 1 is as the style
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage import color

from tools.train_features.yardsticks import Numbers, Picture, StyleGap, edge_correlation, fit

COLUMNS = ("strokes", "patterns", "patches", "chroma", "edges", "tint", "weave")
_DIRECTIONS, _QUANTILES = 32, 512
_BANDS_PX = (0.6, 1.2, 2.4)
"""Deviations of Gaussians; their differences are bands of about 3 to 6 and 6 to 12 px a wave."""
_PLACE_PX = 4.0
_SMOOTH_SHARE = 0.4
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


def crossing(picture: Picture, at: Numbers) -> float:
    """Return how much fine lines cross, as a share of the next coarser band.

    The eigenvalues of the structure tensor are the energies along and across the main direction of
    a place (Förstner & Gülch 1987). Brush strokes and hatching have one direction, a weave has two.

    Parameters
    ----------
    picture : array, shape (H, W, 3), uint8
    at : array of bool, shape (H, W)
        Where it is measured.

    Returns
    -------
    float
        2 Σ λ₂ of the finer band over Σ (λ₁ + λ₂) of the coarser one.
    """
    finest, *coarser = (ndimage.gaussian_filter(color.rgb2gray(picture), px) for px in _BANDS_PX)
    (fine, along), (coarse, _) = (
        _tensor(band) for band in (finest - coarser[0], coarser[0] - coarser[1])
    )
    return float((fine - along)[at].sum() / (coarse[at].sum() + 1e-9))


def _tensor(band: Numbers) -> tuple[Numbers, Numbers]:
    """Return the sum and the difference of the structure tensor's eigenvalues, shape (H, W)."""
    down, right = (ndimage.sobel(band, axis) for axis in (0, 1))
    xx, yy, xy = (
        ndimage.gaussian_filter(each, _PLACE_PX)
        for each in (right * right, down * down, right * down)
    )
    return xx + yy, np.hypot(xx - yy, 2 * xy)


def smooth_areas(content: Picture) -> Numbers:
    """Return where the content has the weakest edges, shape (H, W), bool."""
    slopes = ndimage.gaussian_gradient_magnitude(color.rgb2gray(content), 1.0)
    nearby = ndimage.gaussian_filter(slopes, 1.5 * _PLACE_PX)
    smooth: Numbers = nearby <= np.quantile(nearby, _SMOOTH_SHARE)
    return smooth


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
        "weave": crossing(picture, smooth_areas(content))
        / (crossing(style, np.ones(style.shape[:2], bool)) + 1e-9),
    }
