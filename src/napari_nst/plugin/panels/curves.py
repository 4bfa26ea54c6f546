"""What the loss plot draws: lines thinned to what a plot can show, and marks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from napari_nst.settings.results import LossPoint
from napari_nst.settings.text import settings_text

if TYPE_CHECKING:
    from napari_nst.settings.record import SteeringEvent

MOST_POINTS = 1000
"""Of a line; a dock is narrower than this in pixels."""

SPAN = 1e-5
"""A term below this share of the largest loss is off the plot."""

_NAME_LIMIT = 26

Line = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Mark:
    """A step at which something happened.

    Parameters
    ----------
    step
        The first step that it concerns.
    text
        What happened, in a word or two.
    kind
        Whether a new scale began or the user changed a setting.
    """

    step: int
    text: str
    kind: Literal["scale", "change"]


@dataclass(frozen=True)
class Curve:
    """The losses of one run.

    Parameters
    ----------
    name
        Of the run.
    points
        Its steps, oldest first.
    """

    name: str
    points: Sequence[LossPoint]

    @property
    def short_name(self) -> str:
        """The name, cut to fit a legend."""
        return self.name if len(self.name) <= _NAME_LIMIT else f"{self.name[: _NAME_LIMIT - 1]}…"


def total_line(points: Sequence[LossPoint]) -> Line:
    """Return steps and losses to draw; what is off the plot becomes a gap."""
    drawn = thinned(points)
    return _steps(drawn), _visible([point.loss for point in drawn], drawn)


def term_lines(points: Sequence[LossPoint]) -> dict[str, Line]:
    """Return "loss" and each term that has weight, as `total_line` does."""
    if not points:
        return {}
    drawn = thinned(points)
    names = [name for name, value in drawn[-1].terms.items() if value > 0]
    values = {name: [point.terms.get(name, 0.0) for point in drawn] for name in names}
    lines = {name: (_steps(drawn), _visible(each, drawn)) for name, each in values.items()}
    return {"loss": total_line(points)} | lines


def decades_of(curves: Iterable[npt.NDArray[np.float64]]) -> tuple[int, int] | None:
    """Return the powers of ten that enclose the curves; None if nothing is to be drawn."""
    seen = [curve[np.isfinite(curve)] for curve in curves]
    if not any(curve.size for curve in seen):
        return None
    exponents = np.log10(np.concatenate(seen))
    low, high = math.floor(exponents.min()), math.ceil(exponents.max())
    return low, max(high, low + 1)


def thinned(points: Sequence[LossPoint]) -> list[LossPoint]:
    """Take every n-th point, and the last, so that at most about `MOST_POINTS` are left."""
    stride = -(-len(points) // MOST_POINTS)
    if stride <= 1:
        return list(points)
    kept = list(points[::stride])
    return kept if kept[-1] is points[-1] else [*kept, points[-1]]


def scale_marks(points: Iterable[LossPoint]) -> list[Mark]:
    """Mark each step at which a run went on to the next scale."""
    return [
        Mark(after.iteration, f"scale {after.scale + 1}", "scale")
        for before, after in pairwise(points)
        if after.scale != before.scale
    ]


def change_marks(events: "Iterable[SteeringEvent]") -> list[Mark]:
    """Mark each step at which a steered setting took effect."""
    return [
        Mark(event.step + 1, settings_text({event.field: event.value}), "change")
        for event in events
    ]


def _steps(points: Sequence[LossPoint]) -> npt.NDArray[np.int64]:
    return np.array([point.iteration for point in points], np.int64)


def _visible(values: Sequence[float], points: Sequence[LossPoint]) -> npt.NDArray[np.float64]:
    """Leave out what has no logarithm, or would press the other curves flat.

    A run that starts from its content begins with a content loss of nearly nothing.
    """
    curve = np.array(values, np.float64)
    highest = max((point.loss for point in points if math.isfinite(point.loss)), default=0.0)
    return np.where(curve > SPAN * highest, curve, np.nan)
