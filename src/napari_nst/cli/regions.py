"""The options --mask, --region, --feather, --style-mask and --content-mask."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from napari_nst.cli.streams import say
from napari_nst.errors import ConfigError
from napari_nst.files.masks import (
    FIRST_COLOUR,
    ToLabels,
    label_name,
    label_names,
    labelled,
    read_lightness,
    read_mask,
    smooth_hint,
    usual_regions,
)
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, SteeringEvent
from napari_nst.settings.regions import BLEND, KEEP, MOST_LABELS, REGIONS, Regions, Target

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

_COLOUR = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
_NUMBER = re.compile(r"[0-9]{1,9}")


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
        content_mask = None if self.content_mask is None else read_lightness(self.content_mask)
        if self.mask is None:
            return Regions(content_mask=content_mask)
        asked = self._asked if self.targets else usual_regions
        regions, to_labels = asked(self.mask, style_count)
        regions = replace(
            regions,
            feather_px=self.feather_px,
            style_labels=self._style_labels(to_labels, style_count),
            content_mask=content_mask,
        )
        regions.check(style_count)
        return regions

    def _asked(self, mask: Path, style_count: int) -> tuple[Regions, ToLabels]:
        """Return what --region asks for, as `usual_regions` does."""
        values = read_mask(mask)
        present = set(np.unique(values).tolist())
        given: dict[int | str, Target] = {}
        for text in self.targets:
            key, target = _parsed(text)
            if key in given:
                raise ConfigError(f"--region says twice what {text.partition('=')[0]} gets")
            given[key] = target
        targets = {label: target for label, target in given.items() if isinstance(label, int)}
        if missing := sorted(set(targets) - present):
            names = ", ".join(map(label_name, missing))
            hint = smooth_hint(values)
            raise ConfigError(f"{mask} has no label {names}; it has {label_names(values)}{hint}")
        if len(targets) > MOST_LABELS:
            raise ConfigError(f"--region names {len(targets)} labels; at most {MOST_LABELS} can be")
        others = present - set(targets) - {0}
        if others and "rest" not in given:
            names = label_names(values[np.isin(values, list(others))])
            raise ConfigError(
                f"{mask} has other labels, too: {names}; say what they get, or with "
                f"--region rest=STYLE what all others get{smooth_hint(values)}"
            )
        labels = {value: place for place, value in enumerate(targets, 1)}
        to_labels = partial(labelled, labels=labels)
        rest = given.get("rest", KEEP if style_count == 1 else BLEND)
        styles = {labels[value]: target for value, target in targets.items()}
        return Regions(to_labels(values), styles, rest), to_labels

    def _style_labels(
        self, to_labels: ToLabels, style_count: int
    ) -> tuple[npt.NDArray[np.uint8] | None, ...]:
        if not self.style_masks:
            return ()
        if len(self.style_masks) > style_count:
            raise ConfigError(
                f"--style-mask is given {len(self.style_masks)} times for {style_count} styles"
            )
        read = [
            None if str(path) == "-" else _labels_over_style(path, to_labels)
            for path in self.style_masks
        ]
        return (*read, *(None,) * (style_count - len(read)))


def _labels_over_style(path: Path, to_labels: ToLabels) -> npt.NDArray[np.uint8]:
    values = read_mask(path)
    labels = to_labels(values)
    if not labels.any():
        raise ConfigError(
            f"{path} has no label that a region of --mask has; it has {label_names(values)}. Paint "
            f"it in the values of --mask, or give - instead{smooth_hint(values)}"
        )
    return labels


def regions_of(
    masks: MaskOptions,
    record: RunRecord | None,
    events: tuple[SteeringEvent, ...],
    shape: Sequence[int],
    style_count: int,
    config: StyleConfig,
) -> tuple[Regions | None, tuple[SteeringEvent, ...]]:
    """Return the regions of a run and its steering; tell of regions that are small.

    Parameters
    ----------
    masks
        Those given; without any, the record's regions and their repainting count.
    record, events
        Of --config or the unfinished run.
    shape
        Of the content.
    style_count, config
        Of the run.
    """
    regions = masks.regions(style_count)
    if regions is None:
        regions = record.regions if record else None
        try:
            if regions is not None:
                regions.check(style_count)
        except ConfigError as error:
            raise ConfigError(f"the regions of --config do not fit here: {error}") from error
    else:
        events = tuple(event for event in events if event.field != REGIONS)
    if regions is not None:
        longest = config.size or max(shape[:2])
        height, width = (round(side * longest / max(shape[:2])) for side in shape[:2])
        for label, layers in regions.vanishing((height, width), config.style_layers).items():
            who = f"region {label}" if label else "the unlabelled part"
            say(
                f"napari-nst: {who} is too small for {', '.join(layers)}; its other layers carry "
                "their weight"
            )
    return regions, events


def _parsed(text: str) -> tuple[int | str, Target]:
    label, sign, target = (part.strip() for part in text.partition("="))
    found = _COLOUR.fullmatch(label)
    key: int | str = label
    if found:
        digits = found[1] if len(found[1]) == 6 else "".join(2 * each for each in found[1])
        red, green, blue = bytes.fromhex(digits)
        key = red if red == green == blue else FIRST_COLOUR + int(digits, 16)
    elif _NUMBER.fullmatch(label):
        key = int(label)
    if not sign or (isinstance(key, str) and key != "rest"):
        raise ConfigError(
            f"--region is LABEL=STYLE with a grey value, a colour such as #ff0000, or rest as the "
            f"label; got {text!r}"
        )
    if target in (BLEND, KEEP):
        return key, target
    if not _NUMBER.fullmatch(target) or int(target) < 1:
        raise ConfigError(
            f"--region gives a label the number of a style, from 1, {BLEND} or {KEEP}; got {text!r}"
        )
    return key, int(target) - 1
