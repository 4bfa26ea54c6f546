"""Read and write pictures, and the record of the run that made them.

A record is JSON text: in PNG a text chunk named "napari-nst", in TIFF, JPEG and WebP the
standard tag ImageDescription (270), which every picture viewer shows.

What a format cannot hold is brought down to what it can: JPEG and WebP are 8-bit, JPEG has
no alpha (the picture is laid on white), and only TIFF keeps floats (PNG gets 16 bits).
"""

import io
import logging
import os
import struct
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from napari_nst import __version__
from napari_nst.config import StyleConfig
from napari_nst.errors import ConfigError, ImageError
from napari_nst.json_reader import parse_json
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
ORIENTATION_TAG = 274

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

DAMAGE = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, KeyError, IndexError),
    *(RuntimeError, struct.error, zlib.error, MemoryError, Image.DecompressionBombError),
)
"""What Pillow, tifffile and imagecodecs raise at files that are damaged or foreign."""

_log = logging.getLogger(__name__)


class Settings(NamedTuple):
    """Settings that a file holds, and the record around them where it has one."""

    config: StyleConfig
    record: RunRecord | None


def read_picture(path: str | Path) -> np.ndarray:
    """Read a picture of any common format.

    EXIF orientation is applied, an embedded colour profile turned into sRGB. Palettes and
    CMYK become RGB, 1-bit pictures grey. Of several pages or frames the first is read.

    Returns
    -------
    ndarray, shape (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or float

    Raises
    ------
    ImageError
        If there is no such file, it is damaged, too large, or not a picture.
    """
    path = Path(path)
    data = _read_bytes(path)
    try:
        if data[:4] in TIFF_MAGIC:
            return _read_tiff(data)
        return _read_with_pillow(data)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except DAMAGE as error:
        raise ImageError(
            f"{path} cannot be read as a picture: it is damaged, cut short, too large or of "
            f"another kind ({_first_line(error)})"
        ) from error


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
        raise ImageError(f"{path} cannot be written: {_first_line(error)}") from error


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
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist") from error
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error


def _first_line(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no known picture format"  # Pillow's own words name a Python object
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _read_with_pillow(data: bytes) -> np.ndarray:
    with warnings.catch_warnings():
        # Pillow warns from 89 megapixels on and refuses from 179: only the latter matters here
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as picture:
            if picture.format == "PNG" and data[24] == 16:  # Pillow keeps 8 bits of colours
                orientation = picture.getexif().get(ORIENTATION_TAG, 1)
                return _upright(_settle(_codecs().png_decode(data)), orientation)
            picture.load()
            return _to_array(_to_srgb(ImageOps.exif_transpose(picture)))


def _to_srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "CMYK"):
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError) as error:
        _log.warning("the picture's colour profile is unusable and was ignored: %s", error)
        return picture
    assert converted is not None  # only in-place conversion gives None
    return converted


def _to_array(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith(("I", "F")):
        return _settle(np.asarray(picture))
    if picture.has_transparency_data:
        return np.array(picture.convert("RGBA"))
    return np.array(picture.convert("L" if picture.mode in ("1", "L") else "RGB"))


def _read_tiff(data: bytes) -> np.ndarray:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        if page.imagewidth * page.imagelength > 2 * (Image.MAX_IMAGE_PIXELS or sys.maxsize):
            raise ImageError(f"{page.imagewidth}x{page.imagelength} px are too many to read")
        pixels = page.asarray().squeeze()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            pixels = (np.asarray(page.colormap) >> 8).astype(np.uint8)[:, pixels].transpose(1, 2, 0)
        elif page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
            pixels = _from_cmyk(pixels)
        elif page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            pixels = ~pixels
        orientation = page.tags.valueof(ORIENTATION_TAG, default=1)
    return _upright(_settle(pixels), orientation)


def _from_cmyk(pixels: np.ndarray) -> np.ndarray:
    top = np.iinfo(pixels.dtype).max
    ink = pixels[..., :4].astype(np.float64) / top
    return np.round((1 - ink[..., :3]) * (1 - ink[..., 3:]) * top).astype(pixels.dtype)


def _settle(pixels: np.ndarray) -> np.ndarray:
    """Bring decoded pixels to a dtype and a number of channels that the engine takes."""
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    elif pixels.dtype.kind in "iu" and pixels.dtype not in (np.uint8, np.uint16):
        if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
            raise ImageError(f"values of {pixels.dtype} beyond 16 bits; save it with 8 or 16 bits")
        pixels = pixels.astype(np.uint16)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    if pixels.ndim != 2 and (pixels.ndim != 3 or pixels.shape[2] not in (3, 4)):
        raise ImageError(f"expected one, three or four channels; got an array {pixels.shape}")
    return np.ascontiguousarray(pixels)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels as the EXIF tag says: 1 is upright, 5 to 8 are turned sideways."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _read_description(data: bytes) -> str:
    try:
        if data[:4] in TIFF_MAGIC:
            with tifffile.TiffFile(io.BytesIO(data)) as file:
                return file.pages.first.description
        with Image.open(io.BytesIO(data)) as picture:
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
