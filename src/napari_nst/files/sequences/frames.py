"""What all kinds of sequences have in common, and a folder of numbered frames."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt

from napari_nst.errors import ImageError
from napari_nst.files.decode.kinds import RAW_SUFFIXES
from napari_nst.files.images import read_picture
from napari_nst.files.outputs import SUFFIXES, disk_errors_translated

Kind = Literal["folder", "tiff", "animation", "video"]
Frame = npt.NDArray[Any]

KINDS: dict[str, Kind] = {
    **dict.fromkeys((".tif", ".tiff"), "tiff"),
    **dict.fromkeys((".gif", ".webp", ".png", ".apng"), "animation"),
    **dict.fromkeys((".mp4", ".mov", ".mkv", ".m4v"), "video"),
}
"""What a file with a suffix is written as; a name without one is a folder."""

READ_SUFFIXES = frozenset((*KINDS, ".avi", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv"))

DEFAULT_RATE = Fraction(25)
"""Frames a second where neither the input nor the user says it."""

_NUMBERED = frozenset(
    (*SUFFIXES, ".avif", ".gif", ".bmp", ".jp2", ".tga", ".ppm", ".pgm", ".qoi", *RAW_SUFFIXES)
)
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


@dataclass(frozen=True)
class Frames(Sequence[Frame]):
    """A sequence that was opened; a frame is decoded when it is asked for.

    Parameters
    ----------
    path
        The folder or file.
    kind
        What it is.
    names
        Each frame's name without a suffix, for a file of its own.
    read
        Returns a frame, shape (H, W), (H, W, 3) or (H, W, 4); raises ImageError.
    rate
        Frames a second, of a video.
    durations_ms
        How long each frame is shown, of an animation.
    suffix
        Of the frames' own files, in a folder.
    """

    path: Path
    kind: Kind
    names: Sequence[str]
    read: Callable[[int], Frame]
    rate: Fraction | None = None
    durations_ms: Sequence[int] | None = None
    suffix: str = ".png"

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Frame:  # type: ignore[override]
        return self.read(range(len(self))[index])

    @property
    def shown_rate(self) -> Fraction:
        """Frames a second, for a video of them."""
        if self.rate is not None:
            return self.rate
        total_ms = sum(self.durations_ms or ())
        return (
            Fraction(1000 * len(self), total_ms).limit_denominator(1001)
            if total_ms
            else (DEFAULT_RATE)
        )


def numbered_frames(folder: Path) -> Frames:
    """Open a folder of numbered pictures: ``frame-0001.png``, in the order of their last number.

    Raises
    ------
    ImageError
        If there is none, two have one number, or frames have different kinds of files.
    """
    with disk_errors_translated(folder):
        files = [each for each in folder.iterdir() if not each.name.startswith(".")]
    found: dict[int, Path] = {}
    for path in sorted(files):
        number = _LAST_NUMBER.search(path.stem)
        if path.suffix.lower() not in _NUMBERED or number is None or not path.is_file():
            continue
        other = found.setdefault(int(number[1]), path)
        if other is not path:
            raise ImageError(
                f"{other.name} and {path.name} in {folder} have the same number; "
                "name a folder with one sequence"
            )
    if not found:
        raise ImageError(
            f"{folder} holds no numbered pictures; frames are named such as frame-0001.png"
        )
    paths = [found[number] for number in sorted(found)]
    suffix = paths[0].suffix.lower()
    names = [path.stem for path in paths]
    suffix = suffix if suffix in SUFFIXES else ".png"
    return Frames(folder, "folder", names, lambda index: read_picture(paths[index]), suffix=suffix)


def frame_names(count: int) -> list[str]:
    """Name the frames of a file, as many digits each: "frame-0001"."""
    digits = max(4, len(str(count)))
    return [f"frame-{number:0{digits}d}" for number in range(1, count + 1)]
