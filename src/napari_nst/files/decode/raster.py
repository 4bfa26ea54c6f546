"""Read PNG, JPEG, WebP and the other formats that Pillow decodes; 16-bit PNG by imagecodecs."""

import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from napari_nst.errors import ImageError
from napari_nst.files.decode.colour import Space, to_srgb
from napari_nst.files.decode.kinds import DAMAGE, available_formats
from napari_nst.files.decode.pixels import Note, Pixels, in_strips, joined, to_depth, upright

ORIENTATION_TAG = 274

_PNG_DEPTH_AT = 24
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
"""Formats with frames; those of others, such as PSD, are layers."""


def read_raster(file: BinaryIO, note: Note) -> Pixels:
    """Read the first frame of a picture that Pillow can open.

    Returns
    -------
    ndarray, shape (H, W), (H, W, 3) or (H, W, 4), in sRGB

    Raises
    ------
    ImageError
        If its values are not valid in a picture.
    DAMAGE
        If the file is damaged or of another kind.
    """
    with warnings.catch_warnings():
        # Pillow warns from 89 megapixels on and refuses from 179; only the refusal matters here.
        # Its other warnings are about damaged metadata, which is ignored.
        warnings.simplefilter("ignore")
        with Image.open(file, formats=available_formats()) as picture:
            if picture.format == "PNG" and _depth_of_png(file) == 16:
                pixels = _read_fine_png(file, picture, note)  # Pillow keeps 8 bits of colours
            else:
                picture.load()
                pixels = _converted(picture, note)
            return upright(pixels, _orientation(picture, note))


def read_labels(file: BinaryIO) -> Pixels:
    """Read the values of a mask as they are stored, upright: palette indices, no opacity.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, 3)

    Raises
    ------
    ImageError
        If it has several frames, or its values are no labels.
    DAMAGE
        If the file is damaged or of another kind.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in `read_raster`
        with Image.open(file, formats=available_formats()) as picture:
            if picture.format in _ANIMATED and getattr(picture, "is_animated", False):
                raise ImageError("it has several frames; save the one that is the mask alone")
            if picture.mode == "LAB":
                raise ImageError("a mask cannot be in Lab colours; save it as RGB")
            is_other = picture.mode in ("CMYK", "YCbCr", "HSV")
            pixels = np.asarray(picture.convert("RGB") if is_other else picture)
            if picture.format == "PNG" and _depth_of_png(file) == 16:
                fine = _unpacked_png(file)  # Pillow keeps 8 bits of grey with opacity
                pixels = fine if fine.shape[2:] in ((), (1,), (2,)) else pixels
            if pixels.ndim == 3:  # without opacity
                pixels = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., 0]
            return upright(pixels, _orientation(picture, lambda _: None))


def _depth_of_png(file: BinaryIO) -> int:
    position = file.tell()
    file.seek(_PNG_DEPTH_AT)
    depth = file.read(1)[0]
    file.seek(position)
    return depth


def _unpacked_png(file: BinaryIO) -> Pixels:
    import imagecodecs

    position = file.tell()
    file.seek(0)
    pixels = np.asarray(imagecodecs.png_decode(_without_remarks(file.read())))
    file.seek(position)
    return pixels


def _read_fine_png(file: BinaryIO, picture: Image.Image, note: Note) -> Pixels:
    pixels = _unpacked_png(file)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    has_alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
    colours, alpha = (pixels[..., :-1], pixels[..., -1]) if has_alpha else (pixels, None)
    if has_alpha and colours.shape[2] == 1:
        colours = colours[..., 0]
    profile = _profile_of(picture, note)
    if alpha is None and not profile:
        return pixels
    convert = to_srgb(profile, "gray" if colours.ndim == 2 else "rgb", note)
    return in_strips(
        pixels.shape[0],
        pixels.shape[1],
        lambda rows: joined(convert(colours[rows]), None if alpha is None else alpha[rows]),
    )


def _without_remarks(png: bytes) -> bytes:
    """Drop chunks other than the pixels': libpng logs warnings about them."""
    kept, at = [png[:8]], 8
    while at + 8 <= len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4])
        name = png[at + 4 : at + 8]
        if name[:1].isupper() or name == b"tRNS":  # upper case marks critical chunks
            kept.append(png[at:end])
        at = end
    return b"".join(kept)


def _converted(picture: Image.Image, note: Note) -> Pixels:
    """Convert a loaded picture of any mode to grey, RGB or RGBA in sRGB."""
    if picture.mode == "LAB":
        raise ValueError("Lab colours of this format; save it as RGB")
    space, mode, is_transparent = _space_of(picture)
    convert = to_srgb(_profile_of(picture, note), space, note)

    def strip(rows: slice) -> Pixels:
        part = picture.crop((0, rows.start, picture.width, rows.stop))
        if mode is None:
            return convert(to_depth(np.asarray(part)))
        if not is_transparent:
            return convert(np.asarray(part.convert(mode)))
        pixels = np.asarray(part.convert("RGBA"))
        colours = pixels[..., 0] if space == "gray" else pixels[..., :3]
        return joined(convert(colours), pixels[..., 3])

    return in_strips(picture.height, picture.width, strip)


def _space_of(picture: Image.Image) -> tuple[Space, str | None, bool]:
    """Return the colours' space, the mode to convert to (None: as it is), whether it has alpha."""
    if picture.mode.startswith(("I", "F")):
        return "gray", None, False
    is_grey = picture.mode in ("1", "L", "LA", "La")
    if picture.has_transparency_data:
        return ("gray" if is_grey else "rgb"), "RGBA", True
    if is_grey:
        return "gray", "L", False
    if picture.mode == "CMYK":
        return "cmyk", "CMYK", False
    return "rgb", "RGB", False


def _profile_of(picture: Image.Image, note: Note) -> bytes | None:
    profile: Any = picture.info.get("icc_profile")
    if isinstance(profile, bytes):
        return profile
    if (
        "icc_profile" in picture.info and picture.format == "PNG"
    ):  # Pillow could not unpack its chunk
        note("the colour profile was ignored and the colours taken as sRGB: it is damaged")
    return None


def _orientation(picture: Image.Image, note: Note) -> Any:  # noqa: ANN401 - a damaged tag is anything
    """Return the EXIF orientation, or 1 if the EXIF data cannot be parsed."""
    read: Callable[[], Image.Exif] = picture.getexif
    try:
        return read().get(ORIENTATION_TAG, 1)
    except DAMAGE:
        note("its EXIF data is damaged and was ignored")
        return 1
