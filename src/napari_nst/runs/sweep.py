"""Sweeps: one or two settings through lists of values, or every content with every style.

Nothing runs here: a sweep is a list of what to put into the queue, in the order of the grid, each
named by what sets it apart.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Generic, TypeVar

from napari_nst.errors import ConfigError
from napari_nst.files.user_presets import NamedPreset, differences, find_preset
from napari_nst.runs.naming import pair_name
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.text import SEPARATOR, setting_text, title_of

Picture = TypeVar("Picture")
"""A layer, an array or a file."""

_PAIR_LETTERS = 12
"""Of a picture's name, in that of a pair: three fit side by side in a window of 1280 px."""

_OF_START = ("seed", "noise_std", "init_blend")
"""Settings that are read only where a run starts from noise, the last one from a layer, too."""

PRESET = "name"
"""The field that holds a preset's name."""

LIMIT = 100
"""The most runs of one sweep: more are likely a slip of the keyboard."""


@dataclass(frozen=True)
class Axis:
    """A setting and the values that it goes through.

    Parameters
    ----------
    field
        A field of StyleConfig; that of `PRESET` goes through presets, published and own, and
        keeps what was changed in the base's.
    values
        Of that field's type.
    """

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, order=True)
class SweepPlace:
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
class Variant(Generic[Picture]):
    """One run of a sweep: what sets it apart from the others.

    Parameters
    ----------
    name
        What differs, such as "style strength 2 · seed 1" or "harbour × waves".
    row, column
        Its place in the grid: the first axis, or contents, go down; the second, or styles, to the
        right.
    config
        Its settings; None leaves them to the form.
    preset
        The own preset that `config` started from, if any.
    pictures
        Its content and style; None leaves them to the form.
    """

    name: str
    row: int
    column: int
    config: StyleConfig | None = None
    preset: NamedPreset | None = None
    pictures: tuple[Picture, Picture] | None = None


def sweep(
    base: StyleConfig,
    axes: Sequence[Axis],
    *,
    preset: NamedPreset | None = None,
    from_picture: bool = False,
    limit: int = LIMIT,
) -> list[Variant[Any]]:
    """Return every combination of the axes' values, row by row.

    Parameters
    ----------
    base
        The settings that the axes do not change.
    axes
        One or two.
    preset
        The own preset that `base` started from, if any.
    from_picture
        Whether all runs start from one picture, whatever `init` says.
    limit
        The most runs that are allowed.

    Raises
    ------
    ConfigError
        If there are no values, too many, one axis twice, a value does not fit its setting, or
        runs would be the same because a setting has no effect on how they start.
    """
    if not 1 <= len(axes) <= 2:
        raise ConfigError(f"a sweep goes through one or two settings; got {len(axes)}")
    if len({axis.field for axis in axes}) < len(axes):
        title = title_of(axes[0].field)
        raise ConfigError(f"both axes go through {title}; choose two different settings")
    for axis in axes:
        if not axis.values:
            raise ConfigError(f"no values for {title_of(axis.field)}; write some: 0.5, 1, 2")
    _check_count([len(axis.values) for axis in axes], limit)
    names = [_names(axis) for axis in axes]
    variants: list[Variant[Any]] = []
    for place in product(*(range(len(axis.values)) for axis in axes)):
        changes = {axis.field: axis.values[at] for axis, at in zip(axes, place, strict=True)}
        config, start = _vary(base, changes, preset)
        name = SEPARATOR.join(labels[at] for labels, at in zip(names, place, strict=True))
        column = place[1] if len(place) > 1 else 0
        variants.append(Variant(name, place[0], column, config, start))
    _refuse_same(variants, axes, from_picture=from_picture)
    return variants


def pairs(
    contents: Mapping[str, Picture], styles: Mapping[str, Picture], *, limit: int = LIMIT
) -> list[Variant[Picture]]:
    """Return every content with every style, row by row.

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
        Variant(pair_name(first, second, _PAIR_LETTERS), row, column, pictures=(content, style))
        for row, (first, content) in enumerate(contents.items())
        for column, (second, style) in enumerate(styles.items())
    ]


def columns_of(places: Iterable[SweepPlace]) -> int:
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


def _vary(
    base: StyleConfig, changes: Mapping[str, Any], preset: NamedPreset | None
) -> tuple[StyleConfig, NamedPreset | None]:
    """Return the changed settings, and the own preset that they start from."""
    if PRESET not in changes:
        return base.replace(**changes), preset
    others = {key: value for key, value in changes.items() if key != PRESET}
    chosen = NamedPreset(changes[PRESET], find_preset(changes[PRESET]))
    config = chosen.config.replace(**differences(base, preset) | others)
    return config, chosen if chosen.is_own else None


def _refuse_same(
    variants: Sequence[Variant[Any]], axes: Sequence[Axis], *, from_picture: bool
) -> None:
    """Raise ConfigError if runs would paint the same picture: a seed needs noise to act on."""
    configs = [each.config for each in variants if each.config is not None]
    acting = {_acting(config, from_picture=from_picture) for config in configs}
    if len(acting) == len(variants):
        return
    for axis in axes:
        if axis.field == "init" and from_picture:
            raise ConfigError(
                "The runs start from a layer, so the start cannot vary. Start from content or "
                "noise."
            )
        if axis.field in _OF_START and len(axis.values) > 1:
            layer = " or from another layer" if axis.field == "init_blend" else ""
            raise ConfigError(
                f"{title_of(axis.field).capitalize()} acts only when starting from noise{layer}. "
                "Start from noise, or vary another setting."
            )


def _acting(config: StyleConfig, *, from_picture: bool) -> StyleConfig:
    """Return the settings without those that have no effect on how the run starts."""
    is_content = config.init_blend == 0 or (config.init == "content" and not from_picture)
    idle: dict[str, Any] = {"init_blend": 0.0} if is_content else {}
    if is_content or from_picture:
        idle |= {"init": "content", "seed": 0, "noise_std": 0.0}
    elif config.noise_std == 0:
        idle |= {"seed": 0}
    return config.replace(**idle)


def _names(axis: Axis) -> list[str]:
    """Name the values, in full where the short names would be the same."""
    labels = [setting_text(axis.field, value) for value in axis.values]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{title_of(axis.field)} {value!r}" for value in axis.values]


def _check_count(counts: Sequence[int], limit: int) -> None:
    total = math.prod(counts)
    if total > limit:
        sides = " x ".join(map(str, counts)) + " = " if len(counts) > 1 else ""
        raise ConfigError(f"{sides}{total} runs; a sweep has {limit} at most. Leave some out.")
