"""Read and write pictures, and the record of the run that made them.

A record is JSON text: in PNG a text chunk named "napari-nst", in TIFF, JPEG and WebP the
standard tag ImageDescription (270), which every picture viewer shows.

Pictures are converted to what a format supports: JPEG and WebP have 8 bits, JPEG has no alpha (the
picture is composited over white), and only TIFF stores floats (PNG gets 16 bits).
"""

import io
import json
import logging
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from napari_nst import __version__
from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.decode import decode, open_pixels
from napari_nst.files.decode.kinds import (
    DAMAGE,
    TIFF_MAGIC,
    available_formats,
    first_line,
    open_file,
)
from napari_nst.files.depth import as_uint8, as_uint16
from napari_nst.files.outputs import (
    ENCODING_ERRORS,
    Format,
    check_place,
    format_of,
    write_atomically,
)
from napari_nst.files.outputs import SUFFIXES as SUFFIXES
from napari_nst.files.outputs import check_output as check_output
from napari_nst.files.slides.extent import Extent
from napari_nst.files.slides.slide_formats import is_slide, open_slide
from napari_nst.files.slides.zarr_reading import is_zarr, open_zarr, own_attributes
from napari_nst.files.slides.zarr_writing import write_zarr
from napari_nst.files.tiff_output import tiff_options, write_large_tiff
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.json_reader import parse_json
from napari_nst.settings.pixels import PixelSource, is_large
from napari_nst.settings.record import METADATA_KEY, RunRecord

DESCRIPTION_TAG = 270
SOFTWARE_TAG = 305

EXIF_LIMIT = 60_000
"""Characters: Pillow refuses more than 64 KB of tags in a JPEG."""

_log = logging.getLogger(__name__)


class Settings(NamedTuple):
    """Settings in a file, and the record that contains them, if there is one."""

    config: StyleConfig
    record: RunRecord | None


def read_picture(path: str | Path, *, note: Callable[[str], None] = _log.warning) -> np.ndarray:
    """Read a picture of any common format, as PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP.

    Applies the EXIF orientation and converts an embedded colour profile to sRGB. Palettes, CMYK,
    YCbCr and Lab become RGB, 1-bit pictures grey; alpha is straight. Of several pages or frames,
    reads the first that is not a thumbnail.

    Parameters
    ----------
    path
        Its first bytes decide the format, not its suffix.
    note
        Called with a sentence about each part that could not be used, such as a damaged
        colour profile; by default logs a warning.

    Returns
    -------
    ndarray, shape (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or float

    Raises
    ------
    ImageError
        If there is no such file, it is damaged, too large, or not a picture.
    """
    path = Path(path)
    return decode(path, lambda text: note(f"{path}: {text}"))


def open_picture(
    path: str | Path,
    *,
    least_px: int | None = None,
    places: Mapping[str, int] | None = None,
    note: Callable[[str], None] = _log.warning,
) -> PixelSource:
    """Open a picture: large TIFFs and zarr to be read by pieces, others as `read_picture` does.

    PNG, JPEG and the other formats are decoded whole, as their libraries allow no less. A slice
    of rows of what is returned may raise ImageError, if the file changes or is damaged there.

    Parameters
    ----------
    path
        A file, or the folder of a zarr array or an OME-Zarr picture.
    least_px
        The shorter side that is needed of a pyramid's level; None for the finest.
    places
        Of an OME-Zarr stack, which plane to read: {"z": 12}. Without, the first.
    note
        As for `read_picture`.

    Raises
    ------
    ImageError
        As `read_picture`; or if zarr is not installed.
    """
    path = Path(path)

    def told(text: str) -> None:
        note(f"{path}: {text}")

    if is_zarr(path):
        return open_zarr(path, told, least_px=least_px, places=places)
    if is_slide(path):
        return open_slide(path, least_px=least_px)
    return open_pixels(path, told, least_px=least_px)


def write_picture(
    path: str | Path,
    image: PixelSource,
    *,
    record: RunRecord | None = None,
    extent: Extent | None = None,
) -> None:
    """Write a picture in the format of its suffix, with the record in it, atomically.

    A record too long for a JPEG's tags is left out with a warning.

    Parameters
    ----------
    path : path ending in one of `SUFFIXES`, or in ".zarr"
    image : shape (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or float in [0, 1]
        An array, or anything that is sliced like one: large TIFFs and OME-Zarr are written by
        pieces.
    record
        Reproduces the run.
    extent
        What the picture covers, which OME-Zarr keeps.

    Raises
    ------
    ImageError
        If the suffix is unknown, the picture too large for the format, or the disk refuses.
    """
    path = Path(path)
    check_place(path, longest_px=max(image.shape[:2]))
    if format_of(path) == "zarr":
        write_zarr(path, image, record.to_dict() if record else {}, extent)
        return
    text = record.to_json() if record else ""
    if format_of(path) == "tiff" and is_large(image.shape):
        write_large_tiff(path, image, text)
        return
    try:
        data = _encode(np.asarray(image[:]), format_of(path), text)
    except ENCODING_ERRORS as error:
        raise ImageError(f"{path} cannot be written: {first_line(error)}") from error
    write_atomically(path, data)


def read_settings(path: str | Path) -> Settings:
    """Read the settings from a settings file, a record's file or a picture of napari-nst.

    Raises
    ------
    ImageError
        If there is no such file.
    ConfigError
        If it contains no settings, or settings out of range.
    """
    path = Path(path)
    if is_zarr(path):
        text = json.dumps(own_attributes(path) or "")
    else:
        data = _read_bytes(path)
        text = data.decode("utf-8-sig", errors="replace")
        if not text.lstrip().startswith("{"):
            text = _read_description(data)
    if not text.lstrip().startswith("{"):
        raise ConfigError(
            f"{path} holds no settings: expected JSON, or a picture written by napari-nst"
        )
    try:
        values = parse_json(text, "its settings")
        if isinstance(values, dict) and "config" in values:
            record = RunRecord.from_dict(values)
            return Settings(record.config, record)
        return Settings(StyleConfig.from_dict(values), None)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _read_bytes(path: Path) -> bytes:
    with open_file(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise ImageError(f"{path} cannot be read: {error.strerror}") from error


def _read_description(data: bytes) -> str:
    try:
        if data[:4] in TIFF_MAGIC:
            with tifffile.TiffFile(io.BytesIO(data)) as file:
                return file.pages.first.description
        with Image.open(io.BytesIO(data), formats=available_formats()) as picture:
            if picture.format == "PNG":
                picture.load()
                return str(picture.info.get(METADATA_KEY, ""))
            return str(picture.getexif().get(DESCRIPTION_TAG, ""))
    except DAMAGE:
        return ""


def _encode(image: np.ndarray, kind: Format, text: str) -> bytes:
    if kind == "tiff":
        return _encode_tiff(image, text)
    if kind == "png":
        return _add_png_text(_codecs().png_encode(_to_integers(image)), text)
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[SOFTWARE_TAG] = f"napari-nst {__version__}"
    if kind == "jpeg" and len(text) > EXIF_LIMIT:
        _log.warning("the settings are too long for a JPEG and were left out; a PNG can store them")
        text = ""
    if text:
        exif[DESCRIPTION_TAG] = text
    picture = Image.fromarray(as_uint8(image))
    if kind == "jpeg":
        flat = _on_white(picture)
        flat.save(buffer, "JPEG", quality=95, subsampling=0, exif=exif)
    else:
        picture.save(buffer, "WEBP", quality=95, exif=exif.tobytes())
    return buffer.getvalue()


def _encode_tiff(image: np.ndarray, text: str) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, **tiff_options(image.shape, text))
    return buffer.getvalue()


def _add_png_text(png: bytes, text: str) -> bytes:
    """Insert a text chunk after the header, which is always 33 bytes long."""
    if not text:
        return png
    body = b"tEXt" + METADATA_KEY.encode() + b"\0" + text.encode("latin-1")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def _to_integers(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(as_uint16(image) if image.dtype.kind == "f" else image)


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _codecs() -> Any:  # noqa: ANN401 - a module
    """Import imagecodecs when needed: unlike Pillow it writes 16-bit colour PNG."""
    import imagecodecs

    return imagecodecs
