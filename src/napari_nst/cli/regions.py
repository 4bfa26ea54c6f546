"""The options --mask, --region, --feather, --style-mask and --content-mask."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from napari_nst.errors import ConfigError
from napari_nst.files.masks import read_mask
from napari_nst.settings.regions import BLEND, KEEP, MOST_LABELS, Regions, Target

Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Labels painted over CONTENT, of any size: grey values or colours. Without --region, "
        "1 is the first style, 2 the second, and so on, and 0 all styles blended; in a mask of "
        "black and white, white is painted and black keeps the content, or takes the second style.",
    ),
]
RegionTargets = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="LABEL=STYLE",
        help="What a label of --mask gets: a style's number, blend or keep. LABEL is a grey value, "
        "a colour such as #ff0000, or rest. May be repeated.",
    ),
]
Feather = Annotated[
    float, typer.Option(metavar="PX", help="How softly regions fade into each other.")
]
StyleMasks = Annotated[
    list[Path] | None,
    typer.Option(
        "--style-mask",
        metavar="FILE",
        help="Labels over a style, in the styles' order; - for none. A region reads the part with "
        "its own label. May be repeated.",
    ),
]
ContentMask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where CONTENT's structure matters: white as the settings say, black not at all.",
    ),
]

_COLOUR = re.compile(r"#([0-9a-fA-F]{6})")
_FIRST_COLOUR = 1 << 24
_MOST_NAMED = 8


@dataclass(frozen=True)
class MaskOptions:
    """What was given of masks on the command line."""

    mask: Path | None
    targets: Sequence[str]
    feather_px: float
    style_masks: Sequence[Path]
    content_mask: Path | None

    @property
    def files(self) -> list[Path]:
        """All files among them."""
        named = [each for each in (self.mask, self.content_mask) if each]
        return [*named, *(each for each in self.style_masks if str(each) != "-")]

    def regions(self, style_count: int) -> Regions | None:
        """Read the masks; None if there are none.

        Raises
        ------
        ConfigError
            If the options do not fit each other or the styles.
        ImageError
            If a mask cannot be read.
        """
        if self.mask is None and (self.targets or self.style_masks or self.feather_px):
            raise ConfigError("--region, --feather and --style-mask need a --mask")
        if not self.files:
            return None
        content_mask = None if self.content_mask is None else _grey(self.content_mask)
        if self.mask is None:
            return Regions(content_mask=content_mask)
        values = read_mask(self.mask)
        targets, rest = self._targets(values, style_count)
        labels = {value: place for place, value in enumerate(targets, 1)}
        if len(labels) > MOST_LABELS:
            raise ConfigError(f"--region names {len(labels)} labels; at most {MOST_LABELS} can be")
        regions = Regions(
            _labelled(values, labels),
            {labels[value]: target for value, target in targets.items()},
            rest,
            self.feather_px,
            self._style_labels(labels, style_count),
            content_mask,
        )
        regions.check(style_count)
        return regions

    def _targets(
        self, values: npt.NDArray[Any], style_count: int
    ) -> tuple[dict[int, Target], Target]:
        """Return what each value of the mask gets, and all others."""
        if not self.targets:
            return _usual_targets(values, style_count, self.mask)
        given = dict(map(_parsed, self.targets))
        rest = given.pop("rest", BLEND)
        targets = {label: target for label, target in given.items() if isinstance(label, int)}
        if missing := sorted(set(targets) - set(np.unique(values).tolist())):
            names = ", ".join(map(_name, missing))
            raise ConfigError(f"{self.mask} has no label {names}; it has {_names(values)}")
        return targets, rest

    def _style_labels(
        self, labels: dict[int, int], style_count: int
    ) -> tuple[npt.NDArray[np.uint8] | None, ...]:
        if not self.style_masks:
            return ()
        if len(self.style_masks) > style_count:
            raise ConfigError(
                f"--style-mask is given {len(self.style_masks)} times for {style_count} styles"
            )
        read = [
            None if str(path) == "-" else _labelled(read_mask(path), labels)
            for path in self.style_masks
        ]
        return (*read, *(None,) * (style_count - len(read)))


def _usual_targets(
    values: npt.NDArray[Any], style_count: int, path: Path | None
) -> tuple[dict[int, Target], Target]:
    present = np.unique(values).tolist()
    if set(present) <= {0, 255} and 255 in present:
        white: Target = BLEND if style_count == 1 else 0
        black: Target = KEEP if style_count == 1 else 1
        return {255: white}, black
    strange = [value for value in present if not 0 <= value <= style_count]
    if strange:
        raise ConfigError(
            f"{path} has the labels {_names(values)}, and there are {style_count} styles; say what "
            "each gets with --region LABEL=STYLE"
        )
    return {value: value - 1 for value in present if value}, BLEND


def _parsed(text: str) -> tuple[int | str, Target]:
    label, sign, target = (part.strip() for part in text.partition("="))
    found = _COLOUR.fullmatch(label)
    key: int | str = label
    if found:
        red, green, blue = bytes.fromhex(found[1])
        is_grey = red == green == blue
        key = red if is_grey else _FIRST_COLOUR + int(found[1], 16)
    elif label.isdecimal():
        key = int(label)
    if not sign or (isinstance(key, str) and key != "rest"):
        raise ConfigError(
            f"--region is LABEL=STYLE with a grey value, a colour such as #ff0000, or rest as the "
            f"label; got {text!r}"
        )
    if target in (BLEND, KEEP):
        return key, target
    if not target.isdecimal() or int(target) < 1:
        raise ConfigError(
            f"--region gives a label the number of a style, from 1, {BLEND} or {KEEP}; got {text!r}"
        )
    return key, int(target) - 1


def _labelled(values: npt.NDArray[Any], labels: dict[int, int]) -> npt.NDArray[np.uint8]:
    found = np.zeros(values.shape, np.uint8)
    for value, label in labels.items():
        found[values == value] = label
    return found


def _grey(path: Path) -> npt.NDArray[Any]:
    mask = read_mask(path)
    if mask.dtype == np.int64 and mask.max() < _FIRST_COLOUR:  # grey stored as RGB
        return mask.astype(np.uint8)
    return mask


def _name(value: int) -> str:
    return f"#{value - _FIRST_COLOUR:06x}" if value >= _FIRST_COLOUR else str(value)


def _names(values: npt.NDArray[Any]) -> str:
    present, counts = np.unique(values, return_counts=True)
    largest = present[np.argsort(-counts)][:_MOST_NAMED].tolist()
    more = len(present) - len(largest)
    return ", ".join(map(_name, sorted(largest))) + (f" and {more} more" if more else "")
