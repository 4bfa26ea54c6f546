"""Open and recognise picture files, and name the kind of those that are refused.

The first bytes of a file decide, not its suffix. Only decoders of plain picture formats
are tried: Pillow also opens formats that run a program (EPS starts Ghostscript, WMF asks
Windows to draw) or call other plugins, which can hang or do harm.
"""

import os
import stat
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from napari_nst.errors import ImageError

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

RASTER_FORMATS = (
    *("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "JPEG2000"),
    *("PSD", "TGA", "PCX", "PPM", "QOI", "ICO", "SGI"),
)
"""Formats that Pillow may open. tifffile reads TIFF, because it supports more depths."""

RAW_SUFFIXES = frozenset(
    (
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
        *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2"),
        *(".srf", ".srw", ".x3f"),
    )
)

CAMERA_RAW = "it is a camera raw; develop it first, and save it as TIFF or PNG"

DAMAGE = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, KeyError, IndexError),
    *(AttributeError, OverflowError, ZeroDivisionError, AssertionError, RuntimeError),
    *(struct.error, zlib.error, MemoryError, Image.DecompressionBombError),
)
"""Raised by Pillow, tifffile and imagecodecs for damaged or foreign files."""

_READABLE = "PNG, JPEG, TIFF, WebP, AVIF, GIF, BMP, JPEG 2000, PSD, PPM, TGA, PCX, QOI, ICO or SGI"

_SIGNATURES = (
    (b"%PDF", "a PDF document; save its page as PNG or TIFF first"),
    (b"%!", "a PostScript program (EPS); save it as PNG or TIFF first"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript program (EPS); save it as PNG or TIFF first"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF); save it as PNG first"),
    (b"\x01\0\0\0\x6c\0\0\0", "a Windows metafile (EMF); save it as PNG first"),
    (b"\xff\x0a", "a JPEG XL picture; save it as PNG or JPEG first"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture; save it as PNG or JPEG first"),
    (b"SIMPLE  =", "a FITS file; save its picture as TIFF first"),
    (b"\x89HDF", "an HDF5 file; save its picture as TIFF first"),
    (b"PK\x03\x04", "a ZIP archive; take the picture out of it"),
)
_RAW_SIGNATURES = (
    *(b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"\0MRM", b"FOVb"),
    *(b"II\x1a\0\0\0HEAPCCDR",),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}


def open_file(path: Path) -> BinaryIO:
    """Open a regular file; refuse a FIFO, socket or device, which could block.

    Raises
    ------
    ImageError
        If there is no such file, it is of another kind, or the system refuses.
    """
    try:
        # opening a device can have side effects, so its kind is checked first ...
        _check_regular(path, path.stat().st_mode)
        # ... and without blocking, in case it became a FIFO in between
        file = open(str(path), "rb", opener=_open_at_once)  # noqa: SIM115 - the caller closes it
        try:
            _check_regular(path, os.fstat(file.fileno()).st_mode)
        except ImageError:
            file.close()
            raise
        return file
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist") from error
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error


def refuse_foreign(head: bytes, suffix: str) -> None:
    """Refuse known kinds of files that cannot be read as pictures, by name.

    Parameters
    ----------
    head
        The first bytes of the file, at least 64 unless it is shorter.
    suffix
        Distinguishes camera raws that are based on TIFF.

    Raises
    ------
    ImageError
        If it is of a known kind that cannot be read.
    """
    is_tiff = head[:4] in TIFF_MAGIC
    if head.startswith(_RAW_SIGNATURES) or (is_tiff and head[8:10] == b"CR"):
        raise ImageError(CAMERA_RAW)
    if is_tiff and suffix.lower() in RAW_SUFFIXES:
        raise ImageError(CAMERA_RAW)
    if head[4:8] == b"ftyp":
        _refuse_media(head)
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            raise ImageError(f"it is {name}")
    if head[:1] == b"<" and b"<svg" in head:
        raise ImageError("it is an SVG drawing; save it as PNG first")


def available_formats() -> list[str]:
    """Return those of `RASTER_FORMATS` that this Pillow knows (AVIF came with 11.3)."""
    Image.init()
    return [name for name in RASTER_FORMATS if name in Image.OPEN]


def first_line(error: BaseException) -> str:
    """Return the first line of a decoder's error."""
    if isinstance(error, UnidentifiedImageError):  # Pillow's message names a Python object
        return f"no known picture format; expected {_READABLE}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _refuse_media(head: bytes) -> None:
    """Refuse ISO media files, which name their brands at the start, except for AVIF."""
    box = head[8 : min(int.from_bytes(head[:4]), len(head))]
    brands = {box[:4], *(box[at : at + 4] for at in range(8, len(box), 4))}
    if b"crx " in brands:
        raise ImageError(CAMERA_RAW)
    if brands & _AVIF_BRANDS:
        if "AVIF" not in available_formats():
            raise ImageError("it is an AVIF picture, which needs Pillow 11.3 or newer")
        return
    if brands & _HEIF_BRANDS:
        raise ImageError("it is a HEIC (HEIF) picture; save it as JPEG, PNG or TIFF first")
    raise ImageError("it is a film or sound (MP4, MOV); save one of its frames as PNG first")


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = (
        (stat.S_ISDIR, "a folder; name a file in it"),
        (stat.S_ISFIFO, "a pipe (FIFO); save the picture in a file first"),
        (stat.S_ISSOCK, "a socket; save the picture in a file first"),
    )
    name = next((name for test, name in kinds if test(mode)), "a device; name a file")
    raise ImageError(f"{path} cannot be read: it is {name}")
