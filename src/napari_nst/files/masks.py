"""Masks from files: labels as they are stored, colours as labels of their own.

A mask's values are labels, not colours to look at: no colour profile is applied. Masks over the
content and over styles are read by one rule, so that a value is the same label in all of them.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.decode import decode_stored
from napari_nst.settings.regions import BLEND, KEEP, Regions, Target

FIRST_COLOUR = 1 << 24
"""Above it, a mask's values are colours, 0x1rrggbb; colours that are grey are grey values."""

_MOST_FLAT = 16
"""A mask of more values was smoothed or saved as JPEG; one style takes it as black and white."""

_HALF_GREY = 128
_MOST_NAMED = 8
_MASK = ".mask"
"""End of the name of the file that holds the mask of the picture beside it: photo.mask.png."""

ToLabels = Callable[[npt.NDArray[Any]], npt.NDArray[np.uint8]]
"""Converts a mask's values to labels of Regions, 0 where there is none."""


def read_mask(path: Path) -> npt.NDArray[Any]:
    """Read a mask.

    Returns
    -------
    array, shape (H, W), integers
        Grey values, palette indices, 255 for white of 1 bit; other colours as 0x1rrggbb.

    Raises
    ------
    ImageError
        If it cannot be read or is no picture of labels.
    """
    pixels = decode_stored(path)
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        red, green, blue = (pixels[..., each].astype(np.int32) for each in range(3))
        if pixels.dtype != np.uint8:
            raise ImageError(f"{path}: a mask in colours has 8 bits a channel; got {pixels.dtype}")
        colours = FIRST_COLOUR + (red << 16) + (green << 8) + blue
        return np.where((red == green) & (green == blue), red, colours)
    if pixels.ndim != 2 or pixels.dtype.kind not in "biu" or 0 in pixels.shape:
        raise ImageError(
            f"{path}: a mask is a picture of labels, grey or in colours; got {pixels.dtype} of "
            f"shape {pixels.shape}"
        )
    return pixels * np.uint8(255) if pixels.dtype.kind == "b" else pixels


def read_lightness(path: Path) -> npt.NDArray[Any]:
    """Read a mask whose lightness counts, shape (H, W), integers or floating; raises ImageError."""
    values = decode_stored(path)
    return values if values.dtype.kind == "f" else grey_of(read_mask(path))


def mask_beside(content: Path) -> Path | None:
    """Return the file of a picture's mask, photo.mask.png of photo.jpg, if there is one."""
    files = sorted(content.parent.iterdir()) if content.parent.is_dir() else []
    return next((file for file in files if is_mask_of(file, {content.stem})), None)


def is_mask_of(path: Path, stems: Collection[str]) -> bool:
    """Return whether a file is by its name the mask of one of the pictures beside it."""
    is_mask = path.stem.lower().endswith(_MASK) and not path.name.startswith(".")
    return is_mask and path.stem[: -len(_MASK)] in stems and path.is_file()


def usual_regions(path: Path, style_count: int) -> tuple[Regions, ToLabels]:
    """Read a mask of which nobody says what its labels get.

    With one style black keeps the content, and everything else is painted. With several, 1 gets the
    first, 2 the second and so on; of black and white, white gets the first and black the second.

    Returns
    -------
    regions
        Without masks over styles.
    to_labels
        Reads those by the same rule.

    Raises
    ------
    ConfigError
        If there are several styles and other labels, or all is black.
    """
    values = read_mask(path)
    present = np.unique(values).tolist()
    if style_count == 1:
        painted = _is_painted(values)
        if not painted.any():
            raise ConfigError(f"{path} is black everywhere; paint white what is to count")
        return Regions(painted, {1: BLEND}, KEEP), _is_painted
    if set(present) <= {0, 255} and 255 in present:
        white = partial(labelled, labels={255: 1})
        return Regions(white(values), {1: 0}, 1), white
    if any(not 0 <= value <= style_count for value in present):
        raise ConfigError(
            f"{path} has the labels {label_names(values)}, and there are {style_count} styles; say "
            f"what each gets with --region LABEL=STYLE{smooth_hint(values)}"
        )
    styles: dict[int, Target] = {value: value - 1 for value in present if value}
    return Regions(values, styles, BLEND), partial(labelled, labels={each: each for each in styles})


def smooth_hint(values: npt.NDArray[Any]) -> str:
    """Return the advice for a mask that is no mask of flat labels, or nothing."""
    if len(np.unique(values)) <= _MOST_FLAT:
        return ""
    return ". So many come of soft edges or JPEG: save it as PNG, painted without smoothing"


def _is_painted(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return 1 where a mask of black and white is white, or anything but black if it is flat."""
    is_smooth = len(np.unique(values)) > _MOST_FLAT
    painted = grey_of(values) >= _HALF_GREY if is_smooth else values != 0
    return painted.astype(np.uint8)


def grey_of(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a mask's lightness, colours by the weights of Rec. 601."""
    if values.max() < FIRST_COLOUR:
        return values
    colours = np.where(values >= FIRST_COLOUR, values - FIRST_COLOUR, values * 0x10101)
    parts = ((colours >> shift) & 255 for shift in (16, 8, 0))
    weights = (0.299, 0.587, 0.114)
    grey = sum(weight * part for weight, part in zip(weights, parts, strict=True))
    return np.rint(grey).astype(np.uint8)


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
