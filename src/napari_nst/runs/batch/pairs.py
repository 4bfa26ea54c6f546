"""The pairs of a folder run: which files, under which names, and what forbids to begin."""

import os
import re
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from napari_nst.errors import ImageError
from napari_nst.files.decode.kinds import RAW_SUFFIXES
from napari_nst.files.masks import is_mask_of
from napari_nst.files.outputs import check_place, disk_errors_translated

PICTURE_SUFFIXES = RAW_SUFFIXES | {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".avif", ".gif"),
    *(".bmp", ".jp2", ".j2k", ".psd", ".tga", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".qoi"),
    *(".ico", ".sgi", ".rgb", ".heic", ".heif", ".jxl", ".eps"),
}
"""What is a picture by its name; some of them are refused by a sentence when they are read."""

_UNUSED_NAME = ".napari-nst-unused"
_NAME_BYTES = 255
"""What most disks take."""

INDEX_FILE, SHEET_FILE = "index.html", "contact-sheet.png"


@dataclass(frozen=True)
class Pair:
    """One content in one style, and the file that it becomes."""

    content: Path
    style: Path
    output: Path


def find_pictures(places: Sequence[Path], role: str) -> tuple[list[Path], list[Path]]:
    """List the pictures at some places, and what lies beside them and is none by its name.

    Parameters
    ----------
    places
        Files, each taken whatever its name, and folders, of which every visible file is taken
        that has a picture's suffix and is no other's mask; folders within them are not entered.
    role
        What a message calls them: "content" or "style".

    Raises
    ------
    ImageError
        If a place does not exist, or a folder holds no picture.
    """
    found: dict[str, Path] = {}
    left_out: list[Path] = []
    for place in places:
        with disk_errors_translated(place):
            if not place.exists():
                raise ImageError(
                    f"{place} does not exist; name a {role} picture or a folder of them"
                )
            visible = list(filter(_is_visible, place.iterdir())) if place.is_dir() else None
        files = [place]
        if visible is not None:
            files = sorted(filter(_has_suffix, visible), key=_natural)
            stems = {each.stem for each in files}
            files = [each for each in files if not is_mask_of(each, stems)]
            left_out += sorted((each for each in visible if not _has_suffix(each)), key=_natural)
            if not files:
                raise ImageError(f"the {role} folder {place} holds no picture; put one into it")
        for file in files:
            found.setdefault(os.path.realpath(file), file)
    return list(found.values()), left_out


def pair_up(
    contents: Sequence[Path], styles: Sequence[Path], folder: Path, suffix: str
) -> list[Pair]:
    """Make every pair, content by content; named ``content-x-style.png``.

    Raises
    ------
    ImageError
        If two pairs would have one name, also on a disk that ignores case.
    """
    pairs = [
        Pair(content, style, folder / f"{content.stem}-x-{style.stem}{suffix}")
        for content, style in product(contents, styles)
    ]
    by_name: dict[str, Pair] = {}
    for pair in pairs:
        name = unicodedata.normalize("NFC", pair.output.name).casefold()
        other = by_name.setdefault(name, pair)
        if other is not pair:
            raise ImageError(
                f"{other.content.name} in the style of {other.style.name} and "
                f"{pair.content.name} in the style of {pair.style.name} would both be written "
                f"as {pair.output.name}; rename one of these files"
            )
    return pairs


def check_outputs(
    pairs: Sequence[Pair],
    folder: Path,
    places: Sequence[Path],
    others: Sequence[Path],
    *,
    longest_px: int,
) -> None:
    """Make sure, without writing, that results and contact sheet can be written.

    Parameters
    ----------
    pairs
        What is to be written.
    folder
        Where; it is made later if it is not there.
    places
        The folders and files of contents and styles.
    others
        Further files that are read: settings, a start picture.
    longest_px
        Longest side of the results.

    Raises
    ------
    ImageError
        If the folder is one of those that are read from, a result would replace a file that is
        read, or what is there cannot be replaced.
    """
    if "\0" in str(folder):
        raise ImageError("a folder's name holds no zero byte; name another folder for the results")
    is_there = folder.exists()
    if is_there and not folder.is_dir():
        raise ImageError(f"{folder} is a file; name a folder for the results")
    for place in places:
        if place.is_dir() and is_there and folder.samefile(place):
            raise ImageError(
                f"{folder} holds the pictures that are read; name another folder for the results"
            )
    read = [*(pair.content for pair in pairs), *(pair.style for pair in pairs), *others]
    identities = {_identity(path) for path in read}
    for path in (*(pair.output for pair in pairs), folder / INDEX_FILE, folder / SHEET_FILE):
        if _identity(path) in identities:
            raise ImageError(
                f"{path} is a picture that is read; name another folder for the results"
            )
    existing = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
    for pair in pairs:
        free = existing / f"{_UNUSED_NAME}{pair.output.suffix}"
        check_place(pair.output if is_there else free, longest_px=longest_px)
        if len(os.fsencode(pair.output.name)) > _NAME_BYTES:
            raise ImageError(f"{pair.output}: the name is too long; rename an input")
    for name in (INDEX_FILE, SHEET_FILE):
        path = folder / name
        if path.exists() and not _is_ours(path):
            raise ImageError(f"{path} is not of napari-nst; move it, or name another folder")


def _is_visible(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_file()


def _has_suffix(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort as people do: "frame 9" before "frame 10"."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _identity(path: Path) -> object:
    """Return what is the same for two names of one file, by links or hard links."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)


def _is_ours(path: Path) -> bool:
    """Whether a contact sheet was written by us, which its first bytes say."""
    with disk_errors_translated(path):
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return b"napari-nst" in file.read(1024)
