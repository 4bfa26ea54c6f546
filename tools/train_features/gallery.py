"""Paint the pictures of docs/features.md: ``python -m tools.train_features.gallery``.

With the preset "default", nothing else set. The pictures painted from are left out where
they are not ours to ship.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_nst import StyleConfig, samples, stylize
from tools.train_features.figures import sheet
from tools.train_features.report import read_pictures
from tools.train_features.yardsticks import Picture

SAMPLE_PAIRS = (
    ("astronaut", "brush strokes"),
    ("cat", "stained glass"),
    ("coffee", "mosaic"),
    ("rocket", "ink hatching"),
)
SIDE_PX = 512


def paint(content: Picture, style: Picture, weights: str) -> Picture:
    """Paint one picture."""
    config = StyleConfig.preset("default", size=SIDE_PX)
    return stylize(content, style, config, weights=weights).image


def main() -> None:
    """Paint every pair of a folder's pictures, and the samples' beside their originals."""
    parser = argparse.ArgumentParser(prog="tools.train_features.gallery", description=__doc__)
    parser.add_argument("--weights", default="builtin")
    parser.add_argument("--pictures", type=Path, required=True, help="content-*, style-*.jpg")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    contents, styles = (read_pictures(args.pictures, kind) for kind in ("content", "style"))
    sheet(
        [
            {f"{c} as {s}": paint(contents[c], styles[s], args.weights) for c in contents}
            for s in styles
        ],
        args.out / "features-pairs.jpg",
    )
    rows = []
    for content, style in SAMPLE_PAIRS:
        pictures = samples.photograph(content), samples.STYLES[style]()
        painted = paint(*pictures, args.weights)
        rows.append({content: pictures[0], style: pictures[1], "painted": painted})
    sheet(rows, args.out / "features-samples.jpg", side_px=240)


if __name__ == "__main__":
    main()
