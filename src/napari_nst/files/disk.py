"""Files and folders that appear whole or not at all.

What is written goes under a temporary name in the same folder, and gets its real name in one step
at the end. The temporary name does not contain the real one: a name that just fits the file
system's limit (255 bytes on most) would not fit with anything added to it.
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

LEFTOVER_AGE_S = 24 * 3600
"""Age from which a temporary file is taken for one that a killed program left behind."""

_PART = re.compile(
    r"\.napari-nst-[0-9a-f]{16}\.part"
    # Version 0.1.0 took the name of the file and the number of the process.
    r"|\..+\.(png|jpe?g|tiff?|webp|gif|csv|json)\.\d+\.part",
    re.IGNORECASE,
)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file, or replace the one that is there, once the new one is whole.

    A link is written through, and the permissions of a replaced file are kept.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is still there.
    """
    # Not even while it is written may others read what they could not read before.
    mode = _mode_of(path, default=0o666)
    with (
        appearing_whole(path) as part,
        open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file,
    ):
        file.write(data)


@contextmanager
def appearing_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, which gets its own name when the block ends.

    Parameters
    ----------
    path
        The name to appear under. A file that is there is replaced, a folder is not.

    Raises
    ------
    OSError
        If the renaming fails. Then, and if the block fails, nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(part_name())
    try:
        yield part
        if not part.is_dir():
            _copy_permissions(target, part)
        os.replace(part, target)
    finally:
        _remove(part)


def part_name() -> str:
    """Make up a temporary name of 33 bytes that no other process or thread uses."""
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


def _mode_of(path: Path, *, default: int) -> int:
    try:
        return stat.S_IMODE(os.stat(path).st_mode) & 0o777
    except OSError:
        return default


def _copy_permissions(source: Path, target: Path) -> None:
    """Give `target` the owner, group and mode of `source`, as far as this user may."""
    try:
        kept = os.stat(source)
    except OSError:
        return  # a new file: its permissions are the user's default
    if sys.platform != "win32":
        # One by one: a user may give a file to a group, and only root to another user.
        for owner, group in ((-1, kept.st_gid), (kept.st_uid, -1)):
            with suppress(OSError):
                os.chown(target, owner, group)
    # Some network and FAT drives refuse. A written picture is worth more than its permissions.
    with suppress(OSError):
        os.chmod(target, stat.S_IMODE(kept.st_mode) & 0o777)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
