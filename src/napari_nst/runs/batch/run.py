"""Run the pairs of a folder run, one at a time, into files and a contact sheet."""

import logging
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_nst.core.control import RunControl
from napari_nst.errors import ImageError, NstError
from napari_nst.files.disk import clear_leftovers
from napari_nst.files.images import read_picture
from napari_nst.files.names import save_picture
from napari_nst.files.outputs import check_output, disk_errors_translated, write_atomically
from napari_nst.runs.batch.contact_sheet import (
    Cell,
    Face,
    Sheet,
    make_thumbnail,
    sheet_html,
    sheet_png,
)
from napari_nst.runs.batch.pairs import INDEX_FILE, SHEET_FILE, Pair
from napari_nst.runs.batch.plan import BatchPlan, BatchRequest, plan_batch
from napari_nst.runs.export import note_saved
from napari_nst.runs.progress import duration_text
from napari_nst.settings.config import StyleConfig, checked_config
from napari_nst.settings.presets import DEFAULT_PRESET
from napari_nst.settings.record import RunRecord, SteeringEvent, checked_events

if TYPE_CHECKING:
    from napari_nst.api import Step, StyleResult
    from napari_nst.weights import InputKind, Weights

SHEET_INTERVAL_S = 30.0
"""The contact sheet is written anew no more often than this while runs go on."""

SECONDS = "seconds"
"""Where a result's record keeps how long its run took, among what was resolved."""

State = Literal["done", "kept", "failed", "stopped"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PairResult:
    """What became of one pair.

    Parameters
    ----------
    pair
        The files: content, style and output.
    state
        "done"; "kept", of an earlier call; "failed"; or "stopped", with nothing written.
    reason
        Why it failed: a sentence. Empty otherwise.
    record
        Of the result that is in the file; None if there is none.
    seconds
        How long the run took, if that is known.
    size
        Height and width of the result, where it was made now.
    """

    pair: Pair
    state: State
    reason: str = ""
    record: RunRecord | None = None
    seconds: float | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class BatchStep:
    """One step of one run.

    Parameters
    ----------
    pair
        What is running.
    number, count
        Which of the pairs that are to run it is, from 1.
    share
        How much of all runs is done, from 0 to 1.
    left_s, pair_left_s
        Seconds left of all runs and of this one; None before the second step.
    step
        As `napari_nst.iter_stylize` yields it: loss, scale, picture.
    """

    pair: Pair
    number: int
    count: int
    share: float
    left_s: float | None
    pair_left_s: float | None
    step: "Step"


def stylize_folder(
    contents: str | Path | Sequence[str | Path],
    styles: str | Path | Sequence[str | Path],
    folder: str | Path,
    config: StyleConfig | None = None,
    *,
    suffix: str = ".png",
    weights: "str | Path | Weights" = "auto",
    weights_input: "InputKind | None" = None,
    device: str = "auto",
    control: RunControl | None = None,
    init: str | Path | None = None,
    events: Sequence[SteeringEvent] = (),
    overwrite: bool = False,
    check_memory: bool = True,
) -> Generator[PairResult, None, None]:
    """Stylize every content in every style, into files named ``content-x-style.png``.

    A pair is skipped if its file has a record of the same settings, inputs and weights. A contact
    sheet, ``index.html`` and ``contact-sheet.png``, is written beside the results.

    Parameters
    ----------
    contents, styles, folder
        Each a folder, a file, or a list of them; and the folder for the results.
    suffix
        Of the results: ".png", ".jpg", ".tif" or ".webp".
    config, weights, weights_input, device, control, events, check_memory
        As for `iter_stylize`. A stop leaves the current run unwritten.
    init
        A picture file that every run starts from, instead of ``config.init``.
    overwrite
        Whether to run also what is finished, and to replace files that are no results.

    Yields
    ------
    PairResult
        One for each pair: first those that need no run. A pair that fails does not end the others.

    Raises
    ------
    ImageError, ConfigError, WeightsError, DeviceError, DeviceMemoryError
        Before the first run: a missing folder, names that collide, a run that does not fit.
    """
    settings = StyleConfig.preset(DEFAULT_PRESET) if config is None else checked_config(config)
    request = BatchRequest(
        contents=_paths(contents),
        styles=_paths(styles),
        folder=Path(folder),
        config=settings,
        suffix=suffix,
        weights=weights,
        weights_input=weights_input,
        device=device,
        init=None if init is None else Path(init),
        events=checked_events(events, settings),
        overwrite=overwrite,
        check_memory=check_memory,
    )
    return (e for e in run_batch(plan_batch(request), control) if isinstance(e, PairResult))


def run_batch(
    plan: BatchPlan, control: RunControl | None = None
) -> Generator[BatchStep | PairResult, None, None]:
    """Run what a plan says; yields every step, and what became of every pair.

    The generator may be closed between two events; to end it from another thread, stop `control`.

    Raises
    ------
    ImageError
        At once, if the folder for the results cannot be made or written.
    """
    folder = plan.request.folder
    with disk_errors_translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
    clear_leftovers(folder)
    room_bytes = max(map(plan.result_bytes, plan.due), default=0) // 10
    check_output(folder / SHEET_FILE, room_bytes=room_bytes)
    return _run_all(plan, RunControl() if control is None else control)


def _run_all(plan: BatchPlan, control: RunControl) -> Generator[BatchStep | PairResult, None, None]:
    sheet, clock = _SheetWriter(plan), _Clock(plan, control)
    try:
        for pair in plan.pairs:
            if settled := _settled(plan, pair):
                sheet.add(settled)
                yield settled
        for number, pair in enumerate(plan.due, 1):
            if control.stopped:
                break
            result = yield from _run_pair(plan, pair, number, control, clock, sheet)
            sheet.add(result)
            yield result
            if result.state == "failed" and not _can_write(plan):
                break
    finally:
        sheet.write()


def _settled(plan: BatchPlan, pair: Pair) -> PairResult | None:
    """Return what became of a pair that needs no run."""
    if reason := plan.fault_of(pair) or plan.refused.get(pair):
        return PairResult(pair, "failed", reason=reason)
    if record := plan.kept.get(pair):
        seconds = record.resolved.get(SECONDS)
        known = float(seconds) if isinstance(seconds, int | float) else None
        return PairResult(pair, "kept", record=record, seconds=known)
    return None


def _run_pair(
    plan: BatchPlan,
    pair: Pair,
    number: int,
    control: RunControl,
    clock: "_Clock",
    sheet: "_SheetWriter",
) -> Generator[BatchStep, None, PairResult]:
    clock.begin(pair)
    try:
        steps = plan.stylizer.iter_stylize(
            read_picture(pair.content, note=_log.debug),  # the plan told of it
            read_picture(pair.style, note=_log.debug),
            plan.request.config,
            control=control,
            init=plan.start,
            regions=plan.regions.get(pair),
            events=plan.request.events,
            check_memory=plan.request.check_memory,
        )
        with closing(steps):
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    return _written(pair, end.value, sheet)
                clock.add(step)
                times = clock.share, clock.left_s, clock.pair_left_s
                yield BatchStep(pair, number, len(plan.due), *times, step)
    except NstError as error:
        return PairResult(pair, "failed", reason=str(error))
    finally:
        clock.end(pair)


def _written(pair: Pair, result: "StyleResult", sheet: "_SheetWriter") -> PairResult:
    """Write a result, unless the run was stopped or led nowhere."""
    if result.reason == "stopped":
        return PairResult(pair, "stopped")
    steps = result.record.steps_done
    diverged = f"the loss was not finite after {steps} {'step' if steps == 1 else 'steps'}"
    advice = "lower learning_rate or style_strength, or use precision float32"
    if not result.has_moved:
        return PairResult(pair, "failed", reason=f"{diverged}; {advice}")
    record = result.record.replace(
        resolved=result.record.resolved | {SECONDS: round(result.seconds, 1)}
    )
    save_picture(pair.output, result.image, record)
    note_saved(record)
    sheet.show(pair, make_thumbnail(result.image))
    reason = f"{diverged}, the last good picture was written; {advice}"
    return PairResult(
        pair,
        "failed" if result.reason == "diverged" else "done",
        reason=reason if result.reason == "diverged" else "",
        record=record,
        seconds=result.seconds,
        size=(result.image.shape[0], result.image.shape[1]),
    )


def fault_lines(plan: BatchPlan, results: Iterable[PairResult]) -> list[str]:
    """Say why pairs failed: a line for each, but a picture that cannot be read is told once."""
    failed = (each for each in results if each.state == "failed")
    lines = (
        plan.fault_of(each.pair) or f"{each.pair.output.name}: {each.reason}" for each in failed
    )
    return list(dict.fromkeys(lines))


def _can_write(plan: BatchPlan) -> bool:
    """Whether the disk still takes results: to run more for nothing would be a waste."""
    try:
        check_output(plan.request.folder / SHEET_FILE)
    except ImageError as error:
        _log.warning("the remaining pairs are not run: %s", error)
        return False
    return True


def _paths(places: str | Path | Sequence[str | Path]) -> list[Path]:
    return [Path(each) for each in ([places] if isinstance(places, str | Path) else places)]


class _Clock:
    """Foretells the time left of a pair and of all, from the pixels of the steps so far."""

    def __init__(self, plan: BatchPlan, control: RunControl) -> None:
        self._works = {pair: plan.work_of(pair) for pair in plan.due}
        self._total = max(1, sum(self._works.values()))
        self._control = control
        self._measured_s, self._measured_work = 0.0, 0
        self._done = self._past = 0
        self._last_s: float | None = None
        self._pair_total = 0

    def begin(self, pair: Pair) -> None:
        self._pair_total, self._past, self._last_s = self._works[pair], self._done, None

    def add(self, step: "Step") -> None:
        work = step.scale.height * step.scale.width
        now_s = time.monotonic() - self._control.paused_s
        if self._last_s is not None:
            self._measured_s += now_s - self._last_s
            self._measured_work += work
        self._last_s = now_s
        self._done += work

    def end(self, pair: Pair) -> None:
        """Count a run as done, however few steps it took."""
        self._done = self._past + self._works[pair]

    @property
    def share(self) -> float:
        return min(1.0, self._done / self._total)

    @property
    def left_s(self) -> float | None:
        return self._seconds(self._total - self._done)

    @property
    def pair_left_s(self) -> float | None:
        return self._seconds(self._past + self._pair_total - self._done)

    def _seconds(self, work: int) -> float | None:
        if not self._measured_work:
            return None
        return max(0.0, work * self._measured_s / self._measured_work)


class _SheetWriter:
    """Keeps what the contact sheet shows, and writes it now and then."""

    def __init__(self, plan: BatchPlan) -> None:
        self._plan = plan
        self._results: dict[Path, PairResult] = {}
        self._thumbnails: dict[Path, bytes] = {}
        self._written_at = time.monotonic()

    def show(self, pair: Pair, thumbnail: bytes) -> None:
        self._thumbnails[pair.output] = thumbnail

    def add(self, result: PairResult) -> None:
        self._results[result.pair.output] = result
        if result.state == "kept":
            try:
                picture = read_picture(result.pair.output, note=_log.debug)
            except ImageError as error:
                _log.warning("the contact sheet lacks a picture: %s", error)
            else:
                self._thumbnails[result.pair.output] = make_thumbnail(picture)
        if time.monotonic() - self._written_at >= SHEET_INTERVAL_S:
            self.write()

    def write(self) -> None:
        """Write both sheets; a disk that refuses costs only them."""
        self._written_at = time.monotonic()
        folder, sheet = self._plan.request.folder, self._sheet()
        if not any(sheet.cells):
            return
        try:
            write_atomically(folder / SHEET_FILE, sheet_png(sheet))
            write_atomically(folder / INDEX_FILE, sheet_html(sheet))
        except ImageError as error:
            _log.warning("the contact sheet: %s", error)

    def _sheet(self) -> Sheet:
        plan, sources = self._plan, self._plan.sources
        pairs = [pair for pair in plan.pairs if not plan.fault_of(pair)]
        contents = list(dict.fromkeys(pair.content for pair in pairs))
        styles = list(dict.fromkeys(pair.style for pair in pairs))
        cells, width = [self._cell(pair) for pair in pairs], len(styles)
        return Sheet(
            summary=self._summary(),
            contents=[Face(path.name, sources[path].thumbnail) for path in contents],
            styles=[Face(path.name, sources[path].thumbnail) for path in styles],
            cells=[cells[start : start + width] for start in range(0, len(cells), width or 1)],
            settings=plan.request.config.to_json(),
            faults=fault_lines(plan, self._results.values()),
        )

    def _cell(self, pair: Pair) -> Cell:
        result = self._results.get(pair.output)
        thumbnail = self._thumbnails.get(pair.output)
        if result is None or result.state == "stopped":
            return Cell(pair.output.name, None, "not run yet")
        if thumbnail is None:
            return Cell(pair.output.name, None, result.reason or "cannot be shown")
        time_text = "" if result.seconds is None else duration_text(result.seconds)
        return Cell(pair.output.name, thumbnail, result.reason or time_text)

    def _summary(self) -> str:
        config, weights = self._plan.request.config, self._plan.stylizer.weights
        done = sum(each.state in ("done", "kept") for each in self._results.values())
        size = "original size" if config.size is None else f"{config.size} px"
        steps = "" if config.steps is None else f"{config.steps} steps"
        parts = f"{done} of {len(self._plan.pairs)} done", f"preset {config.name}", size, steps
        made = time.strftime("%Y-%m-%d %H:%M")
        return " · ".join(filter(None, (*parts, f"weights {weights.name}", made)))
