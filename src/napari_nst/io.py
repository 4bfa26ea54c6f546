"""Read and write pictures, and the record of the run that made them.

A record is JSON text: in PNG a text chunk named "napari-nst", in TIFF, JPEG and WebP the
standard tag ImageDescription (270), which every picture viewer shows.

What a format cannot hold is brought down to what it can: JPEG and WebP are 8-bit, JPEG has
no alpha (the picture is laid on white), and only TIFF keeps floats (PNG gets 16 bits).
"""

import io
import json
import logging
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from napari_nst import __version__
from napari_nst.config import StyleConfig
from napari_nst.decode import decode
from napari_nst.decode.kinds import DAMAGE, TIFF_MAGIC, available_formats, first_line, open_file
from napari_nst.errors import ConfigError, ImageError
from napari_nst.record import METADATA_KEY, RunRecord

Format = Literal["png", "jpeg", "tiff", "webp"]

SUFFIXES: dict[str, Format] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}
"""File names' endings that can be written."""

LONGEST_PX: dict[Format, int] = {"jpeg": 65535, "webp": 16383}
"""Longest side that a format can hold, where that is a limit worth knowing."""

DESCRIPTION_TAG = 270
SOFTWARE_TAG = 305

_log = logging.getLogger(__name__)


class Settings(NamedTuple):
    """Settings that a file holds, and the record around them where it has one."""

    config: StyleConfig
    record: RunRecord | None


def read_picture(path: str | Path, *, note: Callable[[str], None] = _log.warning) -> np.ndarray:
    """Read a picture of any common format, as PNG, JPEG, TIFF, WebP, AVIF, GIF or BMP.

    EXIF orientation is applied, an embedded colour profile turned into sRGB. Palettes, CMYK,
    YCbCr and Lab become RGB, 1-bit pictures grey; alpha is straight. Of several pages or frames
    the first is read that is no thumbnail.

    Parameters
    ----------
    path
        Its first bytes tell its kind, not its suffix.
    note
        Called with a sentence that names the file for what could not be used, such as a damaged
        colour profile; logs a warning unless given.

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


def write_picture(path: str | Path, image: np.ndarray, *, record: RunRecord | None = None) -> None:
    """Write a picture by its suffix, with the record in it.

    An existing file is replaced only once the new one is whole on disk.

    Parameters
    ----------
    path : path ending in one of `SUFFIXES`
    image : ndarray, shape (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or float in [0, 1]
    record
        What reproduces the run.

    Raises
    ------
    ImageError
        If the suffix is unknown, the format too small or the disk refuses.
    """
    check_output(path, longest_px=max(image.shape[:2]))
    target = Path(os.path.realpath(path))
    text = record.to_json() if record else ""
    try:
        data = _encode(image, SUFFIXES[target.suffix.lower()], text)
        replace_file(target, data)
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError(f"{path} cannot be written: {first_line(error)}") from error


def check_output(path: str | Path, *, longest_px: int | None = None) -> None:
    """Make sure, before a run, that its picture can be written.

    Raises
    ------
    ImageError
        If suffix, folder or permissions forbid it, or `longest_px` is over the format's limit.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ImageError(
            f"{path} ends in {path.suffix or 'nothing'!r}; end it in one of {', '.join(SUFFIXES)}"
        )
    if path.is_dir():
        raise ImageError(f"{path} is a folder; name a file")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ImageError(f"{path} cannot be written: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise ImageError(f"{path} cannot be written: the folder {folder} is read-only")
    limit = LONGEST_PX.get(SUFFIXES[path.suffix.lower()])
    if limit and longest_px and longest_px > limit:
        raise ImageError(
            f"{path.suffix} holds at most {limit} px a side and the result has {longest_px}; "
            "write .png or .tif"
        )


def read_settings(path: str | Path) -> Settings:
    """Read the settings in a settings file, a record's file or a picture of ours.

    Raises
    ------
    ImageError
        If there is no such file.
    ConfigError
        If it holds no settings, or settings out of range.
    """
    path = Path(path)
    data = _read_bytes(path)
    text = data.decode("utf-8-sig", errors="replace")
    if not text.lstrip().startswith("{"):
        text = _read_description(data)
    try:
        values = json.loads(text)
        if isinstance(values, dict) and "config" in values:
            record = RunRecord.from_dict(values)
            return Settings(record.config, record)
        return Settings(StyleConfig.from_dict(values), None)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path} holds no settings: expected JSON, or a picture written by napari-nst"
        ) from error
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
    if text:
        exif[DESCRIPTION_TAG] = text
    picture = Image.fromarray(_to_8_bits(image))
    if kind == "jpeg":
        flat = _on_white(picture)
        flat.save(buffer, "JPEG", quality=95, subsampling=0, exif=exif)
    else:
        picture.save(buffer, "WEBP", quality=95, exif=exif.tobytes())
    return buffer.getvalue()


def _encode_tiff(image: np.ndarray, text: str) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        image,
        photometric="rgb" if image.ndim == 3 else "minisblack",
        extrasamples=["unassalpha"] if image.ndim == 3 and image.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        description=text or None,
        software=f"napari-nst {__version__}",
        metadata=None,
    )
    return buffer.getvalue()


def _add_png_text(png: bytes, text: str) -> bytes:
    """Put a text chunk right behind the header, which is always 33 bytes long."""
    if not text:
        return png
    body = b"tEXt" + METADATA_KEY.encode() + b"\0" + text.encode("latin-1")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def _to_integers(image: np.ndarray) -> np.ndarray:
    if image.dtype.kind == "f":
        image = np.round(np.clip(image, 0, 1) * 65535).astype(np.uint16)
    return np.ascontiguousarray(image)


def _to_8_bits(image: np.ndarray) -> np.ndarray:
    integers = _to_integers(image)
    if integers.dtype == np.uint16:
        integers = ((integers.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return integers


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def replace_file(target: Path, data: bytes) -> None:
    """Write a file that appears only once it is whole; raises OSError."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _codecs() -> Any:  # noqa: ANN401 - a module
    """Import imagecodecs when needed: it has 16-bit colour PNG, which Pillow has not."""
    import imagecodecs

    return imagecodecs
