"""What a transfer costs: edges kept against style gained, at every strength.

Each network paints each pair at several strengths. From strength to strength, and along each run,
the distance to the style falls, by a common yardstick, and the content's edges go. Edges at an
equal distance compare networks fairly, whatever their losses' scales.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from napari_nst import StyleConfig, iter_stylize
from napari_nst.settings.presets import matched_ratio
from napari_nst.weights import Weights
from tools.train_features.yardsticks import Picture, StyleGap, edge_correlation, fit

log = logging.getLogger(__name__)

AVERAGE = "the three averaged"
RATIOS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""|style gradient| / |content gradient| at which each pair is painted."""


@dataclass(frozen=True)
class Candidate:
    """Weights to judge, with the layer weights of the style that go with them."""

    name: str
    weights: Weights
    layer_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Course:
    """How a transfer went; at each step, each value a share of the first.

    ``own`` is the network's own style loss, ``distances`` those to the style by each common
    yardstick; ``edges`` is the correlation of edges with the content.
    """

    own: list[float]
    distances: dict[str, list[float]]
    edges: list[float]

    def along(self, yardstick: str) -> list[float]:
        """Give the distances by a yardstick, or by the mean of all for "the three averaged"."""
        if yardstick == AVERAGE:
            return np.mean(list(self.distances.values()), axis=0).tolist()
        return self.distances[yardstick]

    def at_own(self, share: float) -> float:
        """Edges when the network's own loss had first fallen to a share; NaN if never."""
        return edges_at(self.own, self.edges, share)


def finished(courses: Sequence[Course]) -> Course:
    """Line up the content and the last pictures of runs of rising strength, as one course."""
    return Course(
        [1.0, *(course.own[-1] for course in courses)],
        {
            yardstick: [1.0, *(course.distances[yardstick][-1] for course in courses)]
            for yardstick in courses[0].distances
        },
        [1.0, *(course.edges[-1] for course in courses)],
    )


def crossings(values: Sequence[float], others: Sequence[float], level: float) -> list[float]:
    """Give what the others were whenever the values passed a level, in proportion."""
    points = pairwise(zip(values, others, strict=True))
    return [
        other + (level - value) / (after - value) * (other_after - other)
        for (value, other), (after, other_after) in points
        if min(value, after) <= level <= max(value, after) and value != after
    ]


def edges_at(distances: Sequence[float], edges: Sequence[float], share: float) -> float:
    """Edges when a distance, at first 1, first was a share; NaN if never."""
    return next(iter(crossings(distances, edges, share)), float("nan"))


def best_edges(courses: Iterable[Course], yardstick: str, share: float) -> float:
    """Most edges kept over all courses at a share of the distance; NaN if none got there."""
    found = [edges_at(c.along(yardstick), c.edges, share) for c in courses]
    return float(np.nanmax(found)) if not np.isnan(found).all() else float("nan")


def closest(courses: Iterable[Course], yardstick: str) -> float:
    """Least distance on any course, as a share of the first."""
    return min(min(course.along(yardstick)) for course in courses)


def reach(courses: Iterable[Course], yardstick: str, kept: float) -> float:
    """Least distance on any course while so many edges were left."""
    found = []
    for course in courses:
        distances = course.along(yardstick)
        found += [d for d, edges in zip(distances, course.edges, strict=True) if edges >= kept]
        found += crossings(course.edges, distances, kept)
    return min(found)


def paint(
    weights: Weights, content: Picture, style: Picture, config: StyleConfig, *, every: int = 4
) -> tuple[Course, Picture]:
    """Paint the content in the manner of the style, and measure every few steps."""
    own, distances, edges = [], [], []
    picture = gap = None
    for step in iter_stylize(content, style, config, weights=weights):
        shown = fit(content, step.image()) if picture is None else picture
        picture = step.image()
        gap = gap or StyleGap(fit(style, _framed(style, picture)))
        if (step.iteration - 1) % every == 0 or step.iteration == step.total:
            own.append(step.terms["style"])
            distances.append(gap.distances(shown))
            edges.append(edge_correlation(shown, fit(content, shown)))
    assert picture is not None
    by_yardstick = {key: _shares([each[key] for each in distances]) for key in distances[0]}
    return Course(_shares(own), by_yardstick, edges), picture


def painted(
    candidate: Candidate, names: tuple[str, str], pictures: tuple[Picture, Picture],
    config: StyleConfig, ratio: float, folder: Path,
) -> tuple[Course, Picture]:  # fmt: skip
    """Paint a pair at a ratio, or read it from the folder where that was done before."""
    strength = ratio / matched_ratio(candidate.weights.name)
    config = config.replace(style_strength=strength, style_layer_weights=candidate.layer_weights)
    settings = hashlib.sha256((candidate.weights.sha256 + config.to_json()).encode()).hexdigest()
    stem = f"{'-'.join(names)}-{candidate.name}-{ratio:g}-{settings[:12]}"
    kept, shown = folder / f"{stem}.json", folder / f"{stem}.png"
    if not kept.exists():
        course, picture = paint(candidate.weights, *pictures, config)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(shown)
        kept.write_text(json.dumps(asdict(course)))
        log.info("painted %s as %s, %s at %g", *names, candidate.name, ratio)
    return Course(**json.loads(kept.read_text())), np.asarray(Image.open(shown))


def _shares(values: Sequence[float]) -> list[float]:
    return [value / values[0] for value in values]


def _framed(style: Picture, picture: Picture) -> Picture:
    """Return an array of the size at which the style is read: its longest side fitted."""
    factor = max(picture.shape) / max(style.shape)
    sides = [max(1, round(side * factor)) for side in style.shape[:2]]
    return np.empty((*sides, 3), np.uint8)
