"""Write the evaluation's tables and pictures: ``python -m tools.train_features.report``."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from napari_nst import StyleConfig
from napari_nst.weights import Weights, load
from tools.train_features.evaluate import (
    REDUCTIONS,
    STROKES,
    Course,
    Picture,
    identity,
    inversion,
    real_crops,
    table,
    transfer,
    unseen_crops,
)
from tools.train_features.figures import sheet

log = logging.getLogger(__name__)

CROP_PX, CROPS, UNSEEN = 96, 6, 40
LAYER_WEIGHTS = (16.0, 2.0, 4.0, 16.0, 32.0)
TAPS = ("relu3_2", "relu4_2", "relu5_1")
Rows = dict[str, dict[str, float]]


def read_pictures(folder: Path, kind: str) -> dict[str, Picture]:
    """Read ``kind-NAME.jpg`` as {NAME: picture}, longest side at most 768 px."""
    found = {}
    for path in sorted(folder.glob(f"{kind}-*.jpg")):
        image = Image.open(path).convert("RGB")
        image.thumbnail((768, 768))
        found[path.stem.removeprefix(f"{kind}-")] = np.asarray(image)
    return found


def identity_rows(candidates: Mapping[str, Weights]) -> Rows:
    """Compare candidates by texture identity, on generated and on real textures."""
    groups = {
        "unseen generated": unseen_crops(CROP_PX, CROPS, UNSEEN),
        "real": real_crops(CROP_PX, CROPS),
    }
    return {
        f"{kind}, {name}": identity(weights, crops)
        for kind, crops in groups.items()
        for name, weights in candidates.items()
    }


def transfers(
    candidates: Mapping[str, Weights],
    contents: Mapping[str, Picture],
    styles: Mapping[str, Picture],
    config: StyleConfig,
) -> dict[tuple[str, str], dict[str, Course]]:
    """Paint every content in the manner of every style with every candidate."""
    courses = {}
    for content in contents:
        for style in styles:
            pair = (contents[content], styles[style])
            courses[content, style] = {
                name: transfer(weights, *pair, config) for name, weights in candidates.items()
            }
            log.info("painted %s as %s", content, style)
    return courses


def transfer_rows(courses: Mapping[tuple[str, str], Mapping[str, Course]]) -> Rows:
    """Tabulate the correlations at equal reductions of the style loss, and their means."""
    rows: Rows = {}
    for (content, style), by_name in courses.items():
        rows[f"{content} as {style}"] = {
            f"{name} / {reduction:g}": course.at(reduction)
            for reduction in REDUCTIONS
            for name, course in by_name.items()
        } | {
            f"{name}, strokes {share:g}": course.at_strokes(share)
            for share in STROKES
            for name, course in by_name.items()
        }
    columns = next(iter(rows.values()))
    rows["mean"] = {
        column: float(np.mean([row[column] for row in rows.values()])) for column in columns
    }
    return rows


def draw_sheets(
    courses: Mapping[tuple[str, str], Mapping[str, Course]],
    contents: Mapping[str, Picture],
    out: Path,
) -> None:
    """Save one sheet per content, a row per style: what each candidate painted.

    The pictures painted from are left out: they are not ours to ship.
    """
    for content in contents:
        rows = []
        for (source, style), by_name in courses.items():
            if source == content:
                rows.append(
                    {
                        f"{style}, {name}: edges {course.correlation[-1]:.2f}": course.picture
                        for name, course in by_name.items()
                    }
                )
        height = next(iter(rows[0].values())).shape[0]
        sheet(rows, out / f"features-{content}.jpg", side_px=2 * height)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tools.train_features.report", description=__doc__)
    parser.add_argument("--weights", default="builtin", help="weights to judge")
    parser.add_argument("--pictures", type=Path, required=True, help="content-*, style-*.jpg")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--settings", type=json.loads, default={}, help="of StyleConfig, as JSON")
    return parser.parse_args()


def main() -> None:
    """Judge the weights beside untrained ones."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    candidates = {"untrained": load("untrained"), "built-in": load(args.weights)}
    parts = [table(identity_rows(candidates))]
    log.info("texture identity\n%s", parts[0])
    settings: dict[str, Any] = {k: _tupled(v) for k, v in args.settings.items()}
    settings = {"style_layer_weights": LAYER_WEIGHTS} | settings
    config = StyleConfig.preset("gatys", size=args.size, steps=args.steps).replace(**settings)
    contents, styles = (read_pictures(args.pictures, kind) for kind in ("content", "style"))
    courses = transfers(candidates, contents, styles, config)
    draw_sheets(courses, contents, args.out)
    parts.append(table(transfer_rows(courses)))
    content = next(iter(contents.values()))
    inverted = {
        name: {tap: inversion(weights, content, tap=tap, size=128, steps=100) for tap in TAPS}
        for name, weights in candidates.items()
    }
    parts.append(table(inverted))
    (args.out / "tables.md").write_text("\n\n".join(parts) + "\n")
    log.info("\n\n".join(parts))


def _tupled(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
