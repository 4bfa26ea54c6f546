"""The command line's runs: progress, pictures on the way, and the result kept whatever happens."""

import math
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from platformdirs import user_cache_path
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from napari_nst.cli.resume import clear_checkpoint, tell_of_checkpoint
from napari_nst.cli.signals import INTERRUPTED, Ending
from napari_nst.cli.streams import fail, losses_ignored, say
from napari_nst.errors import ImageError
from napari_nst.files.images import write_picture
from napari_nst.files.outputs import disk_errors_translated, save_path
from napari_nst.files.slides.extent import Extent
from napari_nst.planning.text import duration_words
from napari_nst.settings.record import RunRecord

if TYPE_CHECKING:
    from napari_nst.api import Checkpoints, Step, StyleResult

LOG_INTERVAL_S = 10
"""Where no bar can be drawn, as in a log, a line tells of the progress this often."""

DIVERGED = "Lower learning_rate or style_strength, or use --precision float32."


def run_with_bar(
    run: "Generator[Step, None, StyleResult]",
    output: Path,
    save_every: int | None,
    *,
    extent: Extent | None = None,
) -> "StyleResult":
    """Take all steps of a run, tell of them on stderr, and write every Nth picture."""
    with shown_progress(TextColumn("{task.description}"), BarColumn()) as progress:
        task = progress.add_task("preparing", total=None)
        if progress.disable:
            say("napari-nst: preparing")
        told_at = -math.inf
        failed = False
        while True:
            try:
                step = next(run)
            except StopIteration as end:
                result: StyleResult = end.value
                return result
            text = step_text(step)
            progress.update(task, completed=step.iteration, total=step.total, description=text)
            if progress.disable and time.monotonic() - told_at >= LOG_INTERVAL_S:
                told_at = time.monotonic()
                left_s = progress.tasks[task].time_remaining
                left = "" if left_s is None else f", about {duration_words(left_s)} left"
                say(f"napari-nst: {text}{left}")
            if save_every and step.iteration % save_every == 0:
                path = save_path(output, step.iteration)
                failed = write_step(path, step, progress, told=failed, extent=extent)


def step_text(step: "Step") -> str:
    """Say where a run stands; losses of two scales are not comparable, so it says which it is."""
    scale = step.scale
    at_scale = f", scale {scale.index + 1} of {scale.count}" if scale.count > 1 else ""
    return f"step {step.iteration}/{step.total}{at_scale}, loss {step.loss:.4g}"


@contextmanager
def shown_progress(*columns: ProgressColumn, own_times: bool = False) -> Iterator[Progress]:
    """Show bars on stderr where that is a terminal; one that closes does not end the run.

    Parameters
    ----------
    columns
        What a bar's line shows, before the time left.
    own_times
        Whether the columns tell the time left themselves.
    """
    console = Console(stderr=True)
    progress = Progress(
        *columns,
        *([] if own_times else [TimeRemainingColumn()]),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # what is piped on stays on stdout
    )
    with losses_ignored(sys.stderr):
        progress.start()
    try:
        yield progress
    finally:
        with losses_ignored(sys.stderr):
            progress.stop()


def write_result(
    output: Path,
    result: "StyleResult",
    ending: Ending,
    checkpoints: "Checkpoints | None" = None,
    *,
    extent: Extent | None = None,
) -> int:
    """Write the result, to another place if its own refuses, and return the exit code.

    The checkpoint is deleted once the result of a run that was not stopped is written.
    """
    ending.holds()
    if result.record.steps_done == 0 and result.reason == "stopped":
        message = f"stopped before the first step; {output} is untouched"
        return fail(message, ending.code or INTERRUPTED)
    if output.exists() and not result.has_moved:  # what is there is worth more
        return fail(f"the loss was not finite at once; {output} is untouched. {DIVERGED}", 1)
    written = output
    try:
        write_picture(output, result.image, record=result.record, extent=extent)
    except ImageError as error:
        try:
            written = rescue(output, result.image, result.record, extent)
        except ImageError as refusal:
            tell_of_checkpoint(output, checkpoints)
            return fail(f"{error} Nor can it be kept elsewhere: {refusal}", 1)
        say(f"napari-nst: {error} The result is kept in {written}; move it from there.")
    _tell_of(written, result)
    if result.reason == "stopped":
        tell_of_checkpoint(output, checkpoints)
    else:
        clear_checkpoint(output)
    if result.reason == "diverged":
        return fail(f"the loss was not finite: this is the last good picture. {DIVERGED}", 1)
    if written != output:
        return 1
    # Asked only now: a signal may have come while the picture was written.
    return ending.code or (INTERRUPTED if result.reason == "stopped" else 0)


def rescue(
    output: Path, image: np.ndarray, record: RunRecord, extent: Extent | None = None
) -> Path:
    """Write a picture, whose own place refused, into a new folder for temporary or cached files.

    Parameters
    ----------
    output
        Where it was to be written; its format is kept, unless that is what failed.
    image, record, extent
        As `napari_nst.files.images.write_picture` takes them.

    Raises
    ------
    ImageError
        If no place takes it.
    """
    suffixes = dict.fromkeys((save_path(output, 0).suffix, ".tif"))
    refusal = ImageError("there is no folder for temporary files")
    for parent in _rescue_folders():
        try:
            with disk_errors_translated(parent):
                parent.mkdir(parents=True, exist_ok=True)
                folder = Path(tempfile.mkdtemp(prefix="napari-nst-rescued-", dir=parent))
        except ImageError as error:
            refusal = error
            continue
        for suffix in suffixes:
            try:
                write_picture(folder / f"result{suffix}", image, record=record, extent=extent)
            except ImageError as error:
                refusal = error
            else:
                return folder / f"result{suffix}"
        shutil.rmtree(folder, ignore_errors=True)
    raise refusal


def _rescue_folders() -> Iterator[Path]:
    with suppress(OSError):  # raised if no folder for temporary files can be written
        yield Path(tempfile.gettempdir())
    yield user_cache_path("napari-nst", appauthor=False)
    yield Path.home()


def _tell_of(written: Path, result: "StyleResult") -> None:
    height, width = result.image.shape[:2]
    done = result.record.steps_done
    steps = "1 step" if done == 1 else f"{done} steps"
    say(
        f"{written}: {width}x{height} px, {result.reason} after {steps} in "
        f"{result.seconds:.0f} s, loss {result.history[-1].loss:.4g}, "
        f"weights: {result.record.weights}",
        on_stdout=True,
    )


def write_step(
    path: Path, step: "Step", progress: Progress, *, told: bool, extent: Extent | None = None
) -> bool:
    """Write a picture on the way; whether that failed, which is told once in a row."""
    try:
        write_picture(path, step.image(), extent=extent)
    except ImageError as error:
        if not told:
            with losses_ignored(sys.stderr):
                progress.console.print(
                    f"napari-nst: {error} The run goes on without it.",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
        return True
    return False
