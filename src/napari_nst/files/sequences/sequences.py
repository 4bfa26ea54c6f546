"""Open and write a sequence of any kind, by its name."""

from collections.abc import Iterable
from pathlib import Path

from napari_nst.errors import ImageError
from napari_nst.files.decode.kinds import TIFF_MAGIC, open_file
from napari_nst.files.sequences.frames import (
    KINDS,
    READ_SUFFIXES,
    Frame,
    Frames,
    Kind,
    numbered_frames,
)
from napari_nst.files.sequences.stacks import (
    animation,
    tiff_pages,
    write_animation,
    write_tiff_pages,
)
from napari_nst.files.sequences.video import check_video, video, write_video


def open_sequence(path: Path) -> Frames:
    """Open a folder of numbered frames, a multi-page TIFF, a GIF, WebP or APNG, or a video.

    Raises
    ------
    ImageError
        If there is none, it is damaged, or something to read it is not installed.
    """
    if path.is_dir():
        return numbered_frames(path)
    with open_file(path) as file:
        head = file.read(16)
    if head[:4] in TIFF_MAGIC:
        return tiff_pages(path)
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if is_webp or head[:3] == b"GIF" or head[:4] == b"\x89PNG":
        return animation(path)
    if path.suffix.lower() in READ_SUFFIXES:
        return video(path)
    raise ImageError(
        f"{path} is no sequence; name a folder of numbered frames, a multi-page TIFF, a GIF, WebP "
        f"or APNG, or a video ({', '.join(sorted(READ_SUFFIXES))})"
    )


def output_kind(path: Path) -> Kind:
    """Return what an output is written as; a name without a suffix is a folder.

    Raises
    ------
    ImageError
        If it has another suffix, or PyAV is missing for a video.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or not suffix:
        return "folder"
    if suffix not in KINDS:
        raise ImageError(
            f"{path} ends in {suffix!r}; a sequence ends in one of {', '.join(KINDS)}, or in "
            "nothing: a folder"
        )
    if KINDS[suffix] == "video":
        check_video()
    return KINDS[suffix]


def write_sequence(path: Path, results: Iterable[Frame], like: Frames, text: str) -> None:
    """Write results as a file of the suffix's kind, at the rate of the frames they were made of.

    Parameters
    ----------
    path
        Not a folder.
    results
        As many as there are frames.
    like
        The input, which tells rate and durations.
    text
        The record, for the tags of formats that have some.

    Raises
    ------
    ImageError
        If it cannot be encoded or written.
    """
    kind = output_kind(path)
    if kind == "tiff":
        write_tiff_pages(path, results, text)
    elif kind == "animation":
        each_ms = round(1000 / like.shown_rate)
        durations = like.durations_ms or [each_ms] * len(like)
        write_animation(path, results, durations, text)
    else:
        write_video(path, results, like.shown_rate)
