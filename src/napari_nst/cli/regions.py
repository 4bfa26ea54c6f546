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
from napari_nst.files.masks import (
    FIRST_COLOUR,
    label_name,
    label_names,
    labelled,
    read_mask,
    usual_targets,
)
from napari_nst.settings.regions import BLEND, KEEP, MOST_LABELS, Regions, Target

Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Labels painted over CONTENT, of any size: grey values or colours. Without --region, "
        "1 gets the first style, 2 the second, and so on, 0 all of them blended; with one style, "
        "black keeps the content and everything else is painted; black and white with two styles: "
        "white gets the first.",
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
            labelled(values, labels),
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
            assert self.mask is not None
            return usual_targets(values, style_count, self.mask)
        given = dict(map(_parsed, self.targets))
        rest = given.pop("rest", BLEND)
        targets = {label: target for label, target in given.items() if isinstance(label, int)}
        if missing := sorted(set(targets) - set(np.unique(values).tolist())):
            names = ", ".join(map(label_name, missing))
            raise ConfigError(f"{self.mask} has no label {names}; it has {label_names(values)}")
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
            None if str(path) == "-" else labelled(read_mask(path), labels)
            for path in self.style_masks
        ]
        return (*read, *(None,) * (style_count - len(read)))


def _parsed(text: str) -> tuple[int | str, Target]:
    label, sign, target = (part.strip() for part in text.partition("="))
    found = _COLOUR.fullmatch(label)
    key: int | str = label
    if found:
        red, green, blue = bytes.fromhex(found[1])
        is_grey = red == green == blue
        key = red if is_grey else FIRST_COLOUR + int(found[1], 16)
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


def _grey(path: Path) -> npt.NDArray[Any]:
    mask = read_mask(path)
    if mask.dtype == np.int64 and mask.max() < FIRST_COLOUR:  # grey stored as RGB
        return mask.astype(np.uint8)
    return mask
