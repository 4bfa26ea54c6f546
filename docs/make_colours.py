"""Paint a sample once for each beginning, and show every choice of colours in one picture.

    .venv/bin/python docs/make_colours.py [FOLDER]

writes colours.jpg, by default into docs/images.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from napari_nst import StyleConfig, StyleResult, samples, stylize

CONTENT, STYLE = "coffee", "stained glass"
LONGEST_PX, COLUMNS, CAPTION_PX = 300, 3, 18
AFTER_STYLE = ("none", "style", "palette", "histogram")
AFTER_CONTENT = ("content", "luminance")


def main(folder: Path) -> None:
    """Write the picture into a folder."""
    content, style = samples.photograph(CONTENT), samples.style(STYLE)

    def painted(colors: str) -> StyleResult:
        config = StyleConfig.preset("default", size=LONGEST_PX, colors=colors)
        return stylize(content, style, config)

    begun, plain = painted("style"), painted("none")
    tiles = {"the photograph": fitted(content), "the style": fitted(style)}
    tiles |= {name: Image.fromarray(begun.with_colors(name).image) for name in AFTER_STYLE}
    tiles |= {name: Image.fromarray(plain.with_colors(name).image) for name in AFTER_CONTENT}
    tiles["before"] = Image.fromarray(painted("before").image)
    sheet_of(tiles).save(folder / "colours.jpg", quality=88)


def fitted(picture: np.ndarray) -> Image.Image:
    """Shrink a picture to the size of the results."""
    image = Image.fromarray(picture)
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    return image


def sheet_of(tiles: dict[str, Image.Image]) -> Image.Image:
    """Put pictures in rows, each below its name."""
    width = LONGEST_PX
    height = tiles["none"].height + CAPTION_PX
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width, rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (name, tile) in enumerate(tiles.items()):
        x, y = place % COLUMNS * width, place // COLUMNS * height
        draw.text((x + 4, y + 2), name, fill="black")
        tile.thumbnail((width, height - CAPTION_PX))
        sheet.paste(tile, (x, y + CAPTION_PX))
    return sheet


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images")
