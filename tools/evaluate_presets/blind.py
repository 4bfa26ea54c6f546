"""Two presets side by side in random order, for a judge who does not know which is which."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tools.evaluate_presets.painting import Variant, painted
from tools.evaluate_presets.pairs import Pair, read_content, read_style

HEIGHT_PX, GAP_PX = 420, 8


def draw(
    pairs: Sequence[Pair], variants: tuple[Variant, Variant], pictures: Path, kept: Path, out: Path
) -> None:
    """Save a PNG a pair, content and style above, A and B below, and the key in key.json.

    Parameters
    ----------
    pairs
        What was painted.
    variants
        The two to compare; their order is drawn anew for each pair.
    pictures, kept
        As in `painted`.
    out
        Gets the files.
    """
    out.mkdir(parents=True, exist_ok=True)
    key = {}
    for number, pair in enumerate(pairs, 1):
        order = list(variants)
        random.SystemRandom().shuffle(order)
        above = [read_content(pair.content, pictures), read_style(pair.style, pictures)]
        below = [painted(pair, each, pictures, kept).picture for each in order]
        rows = [[_scaled(Image.fromarray(each)) for each in row] for row in (above, below)]
        width = max(sum(each.width + GAP_PX for each in row) for row in rows)
        sheet = Image.new("RGB", (width, 2 * (HEIGHT_PX + GAP_PX)), "white")
        for line, row in enumerate(rows):
            x = 0
            for each in row:
                sheet.paste(each, (x, line * (HEIGHT_PX + GAP_PX)))
                x += each.width + GAP_PX
        sheet.save(out / f"{number:02d}.png")
        key[f"{number:02d}"] = {"A": str(order[0]), "B": str(order[1])}
    (out / "key.json").write_text(json.dumps(key, indent=1))


def _scaled(picture: Image.Image) -> Image.Image:
    width = round(picture.width * HEIGHT_PX / picture.height)
    return picture.resize((width, HEIGHT_PX), Image.Resampling.LANCZOS)
