"""`napari-nst batch`: every content in every style, shown as two bars or as plain lines."""

import math
import time
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from napari_nst.cli.cluster import CLUSTER_WAIT_S, Cluster, ClusterWait, on_cluster
from napari_nst.cli.options import (
    Colors,
    ColorStrength,
    Device,
    IgnoreMemory,
    Init,
    InitBlend,
    Precision,
    Preset,
    SaveEvery,
    Seed,
    Sets,
    SettingsFile,
    Size,
    Steps,
    Strength,
    WeightsInput,
    WeightsName,
    chosen_settings,
    chosen_weights,
    given_settings,
)
from napari_nst.cli.run import LOG_INTERVAL_S, shown_progress, step_text, write_step
from napari_nst.cli.signals import INTERRUPTED, ending_gently
from napari_nst.cli.streams import harmless, say
from napari_nst.core.control import RunControl
from napari_nst.files.outputs import save_path
from napari_nst.planning.text import duration_words, estimate_text, memory_words
from napari_nst.runs.batch.pairs import INDEX_FILE, Pair
from napari_nst.runs.batch.plan import BatchPlan, BatchRequest, plan_batch
from napari_nst.runs.batch.run import BatchStep, PairResult, fault_lines, run_batch
from napari_nst.runs.naming import counted, shortened
from napari_nst.settings.record import RunRecord, SteeringEvent
from napari_nst.settings.regions import REGIONS

Contents = Annotated[
    list[Path], typer.Argument(metavar="CONTENT", help="Pictures to paint, or folders of them.")
]
StylePlace = Annotated[
    Path, typer.Argument(metavar="STYLE", help="A style, or a folder of styles.")
]
MoreStyles = Annotated[
    list[Path] | None,
    typer.Option("--style", "-s", metavar="STYLE", help="One more of them; may be repeated."),
]
OutputFolder = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FOLDER", help="For the results; made if need be."),
]
Format = Annotated[
    Literal["png", "jpg", "tif", "webp"], typer.Option("--format", help="Of the results.")
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Run also what is finished; replace also files of others.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say pairs, time, memory and disk space, and stop there."),
]


def batch(
    contents: Contents,
    style: StylePlace,
    output: OutputFolder,
    more_styles: MoreStyles = None,
    file_format: Format = "png",
    overwrite: Overwrite = False,
    preset: Preset = None,
    size: Size = None,
    steps: Steps = None,
    style_strength: Strength = None,
    colors: Colors = None,
    color_strength: ColorStrength = None,
    seed: Seed = None,
    precision: Precision = None,
    init: Init = None,
    init_blend: InitBlend = None,
    settings: Sets = None,
    weights: WeightsName = None,
    weights_input: WeightsInput = None,
    device: Device = "auto",
    save_every: SaveEvery = None,
    config_file: SettingsFile = None,
    dry_run: DryRun = False,
    ignore_memory: IgnoreMemory = False,
    cluster: Cluster = None,
    cluster_wait: ClusterWait = CLUSTER_WAIT_S,
) -> int:
    """Paint every CONTENT in every STYLE, into FOLDER/content-x-style.png and a contact sheet.

    What is finished is kept, so the same command goes on where it was interrupted.
    """
    knobs = {"size": size, "steps": steps, "seed": seed, "precision": precision}
    knobs |= {"style_strength": style_strength}
    knobs |= {"colors": colors, "color_strength": color_strength, "init_blend": init_blend}
    given, start = given_settings(knobs, init, settings)
    config, record = chosen_settings(config_file, preset, given)
    with (
        ending_gently(kept="finished results stay") as ending,
        on_cluster(None if dry_run else cluster, cluster_wait) as executor,
    ):
        request = BatchRequest(
            contents=contents,
            styles=[style, *(more_styles or [])],
            folder=output,
            config=config,
            suffix=f".{file_format}",
            weights=chosen_weights(weights, weights_input, record),
            device=device,
            init=start,
            events=_steering(record),
            overwrite=overwrite,
            check_memory=not (ignore_memory or dry_run),
            settings_files=[config_file] if config_file else [],
            executor=executor,
        )
        plan = plan_batch(request)
        fits = _tell_of_plan(plan, on_stdout=dry_run)
        is_empty = not (plan.due or plan.kept)
        if is_empty or dry_run:
            _tell_faults([*plan.faults.values(), *_named(plan.refused)])
            return 0 if fits and not is_empty else 2
        ending.stops((control := RunControl()).stop)
        results = _show(run_batch(plan, control), save_every)
        ending.holds()
    code = _tell_of_end(plan, results)
    return ending.code or (INTERRUPTED if control.stopped else code)


def _steering(record: RunRecord | None) -> tuple[SteeringEvent, ...]:
    """Return the steering that every pair repeats; regions belong to one picture."""
    events = record.events if record else ()
    return tuple(each for each in events if each.field != REGIONS)


def _tell_of_plan(plan: BatchPlan, *, on_stdout: bool) -> bool:
    """Say what will be run and what that takes; whether it fits into memory and on the disk."""
    if plan.left_out:
        names = ", ".join(path.name for path in plan.left_out[:5])
        more = f" and {len(plan.left_out) - 5} more" if len(plan.left_out) > 5 else ""
        say(f"napari-nst: no pictures by their names: {names}{more}")
    contents, styles = ({getattr(p, role) for p in plan.pairs} for role in ("content", "style"))
    counts = counted(len(contents), "content"), counted(len(styles), "style")
    parts = [f"{counted(len(plan.pairs), 'pair')} of {' and '.join(counts)}"]
    if plan.kept:
        parts.append(f"{len(plan.kept)} finished before")
    if failing := len(plan.pairs) - len(plan.kept) - len(plan.due):
        parts.append(f"{failing} cannot be run (the reasons follow)")
    if replaced := plan.replaced:
        parts.append(f"{counted(replaced, 'result')} of other settings or pictures replaced")
    fits = True
    if plan.due:
        expected = plan.estimate()
        height, width = expected.largest.size
        fits = expected.largest.fits and expected.disk_bytes <= expected.disk_free_bytes
        parts += [
            f"{len(plan.due)} to run: about {duration_words(expected.seconds)}",
            f"{max(1, round(expected.disk_bytes / 1e6))} MB of disk space "
            f"({memory_words(expected.disk_free_bytes)} are free)",
            f"the longest run {width}x{height} px, {expected.largest.steps} steps: "
            f"{estimate_text(expected.largest)} of memory "
            f"({memory_words(expected.largest.free_bytes)} are free)",
        ]
        if not fits:
            parts.append("that does not fit")
    else:
        parts.append("nothing to run")
    parts.append(f"preset {plan.request.config.name}, weights {plan.stylizer.weights.name}")
    say("; ".join(parts), on_stdout=on_stdout)
    return fits


def _show(
    events: Generator[BatchStep | PairResult, None, None], save_every: int | None
) -> list[PairResult]:
    """Take all steps of all runs, tell of them, and return what became of the pairs."""
    results: list[PairResult] = []
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}")
    with shown_progress(*columns, own_times=True) as progress:
        everything = progress.add_task("all", total=1.0, left="")
        one = progress.add_task("preparing", total=None, left="")
        told_at, failed = -math.inf, False
        for event in events:
            if isinstance(event, PairResult):
                results.append(event)
                _tell_of(event)
                continue
            _move_bars(progress, everything, one, event)
            if progress.disable and time.monotonic() - told_at >= LOG_INTERVAL_S:
                told_at = time.monotonic()
                say(f"napari-nst: {_line(event)}")
            if save_every and event.step.iteration % save_every == 0:
                path = save_path(event.pair.output, event.step.iteration)
                failed = write_step(path, event.step, progress, told=failed)
    return results


def _move_bars(progress: Progress, everything: TaskID, one: TaskID, event: BatchStep) -> None:
    progress.update(
        everything,
        completed=event.share,
        description=f"{event.number} of {event.count}",
        left=_left(event.left_s),
    )
    progress.update(
        one,
        completed=event.step.iteration,
        total=event.step.total,
        description=f"{_escaped(shortened(event.pair.output.stem, 40))}: {step_text(event.step)}",
        left=_left(event.pair_left_s),
    )


def _line(event: BatchStep) -> str:
    left = ", ".join(filter(None, (_left(event.pair_left_s), _left(event.left_s, "all"))))
    text = f"{event.number}/{event.count} {event.pair.output.stem}: {step_text(event.step)}"
    return f"{text}, {left}" if left else text


def _left(seconds: float | None, what: str = "") -> str:
    if seconds is None:
        return ""
    return f"about {duration_words(seconds)} left{f' of {what}' if what else ''}"


def _escaped(name: str) -> str:
    """Return a name that neither commands the terminal nor counts as markup."""
    from rich.markup import escape

    return escape(harmless(name))


def _tell_of(result: PairResult) -> None:
    """Say on stdout that a result is there now, on stderr that a pair failed."""
    if result.state == "done" and result.size and result.record:
        height, width = result.size
        seconds = duration_words(result.seconds or 0)
        done = f"{result.record.reason} after {result.record.steps_done} steps in {seconds}"
        name = " ".join(str(result.pair.output).splitlines())
        say(f"{name}: {width}x{height} px, {done}", on_stdout=True)
    elif result.state == "failed" and result.size:
        say(f"napari-nst: {result.pair.output}: {result.reason}")


def _tell_of_end(plan: BatchPlan, results: list[PairResult]) -> int:
    """Say how many pairs ended how, and why some failed; return the exit code."""
    count = {state: sum(result.state == state for result in results) for state in _WORDS}
    told = [f"{count[state]} {word}" for state, word in _WORDS.items() if count[state]]
    missing = len(plan.pairs) - count["done"] - count["kept"] - count["failed"]
    told += [f"{missing} not run"] if missing else []
    _tell_faults(fault_lines(plan, results))
    sheet = plan.request.folder / INDEX_FILE
    where = f"contact sheet: {sheet}" if sheet.exists() else "no contact sheet was written"
    say(f"{', '.join(told) or 'nothing done'}; {where}", on_stdout=True)
    if missing:
        say("napari-nst: the same command goes on from here")
    return 1 if count["failed"] or missing else 0


_WORDS = {"done": "done", "kept": "finished before", "failed": "failed"}


def _named(refused: Mapping[Pair, str]) -> list[str]:
    return [f"{pair.output.name}: {reason}" for pair, reason in refused.items()]


def _tell_faults(reasons: Iterable[str]) -> None:
    for reason in reasons:
        say(f"napari-nst: {' '.join(reason.split())}")
