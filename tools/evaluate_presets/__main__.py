"""Judge the presets: ``python -m tools.evaluate_presets --pictures DIR --out DIR``.

Paints twelve pairs with each variant, or reads what was painted before, and writes tables.md,
the contact sheets of docs/gallery.md and, with --blind, sheets for a judge who does not know which
is which.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, median

from tools.evaluate_presets import blind
from tools.evaluate_presets.identity import identity_rows
from tools.evaluate_presets.measures import COLUMNS
from tools.evaluate_presets.painting import Painted, Variant, painted
from tools.evaluate_presets.pairs import PAIRS, Pair
from tools.train_features.figures import sheet

OWN = ("default-2026-11", "default", "painterly")
FULL = tuple(Variant(preset, 512) for preset in OWN)
SMALL = (
    *(Variant(preset, 256) for preset in OWN[:2]),
    Variant("gatys", 256, 60),
    Variant("crowsonkb", 256, 60),
)
"""The published ones take hours with all their steps on a processor: each gets sixty."""
PEER = (Variant("default", 512), Variant("crowsonkb", 512, 45))
"""The best peer, with as many steps as take the default's time."""
SIX_PAIRS = (*PAIRS[:4], PAIRS[8], PAIRS[10])
IDENTITY_STYLES = ("the-scream", "starry-night", "shipwreck")
SIDE_PX = 190

Rows = Mapping[str, Mapping[str, float]]
Paint = Callable[[Pair, Variant], Painted]


def mean_rows(pairs: Sequence[Pair], variants: Sequence[Variant], paint: Paint) -> Rows:
    """Average the measures of each variant over the pairs; seconds are the median."""
    rows = {}
    for variant in variants:
        found = [paint(pair, variant) for pair in pairs]
        row = {name: mean(each.measures[name] for each in found) for name in COLUMNS}
        rows[str(variant)] = row | {"seconds": median(each.seconds for each in found)}
    return rows


def pair_rows(pairs: Sequence[Pair], variants: Sequence[Variant], paint: Paint) -> Rows:
    """List the measures of each pair with each variant."""
    return {f"{pair}, {each}": paint(pair, each).measures for pair in pairs for each in variants}


def table(rows: Rows) -> str:
    """Lay out rows of named numbers as a Markdown table; seconds without decimals."""
    names = list(next(iter(rows.values())))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for title, row in rows.items():
        cells = (f"{row[name]:.0f}" if name == "seconds" else f"{row[name]:.3f}" for name in names)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(pairs: Sequence[Pair], variants: Sequence[Variant], paint: Paint, target: Path) -> None:
    """Save a contact sheet, a row a pair; pictures painted from are not ours to ship."""
    first, *others = (
        variants  # the first is titled by its pair: narrow pictures have no room for both
    )
    rows = [
        {str(pair): paint(pair, first).picture}
        | {each.preset: paint(pair, each).picture for each in others}
        for pair in pairs
    ]
    sheet(rows, target, side_px=SIDE_PX)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tools.evaluate_presets", description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="content-*, style-*.jpg")
    parser.add_argument("--out", type=Path, required=True, help="tables, sheets, runs done")
    parser.add_argument("--blind", action="store_true", help="sheets for a blind judge too")
    return parser.parse_args()


def main() -> None:
    """Paint, measure, and write the tables and sheets."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args = parse()
    kept = args.out / "runs"
    kept.mkdir(parents=True, exist_ok=True)

    @cache
    def paint(pair: Pair, variant: Variant) -> Painted:
        return painted(pair, variant, args.pictures, kept)

    parts = {
        "512 px, mean of twelve pairs": mean_rows(PAIRS, FULL, paint),
        "256 px, mean of twelve pairs": mean_rows(PAIRS, SMALL, paint),
        "512 px, the best peer in the same time, mean of six pairs": mean_rows(
            SIX_PAIRS, PEER, paint
        ),
        "identity, 256 px": identity_rows(IDENTITY_STYLES, SMALL[:2], args.pictures, kept),
        "512 px, each pair": pair_rows(PAIRS, FULL, paint),
    }
    text = "\n\n".join(f"{title}\n\n{table(rows)}" for title, rows in parts.items())
    (args.out / "tables.md").write_text(text + "\n")
    draw(PAIRS, FULL, paint, args.out / "gallery.jpg")
    draw(SIX_PAIRS, PEER, paint, args.out / "gallery-peer.jpg")
    if args.blind:
        blind.draw(PAIRS, FULL[:2], args.pictures, kept, args.out / "blind")


if __name__ == "__main__":
    main()
