"""The identity test: a painting in its own style, from a blurred start, should become itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from skimage import filters, metrics

from napari_nst import stylize
from tools.evaluate_presets.painting import Variant
from tools.evaluate_presets.pairs import read_style
from tools.train_features.yardsticks import Picture, fit

BLUR_PX = 3.0


def identity_rows(
    styles: Sequence[str], variants: Sequence[Variant], pictures: Path, kept: Path
) -> Mapping[str, Mapping[str, float]]:
    """Return PSNR (dB) and SSIM against the painting, means over the styles, by variant."""
    rows = {}
    for variant in variants:
        found = [_identity(style, variant, pictures, kept) for style in styles]
        rows[str(variant)] = {
            name: float(np.mean([each[name] for each in found])) for name in ("PSNR", "SSIM")
        }
    return rows


def _identity(style: str, variant: Variant, pictures: Path, kept: Path) -> dict[str, float]:
    notes = kept / f"identity-{style}-{variant}.json".replace(" ", "-")
    if not notes.exists():
        painting = read_style(style, pictures)
        factor = variant.size / max(painting.shape)
        small = fit(painting, np.empty((*(round(n * factor) for n in painting.shape[:2]), 3), "u1"))
        result = stylize(small, small, variant.config, weights="builtin", init=_blurred(small))
        notes.write_text(json.dumps(_likeness(result.image, small)))
    likeness: dict[str, float] = json.loads(notes.read_text())
    return likeness


def _blurred(painting: Picture) -> Picture:
    blurred = filters.gaussian(painting, BLUR_PX, channel_axis=2)
    return (blurred * 255).round().astype(np.uint8)


def _likeness(picture: Picture, painting: Picture) -> dict[str, float]:
    return {
        "PSNR": float(metrics.peak_signal_noise_ratio(painting, picture)),
        "SSIM": float(metrics.structural_similarity(painting, picture, channel_axis=2)),
    }
