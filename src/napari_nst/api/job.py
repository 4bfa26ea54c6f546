"""One run: what it works on, its steps, and what it leaves."""

import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari_nst.api.checkpoint import Checkpoints, Settled
from napari_nst.api.results import Step, StyleResult
from napari_nst.core.control import RunControl
from napari_nst.core.loss.temporal import TemporalTarget
from napari_nst.core.picture import Pictures
from napari_nst.core.run import Run, RunStep
from napari_nst.errors import ClusterError
from napari_nst.files.checkpoints import Checkpoint
from napari_nst.planning.estimate import Plan, learn
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, SteeringEvent
from napari_nst.settings.regions import Regions
from napari_nst.settings.results import LossPoint


@dataclass(frozen=True)
class Job:
    """One run: what it works on, who steers it, and what it goes on from."""

    pictures: Pictures
    config: StyleConfig
    hashes: dict[str, Any]
    control: RunControl
    events: tuple[SteeringEvent, ...]
    regions: Regions | None
    checkpoints: Checkpoints | None
    resumed: Checkpoint | None
    settled: Settled | None
    temporal: TemporalTarget | None = None


def exhausted(run: Generator[Step, None, StyleResult]) -> StyleResult:
    """Take all steps of a run and return its result."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            result: StyleResult = end.value
            return result


def learn_from(expected: Plan, result: StyleResult, measured_s: float, *, was_ready: bool) -> None:
    """Let estimates learn from a run, unless its course was not that of its settings."""
    if result.record.events or result.reason == "diverged":
        return
    taken = Counter(point.scale for point in result.history[: result.record.steps_done])
    by_scale = [taken[scale] for scale in range(len(expected.sizes))]
    learn(expected, by_scale, measured_s=measured_s, was_ready=was_ready)


def take_steps(
    run: Run, record: RunRecord, job: Job, began: float
) -> Generator[Step, None, StyleResult]:
    """Yield a run's steps, with checkpoints where they are due; returns its result.

    Parameters
    ----------
    record
        Of a run that has not begun.
    began
        When it did, by `time.perf_counter`.
    """
    checkpoints, stopped = job.checkpoints, partial(_stopped, run, record)
    history = list(job.resumed.history) if job.resumed else []
    if checkpoints is not None:
        checkpoints.begin()
    for step in _kept_where_cluster_ends(run, record, history, checkpoints, began):
        seconds = time.perf_counter() - began
        point = (step.evaluation.loss, step.evaluation.terms, seconds)
        history.append(LossPoint(step.iteration, step.scale.index, *point))
        if checkpoints is not None and checkpoints.is_due:
            checkpoints.write(run, record, history, seconds)
        shown = Step(step.iteration, run.total, step.scale, *point, run.image, stopped)
        del step  # or its gradient would be there during the next one
        yield shown
    seconds = time.perf_counter() - began
    is_stopped = run.reason == "stopped" and run.is_resumable and bool(history)
    if is_stopped and checkpoints is not None and not checkpoints.is_over.is_set():
        checkpoints.write(run, record, history, seconds)
    if run.reason != "stopped" or not history:
        history.append(_last_point(run, history, began))
    resolved = record.resolved | {"palette": run.palette.to_dict()}  # other shares, other palette
    record = record.replace(
        events=tuple(run.events), steps_done=run.done, reason=run.reason, resolved=resolved
    )
    painted = run.picture.detach().float().cpu()[0].permute(1, 2, 0).numpy()
    return StyleResult(
        run.image(), painted, tuple(history), run.reason, record, seconds, job.pictures.source
    )


def _kept_where_cluster_ends(
    run: Run,
    record: RunRecord,
    history: list[LossPoint],
    checkpoints: Checkpoints | None,
    began: float,
) -> Iterator[RunStep]:
    """Take the steps; where a cluster is lost, write a checkpoint of the last one."""
    try:
        yield from run.steps()
    except ClusterError:
        if checkpoints is not None and run.is_resumable and history:
            checkpoints.write(run, record, history, time.perf_counter() - began)
        raise


def _last_point(run: Run, history: list[LossPoint], began: float) -> LossPoint:
    terms = run.terms()
    scale = history[-1].scale if history else 0
    seconds = time.perf_counter() - began
    return LossPoint(run.done + 1, scale, sum(terms.values()), terms, seconds)


def _stopped(run: Run, record: RunRecord) -> RunRecord:
    return record.replace(events=tuple(run.events), steps_done=run.done, reason="stopped")
