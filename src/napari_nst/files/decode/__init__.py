"""Decode picture files to sRGB arrays: `kinds` opens and recognises, `tiff` or `raster` decodes.

`colour` converts colour profiles, `pixels` is shared by both decoders. The rest of the package
reads and writes pictures through `napari_nst.files.images`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt

from napari_nst.errors import ImageError
from napari_nst.files.decode import raster, tiff
from napari_nst.files.decode.kinds import (
    DAMAGE,
    TIFF_MAGIC,
    first_line,
    open_file,
    refuse_foreign,
)
from napari_nst.files.decode.pixels import Note, Pixels
from napari_nst.files.decode.raster import read_raster
from napari_nst.files.decode.tiff import read_tiff
from napari_nst.files.decode.tiff_rows import TiffRows, open_tiff
from napari_nst.settings.pixels import is_large

_HEAD_BYTES = 4096


def decode(path: Path, note: Note) -> Pixels:
    """Read a picture file; see `napari_nst.files.images.read_picture`.

    Parameters
    ----------
    path
        Any file; anything but a picture is refused.
    note
        Called with one sentence for each ignored part, such as a damaged profile.

    Raises
    ------
    ImageError
        If there is no such file, it is damaged, too large, or not a picture.
    """
    with open_file(path) as file, _damage_translated(path):
        return _decode(path, file, note)


def decode_stored(path: Path) -> npt.NDArray[Any]:
    """Read a mask's values as they are stored: palette indices, no colour profile, no opacity.

    Returns
    -------
    array, shape (H, W) or (H, W, 3)

    Raises
    ------
    ImageError
        As `decode`, and if it has several frames or pages.
    """
    with open_file(path) as file, _damage_translated(path):
        is_tiff = _head(path, file)[:4] in TIFF_MAGIC
        return tiff.read_labels(file) if is_tiff else raster.read_labels(file)


def open_pixels(path: Path, note: Note, *, least_px: int | None = None) -> Pixels | TiffRows:
    """Open a large TIFF to be read by pieces, or read any other picture file as `decode` does.

    Parameters
    ----------
    path, note
        As for `decode`.
    least_px
        The shorter side that is needed of a pyramid's level; None for the finest.
    """
    with ExitStack() as closing:
        file = closing.enter_context(open_file(path))
        closing.enter_context(_damage_translated(path))
        rows = None
        if _head(path, file)[:4] in TIFF_MAGIC:
            rows = open_tiff(str(path), file, note, least_px=least_px)
            file.seek(0)
        if rows is None:
            return _decode(path, file, note)
        closing.pop_all()  # the file stays open
    return rows if is_large(rows.shape) else rows[:]


def _decode(path: Path, file: BinaryIO, note: Note) -> Pixels:
    head = _head(path, file)
    return read_tiff(file, note) if head[:4] in TIFF_MAGIC else read_raster(file, note)


def _head(path: Path, file: BinaryIO) -> bytes:
    """Return the first bytes of a file; refuse known kinds that are no pictures."""
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    refuse_foreign(head, path.suffix)
    return head


@contextmanager
def _damage_translated(path: Path) -> Iterator[None]:
    """Convert the decoders' errors to an ImageError that names the file."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{path} cannot be read as a picture: {error}") from error
    except MemoryError as error:
        raise ImageError(
            f"{path} cannot be read as a picture: memory ran out. Close other programs; if enough "
            "is free, the file is damaged"
        ) from error
    except DAMAGE as error:
        raise ImageError(
            f"{path} cannot be read as a picture: it is damaged, cut short, too large or of "
            f"another kind ({first_line(error)})"
        ) from error
