"""Regions: which part of the content gets which style, and where its structure matters.

A record keeps its masks as PNG, so that a run can be repeated from its record and its pictures.
"""

import base64
import hashlib
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, Self, cast

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ConfigError, shown
from napari_nst.settings.config import EACH_STYLE, StyleConfig
from napari_nst.settings.vgg_layers import tap_geometry

REGIONS = "regions"
"""The field of a steering event whose value are Regions, or None, instead of a setting's."""

KEEP: Literal["keep"] = "keep"
BLEND: Literal["blend"] = "blend"
Target = int | Literal["keep", "blend"]
"""What a region gets: one of the styles, counted from 0, all of them blended, or its own pixels."""

MOST_LABELS = 255
MOST_FEATHER_PX = 1000
MOST_PIXELS = 100_000_000
"""Larger masks are kept at half the size or less; they are resized to the content anyway."""

_DAMAGE = (AssertionError, KeyError, TypeError, ValueError, AttributeError, OSError, SyntaxError)
"""What reading a damaged record raises, Pillow included."""

LEAST_POSITIONS = 4.0
"""A region or a part of a style that has fewer positions at a layer has no statistics there."""

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks over the content, of any size; they are resized to it.

    Parameters
    ----------
    labels : array of integers or bool, shape (H, W), or None
        The label of each pixel; None is 0 everywhere.
    styles
        What each label gets. Labels are 1 to 255; the others in `labels` count as unlabelled.
    rest
        What unlabelled pixels get.
    feather_px
        Width over which regions fade into each other, in pixels of the result.
    style_labels : sequence of (array as `labels`, or None)
        One for each style, or none at all: of such a style, a region reads the part with its own
        label, where there is one, and the whole elsewhere.
    content_mask : array, shape (H, W), or None
        How much the content's structure matters at each pixel, from 0 (not at all) to the dtype's
        maximum, 1 for bool and floating (as the settings say). It is kept in 256 levels.

    Raises
    ------
    ConfigError
        If a mask or a target is anything else.
    """

    labels: Labels | None = None
    styles: Mapping[int, Target] = field(default_factory=dict)
    rest: Target = BLEND
    feather_px: float = 0.0
    style_labels: Sequence[Labels | None] = ()
    content_mask: Labels | None = None

    def __post_init__(self) -> None:
        styles = _checked_styles(self.styles)
        feather_px = self.feather_px
        if isinstance(feather_px, bool) or not isinstance(feather_px, Real):
            raise ConfigError(f"feather_px is a number of pixels; got {shown(feather_px)}")
        if not 0 <= feather_px <= MOST_FEATHER_PX:  # also NaN
            raise ConfigError(
                f"feather_px is between 0 and {MOST_FEATHER_PX}; got {shown(feather_px)}"
            )
        if not isinstance(self.style_labels, list | tuple):
            raise ConfigError(
                f"style_labels is a list, an array or None for each style; got "
                f"{shown(self.style_labels)}"
            )
        kept = tuple(
            None if each is None else _labels(each, f"the labels of style {place}", styles)
            for place, each in enumerate(self.style_labels, 1)
        )
        labels = None if self.labels is None else _labels(self.labels, "the labels", styles)
        mask = None if self.content_mask is None else _levels(self.content_mask)
        known = (
            ("rest", _target(self.rest, "unlabelled pixels")),
            ("feather_px", float(feather_px)),
            ("styles", styles),
            ("labels", labels),
            ("style_labels", kept),
            ("content_mask", mask),
        )
        for name, value in known:
            object.__setattr__(self, name, value)  # as dataclasses do for frozen ones

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regions) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        found = hashlib.sha256(repr((self.styles, self.rest, self.feather_px)).encode())
        for each in (self.labels, self.content_mask, *self.style_labels):
            found.update(b"none" if each is None else repr(each.shape).encode() + each.tobytes())
        return found.hexdigest()

    @property
    def targets(self) -> list[tuple[int, Target]]:
        """Each label and what it gets; the last one is 0, for unlabelled pixels."""
        return [*self.styles.items(), (0, self.rest)]

    def check(self, style_count: int) -> None:
        """Raise ConfigError if a run with so many styles cannot use these regions."""
        for label, target in self.targets:
            if isinstance(target, int) and target >= style_count:
                who = f"label {label}" if label else "the unlabelled part"
                raise ConfigError(
                    f"{who} is to get style {target + 1}, and the run has {style_count}; add the "
                    "style or choose another"
                )
        if len(self.style_labels) not in (0, style_count):
            raise ConfigError(
                f"there are labels for {len(self.style_labels)} styles, and the run has "
                f"{style_count}; give one for each, None where a style has none"
            )
        if all(target == KEEP for _, target in self.present):
            raise ConfigError(
                "every region keeps the content, so there is nothing to paint; give one a style"
            )

    @property
    def present(self) -> list[tuple[int, Target]]:
        """Those of `targets` that have pixels."""
        found = {0} if self.labels is None else set(np.unique(self.labels).tolist())
        return [(label, target) for label, target in self.targets if label in found]

    def vanishing(self, size: tuple[int, int], layers: Sequence[str]) -> dict[int, list[str]]:
        """Return the layers at which painted labels are too small, beside a result of (H, W).

        A run leaves these out, and the region's other layers carry their weight.
        """
        labels = np.zeros(1, np.uint8) if self.labels is None else self.labels
        areas = np.bincount(labels.ravel(), minlength=MOST_LABELS + 1) * (
            size[0] * size[1] / labels.size
        )
        found = {
            label: [
                layer
                for layer in layers
                if areas[label] / tap_geometry(layer).stride_px ** 2 < LEAST_POSITIONS
            ]
            for label, target in self.present
            if target != KEEP
        }
        return {label: lost for label, lost in found.items() if lost}

    def style_shares(self, shares: Sequence[float]) -> tuple[float, ...]:
        """Return each style's share of all that is painted; `shares` are those of a blend."""
        labels = np.zeros(1, np.uint8) if self.labels is None else self.labels
        areas = np.bincount(labels.ravel(), minlength=MOST_LABELS + 1)
        totals = np.zeros(len(shares))
        for label, target in self.targets:
            if target != KEEP:
                totals += areas[label] * np.asarray(shares_of(target, shares))
        whole = float(totals.sum())
        return tuple(float(each) / whole for each in totals) if whole else tuple(shares)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, masks as PNG in base64."""
        return {
            "labels": _png(self.labels),
            "styles": {str(label): target for label, target in self.styles.items()},
            "rest": self.rest,
            "feather_px": self.feather_px,
            "style_labels": [_png(each) for each in self.style_labels],
            "content_mask": _png(self.content_mask),
        }

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Read what `to_dict` returned; raises ConfigError on anything else."""
        try:
            assert isinstance(values, dict)
            return cls(
                labels=_from_png(values["labels"]),
                styles={int(label): target for label, target in values["styles"].items()},
                rest=values["rest"],
                feather_px=values["feather_px"],
                style_labels=tuple(_from_png(each) for each in values["style_labels"]),
                content_mask=_from_png(values["content_mask"]),
            )
        except _DAMAGE as error:
            raise ConfigError(f"these are no regions of a run: {shown(values)[:200]}") from error


def _checked_styles(styles: object) -> dict[int, Target]:
    if not isinstance(styles, Mapping):
        raise ConfigError(
            f"styles of regions are a dict, such as {{1: 0, 2: 'keep'}}; got {shown(styles)}"
        )
    for label in styles:
        is_label = isinstance(label, int | np.integer) and not isinstance(label, bool)
        if not is_label or not 1 <= label <= MOST_LABELS:
            raise ConfigError(f"labels of regions are 1 to {MOST_LABELS}; got {shown(label)}")
    return {
        int(label): _target(target, f"label {label}") for label, target in sorted(styles.items())
    }


def _target(target: object, who: str) -> Target:
    if isinstance(target, str) and target == KEEP:
        return KEEP
    if isinstance(target, str) and target == BLEND:
        return BLEND
    is_number = isinstance(target, int | np.integer) and not isinstance(target, bool)
    if not is_number or not 0 <= int(cast(int, target)) <= MOST_LABELS:
        raise ConfigError(
            f"{who} can get a style, counted from 0, {BLEND!r} or {KEEP!r}; got {shown(target)}"
        )
    return int(cast(int, target))


def _labels(array: object, role: str, styles: Mapping[int, Target]) -> Labels:
    """Return labels in 8 bits, 0 where a label has no style of its own."""
    labels = _plane(array, "biu", f"{role} are an array of integers of shape (H, W)")
    known = np.isin(labels, list(styles))
    return _frozen(np.where(known, labels, 0))


def _levels(array: object) -> Labels:
    mask = _plane(array, "bufi", "the content mask is a grey picture of shape (H, W)")
    if mask.dtype.kind in "bf":
        most = 1.0
    else:  # 8 and 16 bits are often stored in wider integers
        most = next((each for each in (255.0, 65535.0) if mask.max() <= each), 0.0)
        most = 65535.0 if mask.dtype == np.uint16 else most or float(np.iinfo(mask.dtype).max)
    wide = mask.astype(np.float64) / most
    if not (np.isfinite(wide).all() and wide.min() >= 0 and wide.max() <= 1):
        raise ConfigError("the content mask has values that are not between 0 and its maximum")
    return _frozen(np.rint(wide * 255))


def _plane(array: object, kinds: str, expected: str) -> npt.NDArray[Any]:
    """Return a mask as an array; raises ConfigError on other shapes and dtypes."""
    try:
        mask = np.asarray(array)
    except ValueError as error:
        raise ConfigError(f"{expected}; got rows of different lengths") from error
    if mask.ndim != 2 or 0 in mask.shape or mask.dtype.kind not in kinds:
        raise ConfigError(f"{expected}; got {mask.dtype} of shape {mask.shape}")
    step = math.ceil(math.sqrt(mask.size / MOST_PIXELS))  # every nth pixel of larger ones
    return mask[::step, ::step]


def _frozen(mask: npt.NDArray[Any]) -> Labels:
    """Return a copy in 8 bits that nobody changes."""
    copy = mask.astype(np.uint8)
    copy.setflags(write=False)
    return copy


def _png(mask: Labels | None) -> str | None:
    from PIL import Image

    if mask is None:
        return None
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _from_png(text: str | None) -> Labels | None:
    from PIL import Image

    if text is None:
        return None
    file = io.BytesIO(base64.b64decode(text, validate=True))
    with warnings.catch_warnings():  # of a size that is checked below
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            opened = Image.open(file, formats=("PNG",))
        except Image.DecompressionBombError as error:
            raise ValueError(str(error)) from error
    with opened as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"a mask of {image.width} x {image.height} px")
        return np.array(image.convert("L"))


def shares_of(target: Target, shares: Sequence[float]) -> tuple[float, ...]:
    """Return each style's share in a region; `shares` are those of a blend."""
    if target == BLEND:
        return tuple(shares)
    return tuple(float(index == target) for index in range(len(shares)))


def check_each_style(config: StyleConfig, style_count: int) -> None:
    """Raise ConfigError if settings of each style are not as many as the styles of a run."""
    blend_shares(config.blend, style_count)
    for name in EACH_STYLE[1:]:
        if len(getattr(config, name)) not in (0, style_count):
            raise ConfigError(
                f"{name} has {len(getattr(config, name))} values, and the run has {style_count} "
                f"{'style' if style_count == 1 else 'styles'}; give one for each"
            )


def blend_shares(blend: Sequence[float], style_count: int) -> tuple[float, ...]:
    """Return each style's share in a blend; they sum to 1.

    Parameters
    ----------
    blend
        The setting: a number for each style, or none, which is equal shares.
    style_count
        How many styles the run has.

    Raises
    ------
    ConfigError
        If there is another number of them than of styles, or all of them are 0.
    """
    if not blend:
        return (1 / style_count,) * style_count
    if len(blend) != style_count:
        raise ConfigError(
            f"blend has {len(blend)} shares, and the run has {style_count} "
            f"{'style' if style_count == 1 else 'styles'}; give one for each"
        )
    whole = math.fsum(blend)
    if not whole > 0:
        raise ConfigError("blend gives every style the share 0; give at least one more")
    return tuple(each / whole for each in blend)
