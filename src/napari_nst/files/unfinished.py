"""Unfinished runs of the viewer: one checkpoint each in a folder of the user, locked while it runs.

A lock that nobody holds tells that the program which wrote the checkpoint is dead, or has closed
its viewer.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy.typing as npt

from napari_nst.errors import CheckpointError, ImageError
from napari_nst.files.checkpoints import (
    PREVIEW,
    Checkpoint,
    read_array,
    read_checkpoint,
    remove_checkpoint,
)
from napari_nst.files.disk import clear_leftovers
from napari_nst.files.output_lock import reserved

STATE_VARIABLE = "NAPARI_NST_STATE"
"""Environment variable with another folder."""

KEPT_DAYS = 30
"""Checkpoints that nobody has asked for in this time are deleted."""

_SUFFIX = ".checkpoint"


@dataclass(frozen=True, eq=False)
class Unfinished:
    """A run that can go on, or a file of which `problem` says why it cannot.

    Parameters
    ----------
    path
        The checkpoint.
    written_at
        When it was written, in seconds since the epoch.
    checkpoint
        What it says of the run; None if it cannot be read.
    preview : array, shape (H, W, 3), uint8
        A small picture of the run; None if it cannot be read.
    problem
        A sentence; empty where there is none.
    """

    path: Path
    written_at: float
    checkpoint: Checkpoint | None = None
    preview: npt.NDArray[Any] | None = None
    problem: str = ""


def unfinished_folder() -> Path:
    """Return the folder of the viewer's checkpoints: from the environment, else the system's."""
    if named := os.environ.get(STATE_VARIABLE):
        return Path(named).expanduser()
    from platformdirs import user_state_path

    return user_state_path("napari-nst", appauthor=False) / "unfinished"


def new_path() -> Path:
    """Return a file for the checkpoint of a run to come."""
    return unfinished_folder() / f"{uuid4().hex}{_SUFFIX}"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other programs and runs away from a checkpoint during the block.

    Raises
    ------
    CheckpointError
        If one of them holds it.
    """
    with suppress(OSError):  # what writes the checkpoint tells of it
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(reserved(path))
        except ImageError as error:
            raise CheckpointError(
                "This run goes on in another window of napari; wait for its end there."
            ) from error
        yield


def unfinished_runs() -> list[Unfinished]:
    """List the checkpoints that no run holds: newest first, those that cannot be read last.

    Deletes those older than `KEPT_DAYS`, and what killed programs left of others.
    """
    folder = unfinished_folder()
    clear_leftovers(folder)
    found = [_look(path) for path in folder.glob(f"*{_SUFFIX}")]
    present = [each for each in found if each is not None]
    return sorted(present, key=lambda each: (bool(each.problem), -each.written_at))


def discard(path: Path) -> None:
    """Delete a checkpoint; raises CheckpointError if a run holds it, or the disk refuses."""
    with held(path):
        remove_checkpoint(path)


def _look(path: Path) -> Unfinished | None:
    """Read what is told of a checkpoint; None if a run holds it, or it is too old or gone."""
    try:
        written_at = path.stat().st_mtime
        with held(path):
            pass
    except (OSError, CheckpointError):
        return None
    try:
        found = Unfinished(path, written_at, read_checkpoint(path), read_array(path, PREVIEW))
        if time.time() - written_at > KEPT_DAYS * 24 * 3600:
            discard(path)
            return None
    except CheckpointError as error:
        return Unfinished(path, written_at, problem=str(error))
    return found
