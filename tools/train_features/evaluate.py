"""Judge features on pictures that none of them was trained on, beside untrained ones.

Two questions: does the Gram distance know a texture again (`identity`); can the picture be
drawn from the content layer alone (`inversion`, which random networks pass too). The third,
what painting costs the content, is `frontier`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import color, data

from napari_nst import StyleConfig, iter_stylize
from napari_nst.core.network.encoder import Encoder
from napari_nst.weights import Weights
from tools.train_features.dataset import SetSpec, render_class
from tools.train_features.yardsticks import Picture, edge_correlation, fit

STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
REAL_TEXTURES = (
    "brick", "coins", "grass", "gravel", "hubble_deep_field", "immunohistochemistry",
    "moon", "page", "text",
)  # fmt: skip
UNSEEN_SEED = 7_000


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
        lines.append(f"| {title} | " + " | ".join(_number(row[name]) for name in names) + " |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
