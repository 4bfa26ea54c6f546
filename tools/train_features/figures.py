"""Pictures for the eye: the progress of a run, and rows of pictures side by side."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, MARGIN = 720, 360, 48
INKS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd")

Picture = NDArray[np.uint8]


def progress_figure(log: Path, target: Path) -> None:
    """Plot a run's losses over the crops seen, each as a share of its first value."""
    with log.open(newline="") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    curves = {
        name: [row[name] / rows[0][name] for row in rows] for name in ("3_3", "4_3", "5_1", "draw")
    }
    curves["right"] = [row["right"] for row in rows]
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    _axes(pen, rows[-1]["crops"])
    for ink, (name, values) in zip(INKS, curves.items(), strict=True):
        points = [
            _place(row["crops"] / rows[-1]["crops"], value)
            for row, value in zip(rows, values, strict=True)
        ]
        pen.line(points, fill=ink, width=2)
        pen.text((WIDTH - MARGIN + 4, points[-1][1] - 6), name, fill=ink)
    image.save(target)


def _place(across: float, up: float) -> tuple[float, float]:
    """Turn shares of the plot's width and height (1.1 at the top) into pixels."""
    x = MARGIN + across * (WIDTH - 2 * MARGIN)
    return x, HEIGHT - MARGIN - up / 1.1 * (HEIGHT - 2 * MARGIN)


def _axes(pen: ImageDraw.ImageDraw, crops: float) -> None:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        pen.line([_place(0, share), _place(1, share)], fill="#dddddd")
        pen.text((8, _place(0, share)[1] - 6), f"{share:.2f}", fill="black")
        x, y = _place(share, 0)
        pen.text((x - 12, y + 6), f"{share * crops / 1000:.0f}k", fill="black")
    title = "losses as shares of their first values; right: share of regions named; over crops"
    pen.text((MARGIN, 12), title, fill="black")


def sheet(rows: Sequence[Mapping[str, Picture]], target: Path, *, side_px: int = 256) -> None:
    """Lay out rows of titled pictures, each scaled to a height of ``side_px``."""
    band = 18
    width = max(sum(_scaled(p, side_px).width + 4 for p in row.values()) for row in rows)
    image = Image.new("RGB", (width, len(rows) * (side_px + band)), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for index, row in enumerate(rows):
        x, y = 0, index * (side_px + band)
        for title, picture in row.items():
            small = _scaled(picture, side_px)
            pen.text((x + 2, y + 2), title, fill="black", font=font)
            image.paste(small, (x, y + band))
            x += small.width + 4
    image.save(target, quality=88)


def _scaled(picture: Picture, height: int) -> Image.Image:
    width = round(picture.shape[1] * height / picture.shape[0])
    return Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
