"""Multi-page TIFF and animations: GIF, WebP, APNG."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageSequence

from napari_nst.errors import ImageError
from napari_nst.files.decode.kinds import DAMAGE, available_formats, first_line, open_file
from napari_nst.files.decode.tiff import row_conversion
from napari_nst.files.depth import as_uint8
from napari_nst.files.disk import file_replacing
from napari_nst.files.outputs import ENCODING_ERRORS, disk_errors_translated, write_atomically
from napari_nst.files.sequences.frames import Frame, Frames, frame_names
from napari_nst.files.tiff_output import tiff_options

_DEFAULT_MS = 100
"""What browsers show a frame of a GIF without a duration for."""

_ALPHA_LEVEL = 128
"""GIF knows no half transparency: from here on a pixel is opaque."""


def tiff_pages(path: Path) -> Frames:
    """Open a multi-page TIFF; raises ImageError if it is damaged."""
    with open_file(path) as file:
        try:
            with tifffile.TiffFile(file) as tiff:
                count = len(tiff.pages)
        except DAMAGE as error:
            raise ImageError(f"{path} cannot be read as a TIFF: {first_line(error)}") from error
    return Frames(path, "tiff", frame_names(count), lambda index: _page(path, index), suffix=".tif")


def animation(path: Path) -> Frames:
    """Open a GIF, WebP or APNG, or a picture of one frame; raises ImageError if it is damaged."""
    with open_file(path) as file:
        try:
            with Image.open(file, formats=available_formats()) as picture:
                durations = []
                is_transparent = False
                for frame in ImageSequence.Iterator(picture):
                    frame.load()
                    durations.append(round(frame.info.get("duration") or _DEFAULT_MS))
                    is_transparent |= frame.has_transparency_data
        except DAMAGE as error:
            at = f"its frame {len(durations) + 1} is" if "durations" in locals() else "it is"
            raise ImageError(
                f"{path} cannot be read: {at} damaged ({first_line(error)})"
            ) from error
    mode = "RGBA" if is_transparent else "RGB"
    return Frames(
        path,
        "animation",
        frame_names(len(durations)),
        lambda index: _animated(path, index, mode),
        durations_ms=durations,
    )


def write_tiff_pages(path: Path, frames: Iterable[Frame], text: str) -> None:
    """Write frames as the pages of a TIFF, with a text in the first one's tags, atomically.

    Raises
    ------
    ImageError
        If the disk refuses.
    """
    with (
        disk_errors_translated(path),
        file_replacing(path) as file,
        tifffile.TiffWriter(file, bigtiff=True) as writer,
    ):
        for frame in frames:
            writer.write(frame, **tiff_options(frame.shape, text))
            text = ""


def write_animation(
    path: Path, frames: Iterable[Frame], durations_ms: Sequence[int], text: str
) -> None:
    """Write frames as an endless GIF, WebP or APNG by the suffix, atomically.

    Raises
    ------
    ImageError
        If it cannot be encoded, or the disk refuses.
    """
    suffix = path.suffix.lower()
    pages = [Image.fromarray(as_uint8(frame)) for frame in frames]
    options: dict[str, Any] = {"save_all": True, "duration": list(durations_ms), "loop": 0}
    if suffix == ".gif":
        pages = [_gif_page(page) for page in pages]
        options |= {"format": "GIF", "disposal": 2, "comment": text.encode()}
    elif suffix == ".webp":
        exif = Image.Exif()
        exif[270] = text
        options |= {"format": "WEBP", "quality": 90, "exif": exif.tobytes()}
        # libwebp loses the alpha of some lossy animations
        options["lossless"] = pages[0].mode == "RGBA"
    else:
        options |= {"format": "PNG"}
    buffer = io.BytesIO()
    try:
        pages[0].save(buffer, append_images=pages[1:], **options)
    except ENCODING_ERRORS as error:
        raise ImageError(f"{path} cannot be written: {first_line(error)}") from error
    write_atomically(path, buffer.getvalue())


def _gif_page(page: Image.Image) -> Image.Image:
    if page.mode != "RGBA":
        return page.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT)
    opaque = page.getchannel("A").point(lambda level: 255 * (level >= _ALPHA_LEVEL))
    page.putalpha(opaque)
    return page


def _page(path: Path, index: int) -> Frame:
    try:
        with open_file(path) as file, tifffile.TiffFile(file) as tiff:
            page = tiff.pages[index].aspage()
            planes = page.asarray(squeeze=False)
            if planes.ndim != 5 or planes.shape[1] > 1:
                raise ImageError("it is no flat picture")
            samples = planes[0, 0]
            if planes.shape[0] > 1:  # one plane a channel
                samples = np.moveaxis(planes[:, 0, ..., 0], 0, -1)
            found: Frame = row_conversion(page, samples, page.extrasamples, lambda _: None)(samples)
            return found
    except (*DAMAGE, ImageError) as error:
        raise ImageError(
            f"page {index + 1} of {path} cannot be read: {first_line(error)}; "
            "save the stack anew, or without that page"
        ) from error


def _animated(path: Path, index: int, mode: str) -> Frame:
    try:
        with open_file(path) as file, Image.open(file, formats=available_formats()) as picture:
            picture.seek(index)
            return np.asarray(picture.convert(mode))
    except DAMAGE as error:
        raise ImageError(
            f"frame {index + 1} of {path} cannot be read: {first_line(error)}"
        ) from error
