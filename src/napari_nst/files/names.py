"""Save pictures and their records under names that are free and valid on every system."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import numpy.typing as npt

from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.decode.kinds import open_file
from napari_nst.files.images import EXIF_LIMIT, SUFFIXES, read_settings, write_picture
from napari_nst.files.outputs import ZARR_SUFFIX, disk_errors_translated, write_atomically
from napari_nst.settings.record import METADATA_KEY, RunRecord

_JPEG = (".jpg", ".jpeg")
_EDGE_BYTES = 1 << 17
_NAME_LIMIT = 56
"""Characters: with four bytes each, 255 bytes still have room for a suffix."""

_claiming = Lock()
_claimed: set[Path] = set()

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d) *", re.IGNORECASE)


def save_picture(path: Path, image: npt.NDArray[Any], record: RunRecord | None) -> list[Path]:
    """Write a picture with its record, and for a JPEG also ``name.jpg.json`` with the record.

    Mail and web services strip a JPEG's tags. An existing JSON file that is not a record is
    left unchanged.

    Parameters
    ----------
    path
        Ends in one of `napari_nst.files.images.SUFFIXES`.
    image : array, shape (H, W), (H, W, 3) or (H, W, 4)
        uint8, uint16, or floating in [0, 1].
    record
        Reproduces the run, if there was one.

    Returns
    -------
    list of Path
        The files written, the picture first.

    Raises
    ------
    ImageError
        If it cannot be written; an existing file is unchanged.
    """
    if path.suffix.lower() not in _JPEG:
        write_picture(path, image, record=record)
        return [path]
    sidecar = sidecar_of(path)
    with disk_errors_translated(sidecar):
        is_taken = sidecar.exists() and _read_record(sidecar) is None
    text = record.to_json() if record else ""
    write_picture(path, image, record=record if len(text) <= EXIF_LIMIT else None)
    if is_taken:
        return [path]
    if record:
        write_atomically(sidecar, text.encode())
        return [path, sidecar]
    with disk_errors_translated(sidecar):
        sidecar.unlink(missing_ok=True)  # it belonged to the replaced picture
    return [path]


def sidecar_of(path: Path) -> Path:
    """Return the path of the JSON file beside a picture: ``name.jpg.json``."""
    return path.with_name(f"{path.name}.json")


def record_of(path: Path) -> RunRecord | None:
    """Return the record in a file of ours, or else in the JSON beside it; None if none has one.

    Cheap for files of others, however large.
    """
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return (_read_record(path) if _names_us(path) else None) or _read_record(sidecar_of(path))
    return _read_record(path) if suffix in (".json", ZARR_SUFFIX) else None


def is_result(path: Path) -> bool:
    """Return whether a file names us as its maker, even if its record cannot be read."""
    return _names_us(path) or sidecar_of(path).is_file()


def safe_name(name: str) -> str:
    """Convert a layer's name to a file name that is valid on every system."""
    safe = _FORBIDDEN.sub("-", name)[:_NAME_LIMIT].strip(" .") or "run"
    # Windows reserves "con" and others with any suffix.
    stem, dot, rest = safe.partition(".")
    return f"{stem}-{dot}{rest}" if _RESERVED.fullmatch(stem) else safe


def free_path(folder: Path, name: str, suffix: str = "") -> Path:
    """Return the first of "name", "name 2", ... that does not exist in the folder."""
    with claimed_path(folder, name, suffix) as path:
        return path


@contextmanager
def claimed_path(folder: Path, name: str, suffix: str = "") -> Iterator[Path]:
    """Reserve a free name, as in `free_path`, against other threads during the block.

    Each result is saved by a thread of its own, and several runs may have the same name.
    """
    names = (name if number == 1 else f"{name} {number}" for number in count(1))
    with _claiming:
        paths = (folder / f"{each}{suffix}" for each in names)
        path = next(path for path in paths if path not in _claimed and not path.exists())
        _claimed.add(path)
    try:
        yield path
    finally:
        _claimed.discard(path)


def _names_us(path: Path) -> bool:
    """Return whether a picture has our name near its start or end, where formats keep tags."""
    try:
        with open_file(path) as file:
            edges = file.read(_EDGE_BYTES)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _EDGE_BYTES))
            return METADATA_KEY.encode() in edges + file.read()
    except (ImageError, OSError):
        return False


def _read_record(path: Path) -> RunRecord | None:
    try:
        return read_settings(path).record
    except (ConfigError, ImageError):
        return None
