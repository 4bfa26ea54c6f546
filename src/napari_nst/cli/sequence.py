"""`napari-nst sequence`: frames without flicker, shown as two bars or as plain lines."""

import math
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, TextColumn

from napari_nst.cli.batch import Overwrite
from napari_nst.cli.options import (
    Blend,
    Colors,
    ColorStrength,
    Device,
    IgnoreMemory,
    Precision,
    Preset,
    Seed,
    Sets,
    SettingsFile,
    Size,
    Steps,
    Strength,
    Styles,
    WeightsInput,
    WeightsName,
    chosen_settings,
    chosen_weights,
    given_settings,
)
from napari_nst.cli.run import LOG_INTERVAL_S, shown_progress, step_text
from napari_nst.cli.signals import INTERRUPTED, Ending, ending_gently
from napari_nst.cli.streams import say
from napari_nst.core.control import RunControl
from napari_nst.planning.text import duration_words, memory_words
from napari_nst.runs.naming import counted
from napari_nst.runs.sequence.plan import SequencePlan, SequenceRequest, plan_sequence
from napari_nst.runs.sequence.report import check_report, write_report
from napari_nst.runs.sequence.run import FrameWritten, finish_sequence, run_sequence

if TYPE_CHECKING:
    from napari_nst.api.sequence import FrameStep

FramesInput = Annotated[
    Path,
    typer.Argument(
        metavar="FRAMES",
        help="A folder of numbered frames, a multi-page TIFF, a GIF, WebP or APNG, or a video.",
    ),
]
SequenceOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="A folder, or a file that ends in .tif, .gif, .webp, .apng, .mp4, .mov or .mkv.",
    ),
]
TemporalWeight = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        help="How firmly a frame is held to earlier ones: more flickers less. Default 1000.",
    ),
]
Backward = Annotated[
    bool,
    typer.Option("--backward", help="A second pass from the last frame to the first."),
]
PreviewOption = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="After the first frame run the middle one on its own, to be looked at: "
        "OUT-preview-NAME.png. Default: from 8 frames on.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write a table of all frames, .csv or .md: flicker, steps."),
]
SequenceDryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say frames, time, memory and disk space, and stop there.")
]

_PREVIEW_FROM = 8


def sequence(
    frames: FramesInput,
    style: Styles,
    output: SequenceOutput,
    temporal_weight: TemporalWeight = None,
    backward: Backward = False,
    preview: PreviewOption = None,
    report: Report = None,
    overwrite: Overwrite = False,
    preset: Preset = None,
    size: Size = None,
    steps: Steps = None,
    style_strength: Strength = None,
    colors: Colors = None,
    color_strength: ColorStrength = None,
    blend: Blend = None,
    seed: Seed = None,
    precision: Precision = None,
    settings: Sets = None,
    weights: WeightsName = None,
    weights_input: WeightsInput = None,
    device: Device = "auto",
    config_file: SettingsFile = None,
    dry_run: SequenceDryRun = False,
    ignore_memory: IgnoreMemory = False,
) -> int:
    """Paint the FRAMES of a video or stack in the manner of STYLE, without flicker.

    What is finished is kept, so the same command goes on where it was interrupted.
    """
    knobs = {"size": size, "steps": steps, "seed": seed, "precision": precision}
    knobs |= {"style_strength": style_strength, "blend": blend}
    knobs |= {"colors": colors, "color_strength": color_strength}
    given, _ = given_settings(knobs, None, settings)
    config, record = chosen_settings(config_file, preset, given)
    if report is not None:
        check_report(report)
    with ending_gently(kept="finished frames stay") as ending:
        from napari_nst.api import SequenceOptions

        options = SequenceOptions(is_backward=backward)
        if temporal_weight is not None:
            options = replace(options, temporal_weight=temporal_weight)
        request = SequenceRequest(
            frames=frames,
            styles=style,
            output=output,
            config=config,
            options=options,
            weights=chosen_weights(weights, weights_input, record),
            device=device,
            overwrite=overwrite,
            check_memory=not (ignore_memory or dry_run),
            has_preview=bool(preview),
        )
        plan = _planned(request, preview)
        fits = _tell_of_plan(plan, on_stdout=dry_run)
        if dry_run:
            return 0 if fits else 2
        return _run(plan, report, ending)


def _run(plan: SequencePlan, report: Path | None, ending: Ending) -> int:
    """Paint what is missing, and return the exit code."""
    ending.stops((control := RunControl()).stop)
    if plan.done < len(plan.jobs):
        _show(plan, run_sequence(plan, control))
    ending.holds()
    code = _end(plan, report, stopped=control.stopped)
    return ending.code or code


def _planned(request: SequenceRequest, preview: bool | None) -> SequencePlan:
    plan = plan_sequence(request)
    if preview is None and len(plan.frames) >= _PREVIEW_FROM:
        return replace(plan, request=replace(request, has_preview=True))
    return plan


def _tell_of_plan(plan: SequencePlan, *, on_stdout: bool) -> bool:
    """Say what will be run and what that takes; whether it fits."""
    height, width = plan.size
    parts = [f"{counted(len(plan.frames), 'frame')} of {width}x{height} px"]
    if plan.done:
        parts.append(f"{plan.done} of {counted(len(plan.jobs), 'run')} finished before")
    fits = True
    if plan.done < len(plan.jobs):
        expected = plan.estimate()
        fits = expected.fits
        parts += [
            f"{len(plan.jobs) - plan.done} to run: about {duration_words(expected.seconds)}",
            f"{memory_words(expected.peak_bytes)} of memory "
            f"({memory_words(expected.free_bytes)} may be used)",
            f"{memory_words(expected.disk_bytes)} of disk space "
            f"({memory_words(expected.disk_free_bytes)} are free)",
        ]
        if not fits:
            parts.append("that does not fit")
    else:
        parts.append("nothing to run")
    config = plan.request.config
    parts.append(f"preset {config.name}, weights {plan.stylizer.weights.name}")
    say("; ".join(parts), on_stdout=on_stdout)
    return fits


def _show(plan: SequencePlan, events: Generator["FrameStep | FrameWritten", None, None]) -> None:
    """Take all steps of all frames, and tell of them."""
    columns = TextColumn("{task.description}"), BarColumn()
    with shown_progress(*columns) as progress:
        everything = progress.add_task("frames", total=len(plan.jobs), completed=plan.done)
        one = progress.add_task("preparing", total=None)
        told_at = -math.inf
        for event in events:
            if isinstance(event, FrameWritten):
                what = "preview" if event.is_preview else f"{event.record.steps_done} steps"
                say(f"{event.path}: {what}", on_stdout=True)
                continue
            name = plan.frames.names[event.job.index]
            what = f"preview of {name}" if event.number == 0 else name
            text = f"{what}: {step_text(event.step)}"
            if event.number:
                told = f"{event.number} of {event.count}"
                progress.update(everything, completed=event.number - 1, description=told)
            progress.update(
                one, completed=event.step.iteration, total=event.step.total, description=text
            )
            if progress.disable and time.monotonic() - told_at >= LOG_INTERVAL_S:
                told_at = time.monotonic()
                say(f"napari-nst: {event.number}/{event.count} {text}")


def _end(plan: SequencePlan, report: Path | None, *, stopped: bool) -> int:
    """Put the frames together where all are there, and write the report."""
    is_whole = len(plan.records) == len(plan.frames) and not stopped
    if report is not None and plan.records:
        write_report(report, dict(enumerate(plan.frames.names)), plan.records)
    if not is_whole:
        say(
            f"napari-nst: {len(plan.records)} of {counted(len(plan.frames), 'frame')} are in "
            f"{plan.folder}; the same command goes on from here"
        )
        return INTERRUPTED
    output = finish_sequence(plan)
    say(f"{output}: {counted(len(plan.frames), 'frame')}", on_stdout=True)
    return 0
