"""Correct estimates of time by finished runs.

    seconds = r · (estimate from the device's speed),   r = median of measured / estimated

over the last five runs of a kind.

The device's speed comes from one short trial (`device_speed`); the share of it that a run
gets depends on the load of the machine, which only runs show. The ratios are stored on disk
for each device, precision and kind of style loss. The median ignores single outliers; r stays
within `RANGE`, so that a damaged file cannot make an estimate absurd.
"""

import logging
from collections.abc import Generator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from napari_nst.core.control import RunControl
from napari_nst.files.json_cache import read_cache, update_cache

Step = TypeVar("Step")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

RUNS = 5
"""Few, because the load of a machine changes from hour to hour."""

RANGE = (0.2, 20.0)

LEAST_S, LEAST_STEPS = 3.0, 5
"""In a shorter run the start takes a large share of the time."""

_KEYS = 64
"""Most kinds of runs that are stored; the kinds not seen for longest are dropped."""


@dataclass(frozen=True)
class Correction:
    """A factor for an estimate of time.

    Parameters
    ----------
    ratio
        The factor.
    runs
        Number of runs it comes from; with 0 the factor is 1.
    """

    ratio: float = 1.0
    runs: int = 0


def correction_of(key: str) -> Correction:
    """Return the correction by past runs of a kind.

    Parameters
    ----------
    key
        Device, precision and loss.
    """
    ratios = _ratios(read_cache(cache_file()).get(key))
    return Correction(_bounded(median(ratios)), len(ratios)) if ratios else Correction()


def add_run(key: str, *, measured_s: float, estimated_s: float) -> None:
    """Store the ratio of a run's time to its uncorrected estimate.

    If the disk cannot be written, a warning is logged and later estimates stay as they are.

    Parameters
    ----------
    key
        As for `correction_of`.
    measured_s, estimated_s
        The run's own time, and the estimate for the steps that it took.
    """
    if not all(isfinite(each) and each > 0 for each in (measured_s, estimated_s)):
        return
    ratio = _bounded(measured_s / estimated_s)

    def change(kept: dict[str, Any]) -> dict[str, Any]:
        others = [(name, value) for name, value in kept.items() if name != key]
        newest = [*_ratios(kept.get(key)), ratio][-RUNS:]
        return dict([*others, (key, newest)][-_KEYS:])

    file = cache_file()
    try:
        update_cache(file, change)
    except OSError as error:
        logger.warning("the time of this run cannot be stored in %s: %s", file, error)


class OwnTime:
    """Measures the time of a run without pauses and without the caller's work between steps.

    Parameters
    ----------
    control
        The run's control, which knows how long it was paused.
    """

    def __init__(self, control: RunControl) -> None:
        self._control = control
        self._paused_before_s = control.paused_s
        self._inside_s = 0.0

    @property
    def seconds(self) -> float:
        """The time so far."""
        return self._inside_s - (self._control.paused_s - self._paused_before_s)

    def of(self, run: Generator[Step, None, Result]) -> Generator[Step, None, Result]:
        """Yield the steps of a run, return its result, and measure."""
        try:
            while True:
                began = perf_counter()
                try:
                    step = next(run)
                except StopIteration as end:
                    result: Result = end.value
                    return result
                finally:
                    self._inside_s += perf_counter() - began
                yield step
        finally:
            run.close()


def cache_file() -> Path:
    """Return the file of past runs' ratios."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-nst", appauthor=False) / "lessons.json"


def _ratios(entry: object) -> list[float]:
    """Return an entry's ratios, the last ones; empty if it is damaged."""
    if not isinstance(entry, list):
        return []
    low, high = RANGE
    numbers = [each for each in entry if type(each) in (int, float) and low <= each <= high]
    return [float(each) for each in numbers][-RUNS:]


def _bounded(ratio: float) -> float:
    low, high = RANGE
    return min(max(ratio, low), high)
