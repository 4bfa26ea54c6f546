"""Masks from files: labels as they are stored, colours as labels of their own.

A mask's values are labels, not colours to look at: no colour profile is applied.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.decode import decode_stored
from napari_nst.settings.regions import BLEND, KEEP, Regions, Target

FIRST_COLOUR = 1 << 24
"""Above it, a mask's values are colours, 0x1rrggbb."""

MASK_SUFFIXES = (".mask.png", ".mask.tif", ".mask.tiff", ".mask.gif", ".mask.bmp")
"""Of the file that holds the mask of the picture beside it: photo.mask.png of photo.jpg."""

_MOST_NAMED = 8


def read_mask(path: Path) -> npt.NDArray[Any]:
    """Read a mask.

    Returns
    -------
    array, shape (H, W), integers
        Grey values, palette indices, 255 for white of 1 bit; colours as 0x1rrggbb.

    Raises
    ------
    ImageError
        If it cannot be read or is no picture of labels.
    """
    pixels = decode_stored(path)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        red, green, blue = (pixels[..., each].astype(np.int64) for each in range(3))
        if pixels.dtype != np.uint8:
            raise ImageError(f"{path}: a mask in colours has 8 bits a channel; got {pixels.dtype}")
        if (red == green).all() and (green == blue).all():
            return red
        return FIRST_COLOUR + (red << 16) + (green << 8) + blue
    if pixels.ndim != 2 or pixels.dtype.kind not in "biu" or 0 in pixels.shape:
        raise ImageError(
            f"{path}: a mask is a picture of labels, grey or in colours; got {pixels.dtype} of "
            f"shape {pixels.shape}"
        )
    return pixels * np.uint8(255) if pixels.dtype.kind == "b" else pixels


def mask_beside(content: Path) -> Path | None:
    """Return the file of a picture's mask, photo.mask.png of photo.jpg, if there is one."""
    files = (content.with_name(content.stem + suffix) for suffix in MASK_SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def is_mask_of(path: Path, stems: Collection[str]) -> bool:
    """Return whether a file is by its name the mask of one of the pictures beside it."""
    name = path.name
    return any(
        name.lower().endswith(suffix) and name[: -len(suffix)] in stems for suffix in MASK_SUFFIXES
    )


def usual_regions(path: Path, style_count: int) -> Regions:
    """Read a mask of which nobody says what its labels get; raises as `usual_targets`."""
    values = read_mask(path)
    targets, rest = usual_targets(values, style_count, path)
    places = {value: place for place, value in enumerate(targets, 1)}
    styles = {places[value]: target for value, target in targets.items()}
    return Regions(labelled(values, places), styles, rest)


def usual_targets(
    values: npt.NDArray[Any], style_count: int, path: Path
) -> tuple[dict[int, Target], Target]:
    """Return what each value of a mask gets, and all others, where nobody says it.

    With one style black keeps the content, and everything else is painted. With several, 1 gets the
    first, 2 the second and so on; of black and white, white gets the first and black the second.

    Raises
    ------
    ConfigError
        If there are several styles and other labels.
    """
    present = np.unique(values).tolist()
    dark = {0, FIRST_COLOUR}
    if style_count == 1:
        painted = [value for value in present if value not in dark]
        if not painted:
            raise ConfigError(f"{path} is black, so that everything would keep the content")
        return dict.fromkeys(painted, BLEND), KEEP
    if set(present) <= {0, 255} and 255 in present:
        return {255: 0}, 1
    if any(not 0 <= value <= style_count for value in present):
        raise ConfigError(
            f"{path} has the labels {label_names(values)}, and there are {style_count} styles; say "
            "what each gets with --region LABEL=STYLE"
        )
    return {value: value - 1 for value in present if value}, BLEND


def labelled(values: npt.NDArray[Any], labels: Mapping[int, int]) -> npt.NDArray[np.uint8]:
    """Return a mask with its values replaced by labels, 0 where there is none."""
    found = np.zeros(values.shape, np.uint8)
    for value, label in labels.items():
        found[values == value] = label
    return found


def label_name(value: int) -> str:
    """Return a value of a mask as people write it: 7, or #ff0000."""
    return f"#{value - FIRST_COLOUR:06x}" if value >= FIRST_COLOUR else str(value)


def label_names(values: npt.NDArray[Any]) -> str:
    """List a mask's values, those with most pixels if there are many."""
    present, counts = np.unique(values, return_counts=True)
    largest = present[np.argsort(-counts)][:_MOST_NAMED].tolist()
    more = len(present) - len(largest)
    return ", ".join(map(label_name, sorted(largest))) + (f" and {more} more" if more else "")
