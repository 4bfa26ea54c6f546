"""Measures of a painting that know no network: its edges, its strokes, its patches.

A network's own style loss is no common yardstick: another network has another one, and
an untrained network's falls by a tint and grain that nobody would call painting. What is
compared across networks is therefore measured in numbers that none of them has seen, of
three independent kinds: statistics of oriented filters, local binary patterns, and the
distribution of coloured patches.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from skimage import color, feature, filters, transform

Picture = NDArray[np.uint8]
Numbers = NDArray[np.floating]

YARDSTICKS = ("strokes", "patterns", "patches")
RADII_PX, PATTERNS = (1, 2, 4), 59
PATCH_PX, LEVELS, DIRECTIONS, QUANTILES = 7, 3, 48, 128


def edges(picture: Picture) -> Numbers:
    """Strength of lightness edges at a scale of one pixel, shape (H, W)."""
    smooth: Numbers = filters.sobel(filters.gaussian(color.rgb2gray(picture), 1.0))
    return smooth


def edge_correlation(picture: Picture, content: Picture) -> float:
    """Pearson correlation of the edges of two pictures of the same size."""
    return float(np.corrcoef(edges(picture).ravel(), edges(content).ravel())[0, 1])


def strokes(picture: Picture, *, scales: int = 4, angles: int = 6) -> Numbers:
    """Describe a picture's strokes by hand, knowing nothing of any network.

    Magnitudes of log-Gabor filters on standardised lightness: their means, and their
    correlations across scales and angles (after Portilla & Simoncelli 2000).

    Returns
    -------
    array, shape (n + n (n - 1) / 2,), n = scales x angles
    """
    grey = color.rgb2gray(picture)
    grey = (grey - grey.mean()) / (grey.std() + 1e-6)
    fy, fx = np.meshgrid(*(np.fft.fftfreq(side) for side in grey.shape), indexing="ij")
    radius, angle = np.hypot(fx, fy) + 1e-9, np.arctan2(fy, fx)
    spectrum, magnitudes = np.fft.fft2(grey), []
    for scale in range(scales):
        ring = np.exp(-(np.log(radius * 3 * 2**scale) ** 2) / (2 * 0.55**2))
        for turn in np.arange(angles) * np.pi / angles:
            lobe = np.exp(-(np.angle(np.exp(1j * (angle - turn))) ** 2) / (2 * 0.35**2))
            magnitudes.append(np.abs(np.fft.ifft2(spectrum * ring * lobe)).ravel())
    together = np.corrcoef(magnitudes)[np.triu_indices(scales * angles, 1)]
    means = np.mean(magnitudes, 1)
    return np.concatenate([10 * means / np.sqrt(len(means)), 10 * together / len(means)])


def patterns(picture: Picture) -> Numbers:
    """Describe a picture's grain by local binary patterns (Ojala, Pietikäinen & Mäenpää 2002).

    Which of 8 neighbours are lighter, whatever the contrast: histograms of the 58 uniform
    patterns and the rest, at three radii.

    Returns
    -------
    array, shape (3, 59), each row of sum 1
    """
    grey = color.rgb2gray(picture)
    found = []
    for radius in RADII_PX:
        smooth = filters.gaussian(grey, radius / 2) if radius > 1 else grey
        with warnings.catch_warnings():  # it warns of floating-point pictures, whose ties differ
            warnings.simplefilter("ignore", UserWarning)
            kinds = feature.local_binary_pattern(smooth, 8, radius, method="nri_uniform")
        found.append(np.bincount(kinds.ravel().astype(int), minlength=PATTERNS) / kinds.size)
    return np.stack(found)


def patches(picture: Picture) -> Numbers:
    """Describe the distribution of a picture's 7 x 7 patches of colour, at three scales.

    Quantiles of their projections on random directions, the same for every picture, on two
    Laplacian levels and the blurred rest (the sliced Wasserstein distance of Karras et al.
    2018; deviation: patches are not standardised, so that colour counts).

    Returns
    -------
    array, shape (3, 128, 48): levels, quantiles, directions
    """
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((3 * PATCH_PX**2, DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    ranks = (np.arange(QUANTILES) + 0.5) / QUANTILES
    found = []
    for level in _laplacian(picture / 255.0):
        windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH_PX, PATCH_PX), (0, 1))
        flat = windows.reshape(-1, 3 * PATCH_PX**2)
        found.append(np.quantile(flat @ directions, ranks, axis=0))
    return np.stack(found)


def _laplacian(picture: Numbers) -> list[Numbers]:
    """Return the differences of ever blurrier pictures, each half the last one's size."""
    levels = []
    for _ in range(LEVELS - 1):
        small = transform.pyramid_reduce(picture, channel_axis=2)
        levels.append(picture - transform.resize(small, picture.shape))
        picture = small
    return [*levels, picture]


class StyleGap:
    """How far pictures are from a style, by each yardstick."""

    def __init__(self, style: Picture) -> None:
        self._strokes, self._patterns = strokes(style), patterns(style)
        self._patches = patches(style)
        # each scale counts alike, whatever its contrast
        self._spread = self._patches.std((1, 2), keepdims=True)

    def distances(self, picture: Picture) -> dict[str, float]:
        """Return the distance of a picture by the name of the yardstick."""
        gap = (patches(picture) - self._patches) / self._spread
        return {
            "strokes": float(np.linalg.norm(strokes(picture) - self._strokes)),
            "patterns": float(np.abs(patterns(picture) - self._patterns).sum()),
            "patches": float(np.sqrt(np.square(gap).mean())),
        }


def fit(picture: Picture, like: Picture) -> Picture:
    """Resize a picture to another's size."""
    if picture.shape == like.shape:
        return picture
    small = transform.resize(picture, like.shape[:2], anti_aliasing=True)
    return (small * 255).round().astype(np.uint8)
