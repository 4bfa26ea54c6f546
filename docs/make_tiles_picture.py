"""Paint the picture of docs/tiles.md: a result laid beside and below itself, with and without seam.

    .venv/bin/python docs/make_tiles_picture.py [FOLDER]

writes tiles.jpg, by default into docs/images.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from napari_nst import StyleConfig, samples, stylize

CONFIG = StyleConfig.preset("default", size=192, steps=40)
GAP_PX = 12


def main(folder: Path) -> None:
    """Write the picture into a folder."""
    content, style = samples.photograph("coffee"), samples.style("brush strokes")
    side = 2 * CONFIG.size
    sheet = np.full((side * 2 // 3, 2 * side + GAP_PX, 3), 255, np.uint8)
    for left, padding in ((0, CONFIG.padding), (side + GAP_PX, "circular")):
        image = stylize(content, style, CONFIG.replace(padding=padding)).image
        tiled = np.tile(image, (2, 2, 1))[: sheet.shape[0]]
        sheet[: tiled.shape[0], left : left + side] = tiled
    Image.fromarray(sheet).save(folder / "tiles.jpg", quality=85)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images")
