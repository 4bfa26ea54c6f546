"""Judge features on pictures that none of them was trained on, beside untrained ones.

Three questions: does the Gram distance know a texture again (`identity`); does the
content stay while the style is painted (`transfer`); can the picture be drawn from the
content layer alone (`inversion`, which random networks pass too).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import color, data, filters, transform

from napari_nst import StyleConfig, iter_stylize
from napari_nst.core.encoder import Encoder
from napari_nst.weights import Weights
from tools.train_features.dataset import SetSpec, render_class

Picture = NDArray[np.uint8]

STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
REAL_TEXTURES = (
    "brick", "coins", "grass", "gravel", "hubble_deep_field", "immunohistochemistry",
    "moon", "page", "text",
)  # fmt: skip
UNSEEN_SEED = 7_000
REDUCTIONS = (10.0, 30.0, 100.0)
"""By which factors of the style loss transfers are compared."""
STROKES = (0.9, 0.7, 0.5)
"""At which shares of the distance of strokes transfers are compared."""


def real_crops(side: int, count: int) -> list[list[Picture]]:
    """Cut ``count`` crops, apart from each other, out of each of scikit-image's textures."""
    groups = []
    for name in REAL_TEXTURES:
        picture = np.asarray(getattr(data, name)())
        grey = color.rgb2gray(picture) if picture.ndim == 3 else picture / 255.0
        rows, columns = grey.shape[0] // side, grey.shape[1] // side
        corners = [(r * side, c * side) for r in range(rows) for c in range(columns)]
        order = np.random.default_rng(0).permutation(len(corners))[:count]
        cut = [grey[y : y + side, x : x + side] for y, x in (corners[i] for i in order)]
        groups.append([_standard(crop) for crop in cut])
    return groups


def unseen_crops(side: int, count: int, classes: int) -> list[list[Picture]]:
    """Render crops of generated classes that no training set holds."""
    spec = SetSpec(classes, count, side, UNSEEN_SEED)
    return [
        [_standard(color.rgb2gray(picture)) for picture in render_class(spec, label)]
        for label in range(classes)
    ]


def _standard(grey: NDArray[np.floating]) -> Picture:
    """Grey of fixed mean and spread, so that lightness and contrast tell nothing."""
    even = (grey - grey.mean()) / (grey.std() + 1e-6) * 0.18 + 0.5
    return np.repeat((even.clip(0, 1) * 255).astype(np.uint8)[..., None], 3, 2)


def grams(weights: Weights, pictures: Sequence[Picture]) -> dict[str, torch.Tensor]:
    """Return each tap's Gram matrices over positions, shape (pictures, channels^2)."""
    encoder = Encoder(weights.tensors, feed=weights.input, taps=STYLE_TAPS)
    found: dict[str, list[torch.Tensor]] = {tap: [] for tap in STYLE_TAPS}
    for picture in pictures:
        rgb = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        for tap, features in encoder.features(rgb).items():
            flat = features.flatten(2)[0]
            found[tap].append((flat @ flat.T / flat.shape[1]).flatten())
    return {tap: torch.stack(rows) for tap, rows in found.items()}


def identity(weights: Weights, groups: Sequence[Sequence[Picture]]) -> dict[str, float]:
    """Return the share of crops whose nearest other crop is of the same texture.

    By Gram distance at each tap and, with each tap's mean distance made 1, at all ("all").
    """
    label = torch.tensor([i for i, group in enumerate(groups) for _ in group])
    total = torch.zeros(len(label), len(label))
    shares = {}
    for tap, rows in grams(weights, [crop for group in groups for crop in group]).items():
        distance = torch.cdist(rows, rows).square()
        total += distance / distance.mean()
        shares[tap] = _nearest_share(distance, label)
    return {**shares, "all": _nearest_share(total, label)}


def _nearest_share(distance: torch.Tensor, label: torch.Tensor) -> float:
    others = distance + torch.eye(len(label)) * 1e30
    return float((label[others.argmin(1)] == label).float().mean())


def edges(picture: Picture) -> NDArray[np.floating]:
    """Strength of lightness edges at a scale of one pixel, shape (H, W)."""
    smooth: NDArray[np.floating] = filters.sobel(filters.gaussian(color.rgb2gray(picture), 1.0))
    return smooth


def edge_correlation(picture: Picture, content: Picture) -> float:
    """Pearson correlation of the edges of two pictures of the same size."""
    return float(np.corrcoef(edges(picture).ravel(), edges(content).ravel())[0, 1])


def strokes(picture: Picture, *, scales: int = 4, angles: int = 6) -> NDArray[np.floating]:
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


@dataclass(frozen=True)
class Course:
    """How a transfer went.

    At each step: the style loss, as a share of the first; the distance of hand-made
    statistics of strokes to the style's, as a share of the first; and the correlation
    of edges with the content.
    """

    style: list[float]
    strokes: list[float]
    correlation: list[float]
    picture: Picture

    def at(self, reduction: float) -> float:
        """Correlation when the style loss had first fallen by a factor; NaN if never."""
        return self._first(self.style, 1 / reduction)

    def at_strokes(self, share: float) -> float:
        """Correlation when the distance of strokes first was a share; NaN if never."""
        return self._first(self.strokes, share)

    def _first(self, values: list[float], level: float) -> float:
        reached = (c for v, c in zip(values, self.correlation, strict=True) if v <= level)
        return next(reached, float("nan"))


def transfer(weights: Weights, content: Picture, style: Picture, config: StyleConfig) -> Course:
    """Paint the content in the manner of the style and watch both."""
    losses, distances, correlations, picture = [], [], [], None
    for step in iter_stylize(content, style, config, weights=weights):
        shown = fit(content, step.image()) if picture is None else picture
        picture = step.image()
        gap = strokes(shown) - strokes(fit(style, _framed(style, picture)))
        losses.append(step.terms["style"])
        distances.append(float(np.linalg.norm(gap)))
        correlations.append(edge_correlation(shown, fit(content, shown)))
    assert picture is not None
    style_shares = [loss / losses[0] for loss in losses]
    return Course(style_shares, [d / distances[0] for d in distances], correlations, picture)


def _framed(style: Picture, picture: Picture) -> Picture:
    """Return an array of the size at which the style is read: its longest side fitted."""
    factor = max(picture.shape) / max(style.shape)
    sides = [max(1, round(side * factor)) for side in style.shape[:2]]
    return np.empty((*sides, 3), np.uint8)


def fit(picture: Picture, like: Picture) -> Picture:
    """Resize a picture to another's size."""
    if picture.shape == like.shape:
        return picture
    small = transform.resize(picture, like.shape[:2], anti_aliasing=True)
    return (small * 255).round().astype(np.uint8)


def inversion(weights: Weights, content: Picture, *, tap: str, size: int, steps: int) -> float:
    """Draw the content from noise by one tap alone; return the edges' correlation."""
    config = StyleConfig.preset("gatys", init="noise", noise_std=40.0, style_weight=0.0,
                                content_layers=(tap,), size=size, steps=steps)  # fmt: skip
    *_, last = iter_stylize(content, content, config, weights=weights)
    return edge_correlation(last.image(), fit(content, last.image()))


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Lay out rows of named numbers as a Markdown table."""
    names = list(next(iter(rows.values())))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for title, row in rows.items():
        lines.append(f"| {title} | " + " | ".join(f"{row[name]:.2f}" for name in names) + " |")
    return "\n".join(lines)
