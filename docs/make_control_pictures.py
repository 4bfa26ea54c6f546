"""Paint the pictures of docs/control.md: regions and a blend, from the samples.

    .venv/bin/python docs/make_control_pictures.py [FOLDER]

writes regions.jpg and blend.jpg, by default into docs/images.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from napari_nst import Regions, StyleConfig, samples, stylize

CONFIG = StyleConfig.preset("default", size=288)
COLOURS = np.array([[70, 70, 70], [230, 120, 40]], np.uint8)
GAP_PX = 6

Pixels = npt.NDArray[np.uint8]


def cup_labels(size: tuple[int, int]) -> Pixels:
    """Paint labels over the sample "coffee": 1 the cup with its saucer, 0 the table."""
    labels = Image.new("L", (size[1], size[0]), 0)
    draw = ImageDraw.Draw(labels)
    draw.ellipse((76, 70, 480, 386), fill=1)
    draw.ellipse((172, 20, 414, 260), fill=1)
    draw.polygon([(385, 160), (400, 66), (426, 72), (414, 190)], fill=1)
    return np.asarray(labels)


def in_a_row(pictures: list[Pixels]) -> Image.Image:
    """Put pictures side by side, as wide as they are."""
    height = max(each.shape[0] for each in pictures)
    width = sum(each.shape[1] for each in pictures) + GAP_PX * (len(pictures) - 1)
    sheet, left = Image.new("RGB", (width, height), "white"), 0
    for each in pictures:
        sheet.paste(Image.fromarray(each), (left, 0))
        left += each.shape[1] + GAP_PX
    return sheet


def resized(pixels: Pixels, like: Pixels, resample: int = Image.Resampling.LANCZOS) -> Pixels:
    """Resize a picture to another's size."""
    return np.asarray(Image.fromarray(pixels).resize(like.shape[1::-1], resample))


def main(folder: Path) -> None:
    """Write the pictures into a folder."""
    content = samples.photograph("coffee")
    styles = [samples.style("stained glass"), samples.style("brush strokes")]
    labels = cup_labels(content.shape[:2])
    both = stylize(
        content, styles, CONFIG, regions=Regions(labels, {1: 0}, rest=1, feather_px=4)
    ).image
    kept = stylize(
        content, styles, CONFIG, regions=Regions(labels, {1: "keep"}, rest=1, feather_px=4)
    ).image
    shown = resized(content, both)
    mask = resized(COLOURS[labels], both, Image.Resampling.NEAREST)
    over = (0.5 * shown + 0.5 * mask).astype(np.uint8)
    in_a_row([over, both, kept]).save(folder / "regions.jpg", quality=88)
    portrait = samples.photograph("cat")
    blends = [
        stylize(portrait, [(styles[0], 1 - share), (styles[1], share)], CONFIG).image
        for share in (0, 0.5, 1)
    ]
    in_a_row(blends).save(folder / "blend.jpg", quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images")
