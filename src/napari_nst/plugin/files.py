"""Files that appear whole or not at all, under names that any system takes. No Qt here."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_nst.errors import ConfigError, ImageError
from napari_nst.io import read_settings, write_picture
from napari_nst.record import RunRecord

_JPEG = (".jpg", ".jpeg")
_EXIF_LIMIT = 60_000
"""Characters: a JPEG's tags take 64 KB in all."""

_NAME_LIMIT = 56
"""Characters: of four bytes each they still leave room for endings in 255 bytes."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')


def save_picture(path: Path, image: npt.NDArray[Any], record: RunRecord | None) -> list[Path]:
    """Write a picture with its record in it, and beside a JPEG the record as JSON too.

    Mail and web services strip a JPEG's tags; the file beside it, ``name.jpg.json``, stays.
    A file of that name that is no record is left alone.

    Parameters
    ----------
    path
        Ends in one of `napari_nst.io.SUFFIXES`.
    image : array, shape (H, W), (H, W, 3) or (H, W, 4)
        uint8, uint16, or floating in [0, 1].
    record
        What reproduces the run, if there was one.

    Returns
    -------
    list of Path
        The files written, the picture first.

    Raises
    ------
    ImageError
        If it cannot be written; what was there before is still there.
    """
    if path.suffix.lower() not in _JPEG:
        write_picture(path, image, record=record)
        return [path]
    text = record.to_json() if record else ""
    write_picture(path, image, record=record if len(text) < _EXIF_LIMIT else None)
    sidecar = sidecar_of(path)
    if sidecar.exists() and not _is_record(sidecar):
        return [path]
    if record:
        write_atomically(sidecar, text.encode())
        return [path, sidecar]
    with disk_errors_translated(sidecar):
        sidecar.unlink(missing_ok=True)  # the record of the picture that was here before
    return [path]


def sidecar_of(path: Path) -> Path:
    """Name the JSON file beside a picture: ``name.jpg.json``."""
    return path.with_name(f"{path.name}.json")


def safe_name(name: str) -> str:
    """Make a layer's name a file's name on any system."""
    return _FORBIDDEN.sub("-", name)[:_NAME_LIMIT].strip(" .") or "run"


def free_path(folder: Path, name: str, suffix: str = "") -> Path:
    """Give the first of "name", "name 2", ... that does not exist in the folder."""
    names = (name if number == 1 else f"{name} {number}" for number in count(1))
    return next(path for each in names if not (path := folder / f"{each}{suffix}").exists())


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears only once it is whole.

    Raises
    ------
    ImageError
        If it cannot be written; what was there before is still there.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with disk_errors_translated(path):
        try:
            part.write_bytes(data)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def disk_errors_translated(path: Path) -> Iterator[None]:
    """Turn an OSError about `path` into an ImageError with a remedy."""
    try:
        yield
    except OSError as error:
        raise ImageError(
            f"{path} cannot be written: {error.strerror or error}. Choose another place, or "
            "make room."
        ) from error


def _is_record(path: Path) -> bool:
    try:
        return read_settings(path).record is not None
    except (ConfigError, ImageError):
        return False
