"""What finished runs teach the estimates of the next ones.

    seconds = r · (estimate by the device's speed),   r = median of measured / estimated

over the last five runs of a kind.

One short trial measures a device's speed (`device_speed`); how much of that speed a run
gets depends on what else the machine does, which only runs can tell. The ratios are kept on disk
for each device, precision and kind of style loss. The median lets one odd run change nothing;
r stays within `RANGE`, so that no file can make an estimate absurd.
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
"""Runs that count: the load of a machine changes from hour to hour."""

RANGE = (0.2, 20.0)

LEAST_S, LEAST_STEPS = 3.0, 5
"""A shorter run says more about its start than about its steps."""

_KEYS = 64
"""Kinds of runs that are remembered; those that were taught longest ago go first."""


@dataclass(frozen=True)
class Lesson:
    """What past runs say of the next one's time.

    Parameters
    ----------
    ratio
        What its estimate is multiplied by.
    runs
        How many runs say so; 0 leaves the estimate as it is.
    """

    ratio: float = 1.0
    runs: int = 0


def recall(key: str) -> Lesson:
    """Return what past runs of a kind teach.

    Parameters
    ----------
    key
        Names device, precision and loss.
    """
    ratios = _ratios(read_cache(cache_file()).get(key))
    return Lesson(_bounded(median(ratios)), len(ratios)) if ratios else Lesson()


def teach(key: str, *, measured_s: float, estimated_s: float) -> None:
    """Keep how long a run took against its estimate without lessons.

    A disk that cannot be written only leaves the next estimate as it was.

    Parameters
    ----------
    key
        As for `recall`.
    measured_s, estimated_s
        The run's own time, and what was estimated for the steps that it took.
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
        logger.warning("what this run teaches cannot be kept in %s: %s", file, error)


class OwnTime:
    """Measures the time that a run takes for itself.

    What the caller does between two steps does not count, nor does a pause.

    Parameters
    ----------
    control
        Of the run; knows how long it was paused.
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
        """Hand on the steps of a run, and its result, and measure."""
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
    """Return the file that keeps what runs taught."""
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
