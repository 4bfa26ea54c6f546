"""Results and whole runs to files: result, snapshots, animation, record and losses.

A run's folder appears only once it is whole, and under a name of its own.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_nst.errors import ImageError
from napari_nst.files.disk import appearing_whole, clear_leftovers
from napari_nst.files.images import write_picture
from napari_nst.files.names import claimed_path, safe_name, save_picture
from napari_nst.files.outputs import disk_errors_translated, write_atomically
from napari_nst.runs.snapshots import Snapshot, stack_of
from napari_nst.settings.record import RunRecord
from napari_nst.settings.results import LossPoint

RESULT_FILE, RECORD_FILE, LOSS_FILE = "result.png", "record.json", "loss.csv"
GIF_FILE, SNAPSHOTS_FOLDER = "run.gif", "snapshots"

_saved: set[str] = set()
"""Records of this session that are in a file, whoever wrote it: a record identifies its result."""

GIF_LONGEST_PX = 512
GIF_INTERVAL_MS = 120
GIF_LAST_MS = 2000
"""How long the last picture stays, which is the one to look at."""


def save_result(
    folder: Path,
    name: str,
    image: npt.NDArray[Any],
    record: RunRecord,
    *,
    suffix: str = ".png",
) -> Path:
    """Keep a result under a name that is free; makes the folder if need be.

    Raises
    ------
    ImageError
        If it cannot be written.
    """
    with disk_errors_translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        clear_leftovers(folder)
        with claimed_path(folder, safe_name(name), suffix) as path:
            save_picture(path, image, record)
    note_saved(record)
    return path


def export_run(
    parent: Path,
    name: str,
    image: npt.NDArray[Any],
    record: RunRecord,
    *,
    snapshots: Sequence[Snapshot] = (),
    points: Sequence[LossPoint] = (),
) -> Path:
    """Write all of a run into a new folder: result, snapshots, animation, record and losses.

    Parameters
    ----------
    parent
        The folder that gets the new one; made if need be.
    name
        Of the new folder; numbered if it is taken.
    image : array, shape (H, W, 3) or (H, W, 4)
        The result, of any dtype that a run returns.
    record
        What reproduces the run.
    snapshots
        Oldest first; from two on there is an animated GIF too.
    points
        The loss at every step.

    Returns
    -------
    Path
        The new folder.

    Raises
    ------
    ImageError
        If it cannot be written; then no folder is left behind.
    """
    with disk_errors_translated(parent):
        parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(parent)
        with claimed_path(parent, safe_name(name)) as folder, appearing_whole(folder) as part:
            part.mkdir()
            _fill(part, image, record, snapshots, points)
    note_saved(record)
    return folder


def write_gif(
    path: Path,
    stack: npt.NDArray[np.uint8],
    *,
    interval_ms: int = GIF_INTERVAL_MS,
    longest_px: int = GIF_LONGEST_PX,
) -> None:
    """Write a run as an endless animation.

    Parameters
    ----------
    path
        The file, ending in .gif.
    stack : array, shape (T, H, W, 3) or (T, H, W, 4), uint8
        Of at least one picture; opacity is laid on white.
    interval_ms
        Between pictures; the last one stays longer.
    longest_px
        Longest side; larger pictures are shrunk, for GIF is wasteful.

    Raises
    ------
    ImageError
        If there is no picture, or it cannot be written.
    """
    if not len(stack):
        raise ImageError("there are no snapshots to animate; keep some during the run")
    pages = [_gif_page(picture, longest_px) for picture in stack]
    durations_ms = [interval_ms] * (len(pages) - 1) + [GIF_LAST_MS]
    buffer = io.BytesIO()
    pages[0].save(
        buffer, "GIF", save_all=True, append_images=pages[1:], duration=durations_ms, loop=0
    )
    write_atomically(path, buffer.getvalue())


def write_loss_csv(path: Path, points: Iterable[LossPoint]) -> None:
    """Write the losses of a run, a line a step: step, loss, its terms, seconds.

    The loss is that of the picture that entered the step; the line after the last step, if
    there is one, evaluates the result.

    Raises
    ------
    ImageError
        If it cannot be written.
    """
    rows = list(points)
    terms = list(dict.fromkeys(term for row in rows for term in row.terms))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", "loss", *terms, "seconds"])
    for row in rows:
        weighted = [row.terms.get(term, "") for term in terms]
        table.writerow([row.iteration, row.loss, *weighted, row.seconds])
    write_atomically(path, text.getvalue().encode())


def record_at(record: RunRecord, step: int) -> RunRecord:
    """Return the record that the run would have, had it been stopped after `step`."""
    if step >= record.steps_done:
        return record
    events = tuple(event for event in record.events if event.step < step)
    return record.replace(events=events, steps_done=step, reason="stopped")


def note_saved(record: RunRecord | None) -> None:
    """Remember that a result with this record is in a file; None is ignored."""
    if record is not None:
        _saved.add(record.to_json())


def is_saved(record: RunRecord) -> bool:
    """Return whether a result with this record was written in this session."""
    return record.to_json() in _saved


def _fill(
    folder: Path,
    image: npt.NDArray[Any],
    record: RunRecord,
    snapshots: Sequence[Snapshot],
    points: Sequence[LossPoint],
) -> None:
    write_picture(folder / RESULT_FILE, image, record=record)
    write_atomically(folder / RECORD_FILE, record.to_json().encode())
    write_loss_csv(folder / LOSS_FILE, points)
    if snapshots:
        (folder / SNAPSHOTS_FOLDER).mkdir()
    for kept in snapshots:
        path = folder / SNAPSHOTS_FOLDER / f"step-{kept.step:06d}.png"
        write_picture(path, kept.picture, record=record_at(record, kept.step))
    if len(snapshots) > 1:
        write_gif(folder / GIF_FILE, stack_of(snapshots))


def _gif_page(picture: npt.NDArray[np.uint8], longest_px: int) -> Image.Image:
    page = Image.fromarray(picture)
    if page.mode == "RGBA":
        page = Image.alpha_composite(Image.new("RGBA", page.size, "white"), page)
    page = page.convert("RGB")
    page.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    return page.quantize(256, method=Image.Quantize.MEDIANCUT)
