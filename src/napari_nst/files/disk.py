"""Write files and folders atomically.

Data is written under a temporary name in the same folder, which is renamed at the end. The
temporary name does not contain the real one, which may already be as long as the file system
allows (255 bytes on most).
"""

import os
import re
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LEFTOVER_AGE_S = 24 * 3600
"""Older temporary files are assumed to be left over from a killed program."""

_PART = re.compile(
    r"\.napari-nst-[0-9a-f]{16}\.part"
    # Version 0.1.0 used the name of the file and the process id.
    r"|\..+\.(png|jpe?g|tiff?|webp|gif|csv|json)\.\d+\.part",
    re.IGNORECASE,
)


def replace_file(path: Path, data: bytes) -> None:
    """Write or replace a file atomically; see `file_replacing`."""
    with file_replacing(path) as file:
        file.write(data)


@contextmanager
def file_replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file, opened for writing, which replaces `path` after the block.

    Follows links, and keeps the permissions of a replaced file.

    Raises
    ------
    OSError
        If it cannot be written. If it or the block fails, an existing file is unchanged.
    """
    # The temporary file too must not be readable by anyone who could not read the old file.
    mode = _mode_of(path, default=0o666)
    with (
        appearing_whole(path) as part,
        open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file,
    ):
        yield file


@contextmanager
def appearing_whole(path: Path, *, part: str | None = None) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, which is renamed to `path` after the block.

    Parameters
    ----------
    path
        The final name. An existing file is replaced, a folder is not.
    part
        The temporary name; by default a unique one.

    Raises
    ------
    OSError
        If the renaming fails. If it or the block fails, nothing is left on disk.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(part or part_name())
    try:
        yield temporary
        if not temporary.is_dir():
            _copy_permissions(target, temporary)
        os.replace(temporary, target)
    finally:
        _remove(temporary)


@contextmanager
def folder_replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a folder, which replaces `path` after the block.

    No system call replaces a folder that is not empty: for a moment the old one has another name,
    which `restore_folder` takes back if the program is killed just then.

    Raises
    ------
    OSError
        If the renaming fails. If it or the block fails, an existing folder is unchanged.
    """
    target = Path(os.path.realpath(path))
    before = _before(target)
    try:
        with appearing_whole(target) as temporary:
            yield temporary
            restore_folder(target)
            if target.exists():
                os.replace(target, before)
        _remove(before)
    finally:
        restore_folder(target)


def restore_folder(path: Path) -> None:
    """Give a folder its name back that a program, killed in `folder_replacing`, took from it.

    Raises
    ------
    OSError
        If it cannot be renamed, or its name leaves no room for the other one.
    """
    target = Path(os.path.realpath(path))
    before = _before(target)
    try:
        os.stat(before)
    except FileNotFoundError:
        return
    if target.exists():  # killed later, while it deleted the old one
        _remove(before)
    else:
        os.replace(before, target)


def part_name() -> str:
    """Return a unique temporary name of 33 bytes."""
    return f".napari-nst-{uuid.uuid4().hex[:16]}.part"


def clear_leftovers(folder: Path) -> None:
    """Delete the temporary files in a folder that are older than a day."""
    limit = time.time() - LEFTOVER_AGE_S
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _PART.fullmatch(entry.name):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < limit:
                        _remove(Path(entry.path))


def _before(target: Path) -> Path:
    return target.with_name(f"{target.name}.napari-nst-before")


def _mode_of(path: Path, *, default: int) -> int:
    try:
        return stat.S_IMODE(os.stat(path).st_mode) & 0o777
    except OSError:
        return default


def _copy_permissions(source: Path, target: Path) -> None:
    """Copy owner, group and mode from `source` to `target`, as far as the user may."""
    try:
        kept = os.stat(source)
    except OSError:
        return  # a new file keeps the default permissions
    if sys.platform != "win32":
        # Separately: a user may change the group, but only root may change the owner.
        for owner, group in ((-1, kept.st_gid), (kept.st_uid, -1)):
            with suppress(OSError):
                os.chown(target, owner, group)
    # Some network and FAT drives refuse; the picture matters more than its permissions.
    with suppress(OSError):
        os.chmod(target, stat.S_IMODE(kept.st_mode) & 0o777)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
