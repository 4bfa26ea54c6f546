"""Output formats, and checks before a run that its picture can be written.

A run takes minutes to hours, so everything that could prevent its picture from being written is
checked before it starts: the name, the target of a link, an existing file, the folder's
permissions and its free space.
"""

import errno
import os
import re
import stat
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from napari_nst.errors import DISK_FULL, ImageError
from napari_nst.files.disk import clear_leftovers, part_name, replace_file, restore_folder
from napari_nst.files.slides.zarr_reading import own_attributes

Format = Literal["png", "jpeg", "tiff", "webp", "zarr"]

SUFFIXES: dict[str, Format] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}
"""Suffixes of files that can be written."""

ZARR_SUFFIX = ".zarr"
"""Of a folder that can be written."""

_ALL: dict[str, Format] = {**SUFFIXES, ZARR_SUFFIX: "zarr"}

LONGEST_PX: dict[Format, int] = {"jpeg": 65535, "webp": 16383}
"""Longest side that a format allows, if a picture could exceed it."""

LEAST_ROOM_BYTES = 4096
"""Least size of the trial file: an empty file can be created on a full disk."""

LEAST_SHARE = 0.1
"""Of the bytes of its pixels, what a result takes on the disk at least in any format."""

ENCODING_ERRORS = (
    *(OSError, ValueError, RuntimeError, OverflowError, MemoryError),
    *(struct.error, zlib.error),
)
"""Raised by Pillow, tifffile and imagecodecs if a picture does not fit a format or memory."""

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def format_of(path: Path) -> Format:
    """Return the format for a path.

    The target of a link decides if it has a picture's suffix, else the link: data
    stores name their files by hashes.

    Raises
    ------
    ImageError
        If neither has a suffix that can be written.
    """
    for name in (Path(os.path.realpath(path)), path):
        if name.suffix.lower() in _ALL:
            return _ALL[name.suffix.lower()]
    raise ImageError(
        f"{path} ends in {path.suffix or 'nothing'!r}; end it in one of {', '.join(_ALL)}"
    )


def check_output(
    path: str | Path, *, longest_px: int | None = None, room_bytes: int = LEAST_ROOM_BYTES
) -> None:
    """Check before a run that its picture can be written.

    Creates and deletes a trial file of `room_bytes`, the only way to detect missing permissions on
    network drives, quotas and full disks. Temporary files of killed programs are deleted first.

    Parameters
    ----------
    path
        Where the picture is to be written.
    longest_px
        Its longest side.
    room_bytes
        Least size of the picture's file.

    Raises
    ------
    ImageError
        If the name, a link, an existing file, the folder or the format's limit forbids it.
    """
    path = Path(path)
    check_place(path, longest_px=longest_px)
    with disk_errors_translated(path):
        if format_of(path) == "zarr":
            restore_folder(path)
    folder = Path(os.path.realpath(path)).parent
    clear_leftovers(folder)
    trial = folder / part_name()
    with disk_errors_translated(path):
        try:
            with open(trial, "xb") as file:
                file.write(bytes(max(room_bytes, LEAST_ROOM_BYTES)))
        finally:
            trial.unlink(missing_ok=True)


def check_place(path: Path, *, longest_px: int | None = None) -> None:
    """Check everything that needs no writing; raises as `check_output`."""
    kind = format_of(path)
    target = Path(os.path.realpath(path))
    with disk_errors_translated(path):
        if not target.parent.is_dir():
            raise ImageError(
                f"{path} cannot be written: there is no folder {target.parent}; create it first"
            )
        if kind == "zarr":
            _check_folder(path, target)
        else:
            _check_what_is_there(path, target)
    limit = LONGEST_PX.get(kind)
    if limit and longest_px and longest_px > limit:
        raise ImageError(
            f"{kind.upper()} holds at most {limit} px a side and the result has {longest_px}; "
            "write .png or .tif"
        )


def check_apart(output: Path, inputs: Sequence[Path], *, save_every: int | None = None) -> None:
    """Check that neither the result nor a picture of --save-every replaces an input.

    Raises
    ------
    ImageError
        If one would, also through a link.
    """
    for source in inputs:
        if _is_same(output, source) or _is_within(source, output) or _is_within(output, source):
            raise ImageError(f"{output} is an input; name another file for the result")
        for path in _saves_there(output, save_every) if save_every else ():
            if _is_same(path, source):
                raise ImageError(
                    f"{source} is an input, and --save-every would replace it by writing {path}; "
                    "name another file for the result"
                )


def save_path(output: Path, step: int) -> Path:
    """Return the path that --save-every writes after a step: OUT-00050.png."""
    suffix, stem = output.suffix, output.stem
    if suffix.lower() not in _ALL:  # a link without one
        suffix, stem = Path(os.path.realpath(output)).suffix, output.name
    return output.with_name(f"{stem}-{step:05d}{suffix}")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file atomically.

    Raises
    ------
    ImageError
        If it cannot be written; an existing file is unchanged.
    """
    with disk_errors_translated(path):
        replace_file(path, data)


@contextmanager
def disk_errors_translated(path: Path) -> Iterator[None]:
    """Convert an OSError about `path` to an ImageError that says what to do."""
    try:
        yield
    except OSError as error:
        raise ImageError(f"{path} cannot be written: {_remedy(error, path)}") from error


def _remedy(error: OSError, path: Path) -> str:
    reason = error.strerror or str(error)
    if error.errno == errno.ENAMETOOLONG:
        length = len(os.fsencode(path.name))
        what = f"name is too long ({length} bytes; most disks take 255)"
        return f"its {what if length > 255 else 'path is too long'}. Shorten it."
    if error.errno in DISK_FULL:
        return f"{reason}. Choose another place, or make room."
    if error.errno in _READ_ONLY:
        folder = os.path.dirname(os.path.realpath(path))
        return f"the folder {folder} is read-only for you ({reason}). Choose another place."
    return f"{reason}. Choose another place, or make room."


def _check_folder(path: Path, target: Path) -> None:
    """Refuse folders that are none of our results: a slide of somebody else stays."""
    if find_spec("zarr") is None:
        raise ImageError(f"{path} is to be a zarr folder. Install zarr: pip install zarr")
    if target.is_dir():
        if own_attributes(target) is None and any(target.iterdir()):
            raise ImageError(
                f"{path} exists and was not written by napari-nst; name another folder"
            )
    elif target.exists():
        raise ImageError(f"{path} is a file; name a folder for OME-Zarr")


def _check_what_is_there(path: Path, target: Path) -> None:
    """Refuse targets that cannot be replaced; raises OSError if the name itself is invalid."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        raise ImageError(f"{path} is a folder; name a file")
    if not stat.S_ISREG(found.st_mode):
        raise ImageError(f"{path} is a device, pipe or socket; name a file")
    if not _may_replace(target, found):
        raise ImageError(
            f"{path} exists, and you may not replace it: it is protected or belongs to another "
            "user; choose another name"
        )


def _may_replace(target: Path, found: os.stat_result) -> bool:
    if sys.platform == "win32":
        return bool(found.st_mode & stat.S_IWRITE)
    folder = os.stat(target.parent)
    # In a sticky folder such as /tmp only the owner of a file may replace it.
    if folder.st_mode & stat.S_ISVTX and os.geteuid() not in (0, found.st_uid, folder.st_uid):
        return False
    try:
        os.close(os.open(target, os.O_WRONLY))
    except OSError as error:
        if error.errno == errno.EROFS:
            raise
        # EPERM: immutable (chattr +i). EACCES does not matter: renaming is up to the folder.
        return error.errno != errno.EPERM
    return True


def _saves_there(output: Path, every: int) -> Iterator[Path]:
    """Yield existing files with names that --save-every writes."""
    name = save_path(output, 0).name.rsplit("-00000", 1)
    pattern = re.compile(rf"{re.escape(name[0])}-(\d{{5,}}){re.escape(name[1])}", re.IGNORECASE)
    with disk_errors_translated(output):
        for path in output.parent.iterdir():
            found = pattern.fullmatch(path.name)
            if found and int(found[1]) % every == 0:
                yield path


def _is_within(path: Path, folder: Path) -> bool:
    """Return whether a path is in a zarr folder."""
    real = Path(os.path.realpath(folder))
    return real.suffix == ZARR_SUFFIX and Path(os.path.realpath(path)).is_relative_to(real)


def _is_same(path: Path, other: Path) -> bool:
    """Return whether two paths are one file: through links, hard links or ignored case."""
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
