"""Unfinished runs of the command line: found beside the output, gone on with, and cleared away."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_nst.cli.streams import say
from napari_nst.errors import CheckpointError, NstError
from napari_nst.files.checkpoints import (
    EVERY_S,
    LONG_S,
    Checkpoint,
    checkpoint_path,
    read_checkpoint,
    remove_checkpoint,
)
from napari_nst.files.output_lock import reserved
from napari_nst.files.outputs import check_place
from napari_nst.settings.config import StyleConfig

if TYPE_CHECKING:
    from napari_nst.api import Checkpoints


@contextmanager
def unfinished_run(
    output: Path, resume: bool | None, *, dry_run: bool
) -> Iterator[Checkpoint | None]:
    """Keep other runs away from an output during the block; yields what to go on from, if any.

    Parameters
    ----------
    output, resume
        As for `find_unfinished`, whose errors are raised.
    dry_run
        Whether nothing will be written.

    Raises
    ------
    ImageError
        If another run holds the output, or its name is of no use.
    """
    if dry_run:
        yield find_unfinished(output, resume) if resume else None
        return
    check_place(output)
    with reserved(output):
        yield find_unfinished(output, resume)


def find_unfinished(output: Path, resume: bool | None) -> Checkpoint | None:
    """Return the checkpoint to go on from; None starts anew.

    A checkpoint may hold hours of work, and a command that is repeated without --resume may be a
    slip. It is therefore refused; --restart says that it is none. Also then the checkpoint stays
    until the new run writes its own or ends, so that a run which fails early costs nothing.

    Parameters
    ----------
    output
        The picture.
    resume
        Of --resume (True) or --restart (False); None where neither was given.

    Raises
    ------
    CheckpointError
        If there is nothing to go on from, something that cannot be read, or nobody has said what
        is to become of an unfinished run.
    """
    path = checkpoint_path(output)
    if resume is None and not path.exists():
        return None
    if resume is False:
        if path.exists():
            read_checkpoint(path)  # what is none of ours must not be replaced
        return None
    found = read_checkpoint(path)
    if resume:
        return found
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
    raise CheckpointError(
        f"{output} has an unfinished run beside it: step {found.record.steps_done} of "
        f"{found.total}, {when}. --resume goes on with it, --restart starts anew in its place"
    )


def checkpoints_for(
    output: Path,
    asked_s: float | None,
    unfinished: Checkpoint | None,
    config: StyleConfig,
    content: Sequence[int],
    styles: Sequence[Sequence[int]],
    device: str,
    *,
    memory: int | None,
) -> "Checkpoints | None":
    """Return where and how often a run writes checkpoints; None where it does not.

    Parameters
    ----------
    output
        The picture.
    asked_s
        Of --checkpoint-every.
    unfinished
        What the run goes on from.
    config, content, styles, device, memory
        As `napari_nst.estimate` takes them.
    """
    from napari_nst.api import Checkpoints
    from napari_nst.planning.estimate import estimate

    if asked_s is None:
        expected = estimate(config, content, styles, device, memory=memory)
        asked_s = EVERY_S if unfinished or expected.seconds > LONG_S else 0
    if not asked_s:
        return None
    return Checkpoints(checkpoint_path(output), every_s=asked_s, is_written=unfinished is not None)


@contextmanager
def hinting_at_resume(output: Path, checkpoints: "Checkpoints | None") -> Iterator[None]:
    """Tell of the checkpoint where the block, a run, fails."""
    try:
        yield
    except NstError:
        tell_of_checkpoint(output, checkpoints)
        raise


def tell_of_checkpoint(output: Path, checkpoints: "Checkpoints | None") -> None:
    """Say how the run can go on, if it has a checkpoint."""
    if checkpoints is not None and checkpoints.is_written and checkpoint_path(output).exists():
        say("napari-nst: the same command with --resume goes on from its checkpoint")


def clear_checkpoint(output: Path) -> None:
    """Delete the checkpoint of a run whose result was written."""
    try:
        remove_checkpoint(checkpoint_path(output))
    except CheckpointError as error:
        say(f"napari-nst: {error}")
