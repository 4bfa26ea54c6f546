"""Sweeps: one or two settings through lists of values, or every content with every style.

No Qt here, and nothing runs here: a sweep is a list of what to put into the queue, in grid
order, each named by what sets it apart.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any, Generic, TypeVar

from napari_nst.config import StyleConfig
from napari_nst.errors import ConfigError
from napari_nst.presets import PRESETS

Content = TypeVar("Content")
Style = TypeVar("Style")

LIMIT = 100
"""Runs of one sweep: more are rather a slip of the keyboard than a wish."""

_TITLES = {setting.name: setting.metadata["title"] for setting in fields(StyleConfig)}

PRESET = "name"
"""The axis of this field goes through presets, and keeps what was changed in the base's."""


@dataclass(frozen=True)
class Axis:
    """A setting and the values that it goes through.

    Parameters
    ----------
    field
        A field of StyleConfig.
    values
        Of that field's type.
    """

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, order=True)
class Place:
    """Where a run stands in the grid of its sweep; in order, a grid goes row by row.

    Parameters
    ----------
    sweep
        Number of the sweep.
    row, column
        From 0.
    """

    sweep: int
    row: int
    column: int


@dataclass(frozen=True)
class Variant:
    """One run of a sweep over settings.

    Parameters
    ----------
    config
        Its settings.
    name
        What differs, such as "style strength 2 · seed 1".
    row, column
        Its place in the grid: the first axis goes down, the second to the right.
    """

    config: StyleConfig
    name: str
    row: int
    column: int


@dataclass(frozen=True)
class Pair(Generic[Content, Style]):
    """One run of a sweep over pictures.

    Parameters
    ----------
    content, style
        What to paint, and like what.
    name
        What differs: the content, the style, or both as "harbour × waves".
    row, column
        Its place in the grid: contents go down, styles to the right.
    """

    content: Content
    style: Style
    name: str
    row: int
    column: int


def sweep(base: StyleConfig, axes: Sequence[Axis], *, limit: int = LIMIT) -> list[Variant]:
    """Give every combination of the axes' values, row by row.

    Parameters
    ----------
    base
        The settings that the axes do not change.
    axes
        One or two.
    limit
        The most runs that are allowed.

    Raises
    ------
    ConfigError
        If there are no values, too many, one axis twice, or a value does not fit its setting.
    """
    if not 1 <= len(axes) <= 2:
        raise ConfigError(f"a sweep goes through one or two settings; got {len(axes)}")
    if len({axis.field for axis in axes}) < len(axes):
        raise ConfigError(f"both axes go through {axes[0].field}; choose two different settings")
    for axis in axes:
        if not axis.values:
            raise ConfigError(f"{axis.field} has no values; write some, such as 0.5, 1, 2")
    _check_count([len(axis.values) for axis in axes], limit)
    names = [_names(axis) for axis in axes]
    return [
        Variant(
            _vary(
                base, {axis.field: axis.values[at] for axis, at in zip(axes, place, strict=True)}
            ),
            " · ".join(labels[at] for labels, at in zip(names, place, strict=True)),
            row=place[0],
            column=place[1] if len(place) > 1 else 0,
        )
        for place in product(*(range(len(axis.values)) for axis in axes))
    ]


def pairs(
    contents: Mapping[str, Content], styles: Mapping[str, Style], *, limit: int = LIMIT
) -> list[Pair[Content, Style]]:
    """Give every content with every style, row by row.

    Parameters
    ----------
    contents, styles
        Layers, pictures or files, by name.
    limit
        The most runs that are allowed.

    Raises
    ------
    ConfigError
        If there is nothing to pair, or too much.
    """
    if not contents or not styles:
        raise ConfigError("choose at least one content and one style to pair")
    _check_count([len(contents), len(styles)], limit)
    return [
        Pair(content, style, _pair_name(contents, styles, first, second), row, column)
        for row, (first, content) in enumerate(contents.items())
        for column, (second, style) in enumerate(styles.items())
    ]


def columns_of(places: Iterable[Place]) -> int:
    """Count the columns of a sweep's grid, whose last row may still be filling.

    Parameters
    ----------
    places
        Of one sweep.

    Returns
    -------
    int
        -1 leaves the shape to napari: there is only one column, or a hole in the grid.
    """
    spots = sorted((place.row, place.column) for place in places)
    columns = 1 + max((column for _, column in spots), default=0)
    whole = [divmod(number, columns) for number in range(len(spots))]
    return columns if columns > 1 and spots == whole else -1


def differences(config: StyleConfig) -> dict[str, Any]:
    """Give the settings that differ from those of the config's preset."""
    preset = StyleConfig.preset(config.name) if config.name in PRESETS else StyleConfig()
    names = (setting.name for setting in fields(StyleConfig) if setting.name != PRESET)
    return {
        name: getattr(config, name)
        for name in names
        if getattr(config, name) != getattr(preset, name)
    }


def describe(settings: Mapping[str, Any]) -> str:
    """Say settings in short, such as "style strength 2 · seed 1"."""
    return " · ".join(_label(field, value) for field, value in settings.items())


def _vary(base: StyleConfig, changes: Mapping[str, Any]) -> StyleConfig:
    if PRESET not in changes:
        return base.replace(**changes)
    kept = differences(base) | {key: value for key, value in changes.items() if key != PRESET}
    return StyleConfig.preset(changes[PRESET], **kept)


def _names(axis: Axis) -> list[str]:
    """Name the values, in full where the short names would be the same."""
    labels = [_label(axis.field, value) for value in axis.values]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{_title(axis.field)} {value!r}" for value in axis.values]


def _label(field: str, value: object) -> str:
    """Say a setting by the name that it has in the form."""
    return f"{_title(field)} {_short(value)}"


def _title(field: str) -> str:
    return str(_TITLES.get(field, field)).lower()


def _short(value: object) -> str:
    if isinstance(value, tuple | list):
        return ",".join(_short(item) for item in value) or "none"
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _pair_name(contents: Iterable[str], styles: Iterable[str], content: str, style: str) -> str:
    parts = [(list(contents), content), (list(styles), style)]
    differing = [name for names, name in parts if len(names) > 1]
    return " × ".join(differing or [content, style])


def _check_count(counts: Sequence[int], limit: int) -> None:
    total = math.prod(counts)
    if total > limit:
        sides = " x ".join(map(str, counts)) + " = " if len(counts) > 1 else ""
        raise ConfigError(f"{sides}{total} runs; a sweep has {limit} at most. Leave some out.")
