"""Write the evaluation's tables and pictures: ``python -m tools.train_features.report``."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from napari_nst import StyleConfig
from napari_nst.settings.presets import BUILTIN_LAYER_WEIGHTS
from napari_nst.weights import load
from tools.train_features import frontier
from tools.train_features.evaluate import identity, inversion, real_crops, table, unseen_crops
from tools.train_features.figures import sheet
from tools.train_features.frontier import AVERAGE, RATIOS, Candidate, Course
from tools.train_features.yardsticks import YARDSTICKS, Picture

log = logging.getLogger(__name__)

CROP_PX, CROPS, UNSEEN = 96, 6, 40
TAPS = ("relu3_2", "relu4_2", "relu5_1")
SHARES = (0.9, 0.8, 0.7, 0.6, 0.5)
"""At which shares of the first distance to the style transfers are compared."""
MEASURES = (*YARDSTICKS, AVERAGE)
EDGES_KEPT = (0.98, 0.95, 0.9, 0.85, 0.8)
OWN_SHARES = (0.1, 0.03, 0.01)
OWN_RATIO = 30.0
Rows = dict[str, dict[str, float]]
Pair = tuple[str, str]
Painted = dict[Pair, dict[str, dict[float, tuple[Course, Picture]]]]
"""By pair, candidate and ratio."""


def read_pictures(folder: Path, kind: str) -> dict[str, Picture]:
    """Read ``kind-NAME.jpg`` as {NAME: picture}, longest side at most 768 px."""
    found = {}
    for path in sorted(folder.glob(f"{kind}-*.jpg")):
        image = Image.open(path).convert("RGB")
        image.thumbnail((768, 768))
        found[path.stem.removeprefix(f"{kind}-")] = np.asarray(image)
    return found


def identity_rows(candidates: Sequence[Candidate]) -> Rows:
    """Compare candidates by texture identity, on generated and on real textures."""
    groups = {
        "unseen generated": unseen_crops(CROP_PX, CROPS, UNSEEN),
        "real": real_crops(CROP_PX, CROPS),
    }
    return {
        f"{kind}, {each.name}": identity(each.weights, crops)
        for kind, crops in groups.items()
        for each in candidates
    }


def paint_all(
    candidates: Sequence[Candidate], folder: Path, config: StyleConfig, cache: Path
) -> Painted:
    """Paint every content in the manner of every style with every candidate and strength."""
    contents, styles = (read_pictures(folder, kind) for kind in ("content", "style"))
    pairs = {(c, s): (contents[c], styles[s]) for c in contents for s in styles}
    found: Painted = {names: {each.name: {} for each in candidates} for names in pairs}
    for each in candidates:
        for ratio in RATIOS:
            for names, pictures in pairs.items():
                done = frontier.painted(each, names, pictures, config, ratio, cache)
                found[names][each.name][ratio] = done
    return found


Choose = Callable[[list[Course]], list[Course]]
"""Takes from the runs of a pair by rising strength what is judged."""

JUDGED: dict[str, Choose] = {
    "finished pictures": lambda runs: [frontier.finished(runs)],
    "all steps": lambda runs: runs,
}


def _courses(by_ratio: Mapping[float, tuple[Course, Picture]], choose: Choose) -> list[Course]:
    return choose([by_ratio[ratio][0] for ratio in sorted(by_ratio)])


def frontier_rows(painted: Painted, yardstick: str, choose: Choose) -> Rows:
    """Tabulate the edges kept at equal distances; the last rows sum up.

    "mean" is over the pairs that all candidates brought there, "pairs there" counts each one's.
    """
    rows: Rows = {}
    for names, by_name in painted.items():
        rows[" as ".join(names)] = {
            f"{share}, {name}": frontier.best_edges(_courses(by_ratio, choose), yardstick, share)
            for share in SHARES
            for name, by_ratio in by_name.items()
        }
    values = np.array([list(row.values()) for row in rows.values()])
    there = ~np.isnan(values)
    together = there.reshape(len(rows), len(SHARES), -1).all(2)
    together = np.repeat(together, values.shape[1] // len(SHARES), 1)
    count = together.sum(0)
    sums = np.where(together, values, 0).sum(0)
    means = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
    columns = list(next(iter(rows.values())))
    rows["mean"] = dict(zip(columns, means.tolist(), strict=True))
    rows["pairs there"] = dict(zip(columns, there.sum(0).astype(float).tolist(), strict=True))
    return rows


def closest_rows(painted: Painted, choose: Choose) -> Rows:
    """Tabulate the least distance that any strength reached, by each yardstick."""
    rows = {
        " as ".join(names): {
            f"{yardstick}, {name}": frontier.closest(_courses(by_ratio, choose), yardstick)
            for yardstick in MEASURES
            for name, by_ratio in by_name.items()
        }
        for names, by_name in painted.items()
    }
    return _with_mean(rows)


def reach_rows(painted: Painted, choose: Choose) -> Rows:
    """Tabulate how near to the style one comes with so many edges left, a mean over the pairs."""
    names = list(next(iter(painted.values())))
    return {
        f"{yardstick}, {name}": {
            str(kept): float(
                np.mean(
                    [
                        frontier.reach(_courses(by_name[name], choose), yardstick, kept)
                        for by_name in painted.values()
                    ]
                )
            )
            for kept in EDGES_KEPT
        }
        for yardstick in MEASURES
        for name in names
    }


def frontier_parts(painted: Painted, choose: Choose) -> dict[str, Rows]:
    """Tabulate all that compares distances and edges."""
    return {
        **{f"edges by {y}": frontier_rows(painted, y, choose) for y in MEASURES},
        "closest": closest_rows(painted, choose),
        "closest with so many edges left": reach_rows(painted, choose),
    }


def own_rows(painted: Painted) -> Rows:
    """Tabulate the edges kept at equal shares of each network's own style loss."""
    rows = {
        " as ".join(names): {
            f"{share}, {name}": by_ratio[OWN_RATIO][0].at_own(share)
            for share in OWN_SHARES
            for name, by_ratio in by_name.items()
        }
        for names, by_name in painted.items()
    }
    return _with_mean(rows)


def _with_mean(rows: Rows) -> Rows:
    columns = next(iter(rows.values()))
    means = {name: float(np.mean([row[name] for row in rows.values()])) for name in columns}
    return {**rows, "mean": means}


def draw_sheets(painted: Painted, ratio: float, out: Path) -> None:
    """Save one sheet per content, a row per style: what each candidate painted.

    The pictures painted from are left out: they are not ours to ship.
    """
    for content in {content for content, _ in painted}:
        rows = [
            {
                f"{style}, {name}: edges {by_ratio[ratio][0].edges[-1]:.2f}": by_ratio[ratio][1]
                for name, by_ratio in by_name.items()
            }
            for (source, style), by_name in painted.items()
            if source == content
        ]
        sheet(rows, out / f"features-{content}-{ratio:g}.jpg", side_px=240)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tools.train_features.report", description=__doc__)
    parser.add_argument("--weights", default="builtin", help="weights to judge")
    parser.add_argument("--pictures", type=Path, required=True, help="content-*, style-*.jpg")
    parser.add_argument("--out", type=Path, required=True, help="tables, pictures, runs done")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--settings", type=json.loads, default={}, help="of StyleConfig, as JSON")
    return parser.parse_args()


def main() -> None:
    """Judge the weights beside untrained ones; runs already done are read, not repeated."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    untrained, ours = load("untrained"), load(args.weights)
    plain, judged = (
        Candidate("untrained", untrained),
        Candidate("built-in", ours, BUILTIN_LAYER_WEIGHTS),
    )
    alike = Candidate("untrained, our layer weights", untrained, BUILTIN_LAYER_WEIGHTS)
    config = StyleConfig.preset("gatys", size=args.size, steps=args.steps)
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in args.settings.items()}
    config = config.replace(**settings)
    painted = paint_all([judged, plain, alike], args.pictures, config, args.out / "runs")
    for ratio in RATIOS:
        draw_sheets(painted, ratio, args.out)
    content = next(iter(read_pictures(args.pictures, "content").values()))
    invert = partial(inversion, content=content, size=112, steps=60)
    parts = {
        "texture identity": identity_rows([plain, judged]),
        **{
            f"{title}, {judged}": rows
            for judged, choose in JUDGED.items()
            for title, rows in frontier_parts(painted, choose).items()
        },
        "edges by each network's own loss": own_rows(painted),
        "inversion": {
            each.name: {tap: invert(each.weights, tap=tap) for tap in TAPS}
            for each in (plain, judged)
        },
    }
    text = "\n\n".join(f"{title}\n\n{table(rows)}" for title, rows in parts.items())
    (args.out / "tables.md").write_text(text + "\n")
    log.info(text)


if __name__ == "__main__":
    main()
