"""What callers hand to `stylize`, checked at the door: each refusal is one sentence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from os import PathLike
from typing import Any

from napari_nst.core.arrays import as_array, is_array_like
from napari_nst.core.control import RunControl
from napari_nst.core.picture import Pictures, fit_longest_side, read_picture, rotated
from napari_nst.errors import ConfigError, ImageError, shown
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.record import SteeringEvent, checked_events, checked_regions, picture_hash
from napari_nst.settings.regions import (
    KEEP,
    LEAST_POSITIONS,
    REGIONS,
    Regions,
    blend_shares,
    check_each_style,
)

_NOT_SEVERAL = (str, bytes, Mapping, PathLike)

Style = PixelSource | tuple[PixelSource, float]
"""A picture, or one with its share in the blend."""


def read_pictures(
    content: PixelSource, style: Style | Sequence[Style], init: PixelSource | None
) -> tuple[Pictures, tuple[float, ...] | None, dict[str, Any]]:
    """Read the arrays; return them with the styles' shares, if given, and the record's hashes."""
    source, shares, styles = as_array(content, "content"), *style_arrays(style)
    start = None if init is None else as_array(init, "the picture to start from")
    read = (
        read_picture(source, "content"),
        [read_picture(each, role) for role, each in styles.items()],
        None if start is None else read_picture(start, "the picture to start from"),
    )
    hashes: dict[str, Any] = {
        "content": picture_hash(source),
        "styles": [picture_hash(each) for each in styles.values()],
    }
    if start is not None:
        hashes["init"] = picture_hash(start)
    pictures = Pictures(read[0], read[1], read[2], hashes["styles"], source=source)
    return pictures, shares, hashes


def turned_styles(pictures: Pictures, config: StyleConfig) -> Pictures:
    """Turn the styles as the settings say; raises ImageError if one is too large for that."""
    turns = config.style_rotations
    if not turns:
        return pictures
    styles = [
        rotated(style, degrees, f"style {place}")
        for place, (style, degrees) in enumerate(zip(pictures.styles, turns, strict=True), 1)
    ]
    names = [f"{each} {turn:g}" for each, turn in zip(pictures.style_hashes, turns, strict=True)]
    return replace(
        pictures, styles=styles, style_hashes=names, before_turning=pictures.given_style_sizes
    )


def style_arrays(style: object) -> tuple[tuple[float, ...] | None, dict[str, PixelSource]]:
    """Convert one style, or several in a list, into arrays by the names that messages use.

    Returns
    -------
    shares
        Each style's share where they came in pairs, else None.
    arrays

    Raises
    ------
    ImageError
        If there is none, or one is no picture.
    ConfigError
        If some of them have a share and others not.
    """
    if is_array_like(style) or isinstance(style, _NOT_SEVERAL) or not isinstance(style, Iterable):
        return None, {"style": as_array(style, "style")}
    several: list[Any] = [style] if _is_pair(style) else list(style)
    shares = tuple(each[1] for each in several if _is_pair(each))
    if shares and len(shares) < len(several):
        raise ConfigError("some styles have a share and others not; give every style its share")
    several = [each[0] if shares else each for each in several]
    if not several:
        raise ImageError("there is no style; give one picture or a list of them")
    roles = ["style"] if len(several) == 1 else [f"style {n + 1}" for n in range(len(several))]
    arrays = {role: as_array(each, role) for role, each in zip(roles, several, strict=True)}
    return shares or None, arrays


def _is_pair(style: object) -> bool:
    """Return whether this is a picture with its share, not two pictures."""
    return isinstance(style, tuple) and len(style) == 2 and isinstance(style[1], Real)


def check_control(config: StyleConfig, regions: Regions | None, pictures: Pictures) -> None:
    """Raise ConfigError if settings or regions do not fit the pictures."""
    style_count = len(pictures.styles)
    check_each_style(config, style_count)
    if checked_regions(regions) is not None:
        assert regions is not None
        regions.check(style_count)
        size = fit_longest_side(pictures.content.size, config.size)
        lost = regions.vanishing(size, config.style_layers)
        painted = [label for label, target in regions.present if target != KEEP]
        are_lost = all(lost.get(label) == list(config.style_layers) for label in painted)
        if config.style_layers and are_lost:
            raise ConfigError(
                f"all that is to be painted has fewer than {LEAST_POSITIONS:g} pixels of the "
                f"{size[1]}x{size[0]} px; paint a larger region"
            )


def checked_steering(
    events: Sequence[SteeringEvent],
    control: RunControl | None,
    config: StyleConfig,
    style_count: int,
) -> tuple[tuple[SteeringEvent, ...], RunControl]:
    """Return the steering to repeat and who steers; raises ConfigError on other types."""
    if not isinstance(events, (list, tuple)):
        raise ConfigError(f"events is a list of SteeringEvent; got {shown(events)}")
    if control is not None and not isinstance(control, RunControl):
        raise ConfigError(f"control is a RunControl; got {shown(control)}")
    checked = checked_events(events, config)
    for event in checked:
        if event.field == REGIONS and event.value is not None:
            event.value.check(style_count)
        if event.field == "blend":
            blend_shares(event.value, style_count)
    return checked, RunControl() if control is None else control
