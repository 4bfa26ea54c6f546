"""Paint pairs with presets; what was painted before is read and measured, not painted again."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from napari_nst import StyleConfig, stylize
from tools.evaluate_presets.measures import measure
from tools.evaluate_presets.pairs import Pair, read_content, read_style
from tools.train_features.yardsticks import Picture

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Variant:
    """A preset at a size.

    Parameters
    ----------
    preset
        Its name.
    size
        Longest side in px.
    steps
        Steps in all; None is the preset's own number.
    """

    preset: str
    size: int
    steps: int | None = None

    def __str__(self) -> str:
        steps = "" if self.steps is None else f"-{self.steps}-steps"
        return f"{self.preset}-{self.size}{steps}"

    @property
    def config(self) -> StyleConfig:
        """The settings that are painted with."""
        return StyleConfig.preset(self.preset, size=self.size, steps=self.steps)


@dataclass(frozen=True)
class Painted:
    """A painted picture, its measures and the seconds it took."""

    picture: Picture
    measures: dict[str, float]
    seconds: float


def painted(pair: Pair, variant: Variant, pictures: Path, kept: Path) -> Painted:
    """Paint a pair, or read what was painted of it before.

    Parameters
    ----------
    pictures
        Folder of content-*.jpg and style-*.jpg.
    kept
        Folder of what was painted: PNG, and JSON beside it.
    """
    content, style = read_content(pair.content, pictures), read_style(pair.style, pictures)
    stem = f"{pair.content}-x-{pair.style}-{variant}".replace(" ", "-")
    shown, notes = kept / f"{stem}.png", kept / f"{stem}.json"
    if not notes.exists():
        began = time.perf_counter()
        result = stylize(content, style, variant.config, weights="builtin")
        seconds = time.perf_counter() - began
        Image.fromarray(result.image).save(shown)
        found = {"seconds": seconds, "record": result.record.to_dict()}
        notes.write_text(json.dumps(found, indent=1))
        log.info("%s, %s: %.0f s", pair, variant, seconds)
    picture = np.asarray(Image.open(shown))
    seconds = json.loads(notes.read_text())["seconds"]
    return Painted(picture, measure(picture, content, style), seconds)
