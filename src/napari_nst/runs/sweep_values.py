"""The values of a sweep as people type them: lists, and ranges that step or multiply."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, get_args, get_origin, get_type_hints

from napari_nst.errors import ConfigError
from napari_nst.files.user_presets import own_presets
from napari_nst.runs.sweep import LIMIT, PRESET
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.presets import PRESETS
from napari_nst.settings.text import parse_setting


def parse_values(field: str, text: str, *, limit: int = LIMIT) -> tuple[Any, ...]:
    """Read the values of an axis; each counts once.

    ``0.5, 1, 2`` lists them. ``1..4`` are integers, ``0..1 +0.25`` steps, and
    ``1..8 x2`` factors; an end that no step hits is left out. Semicolons separate too, and
    then numbers may have a decimal comma: ``0,5; 1; 2``. Settings that are lists themselves,
    such as the layers' weights, need semicolons: ``1,1,1; 4,2,1``.

    Parameters
    ----------
    field
        A field of StyleConfig; `PRESET` for names of presets.
    text
        The values; bounds are checked when they enter a StyleConfig.
    limit
        The most values that are allowed.

    Raises
    ------
    ConfigError
        If there is no such setting, or the text is not of its type.
    """
    annotation = get_type_hints(StyleConfig).get(field)
    is_list = get_origin(annotation) is tuple
    is_number = not is_list and bool({int, float} & {annotation, *get_args(annotation)})
    separator = ";" if is_list or ";" in text else ","
    if is_number and separator == ";":
        text = text.replace(",", ".")
    items = [item.strip() for item in text.split(separator) if item.strip()]
    every = (value for item in items for value in _parse_item(field, item, is_number=is_number))
    values = list(islice(every, limit + 1))
    if len(values) > limit:
        raise ConfigError(f"{field}: over {limit} values; a sweep has {limit} runs at most")
    return tuple(dict.fromkeys(values))


def _parse_item(field: str, item: str, *, is_number: bool) -> Iterator[Any]:
    if field == PRESET:
        known = [*PRESETS, *own_presets()]
        if item not in known:
            raise ConfigError(f"there is no preset {item!r}; choose from {', '.join(known)}")
        yield item
    elif is_number and ".." in item:
        for number in _span(field, item):
            yield parse_setting(field, f"{number:f}")
    else:
        yield parse_setting(field, item)


def _span(field: str, item: str) -> Iterator[Decimal]:
    """Count through ``FIRST..LAST``, ``FIRST..LAST +STEP`` or ``FIRST..LAST xFACTOR``.

    In decimals: 0.1 + 0.2 is 0.3 here, as the user reads it.
    """
    ends, _, stride = (part.strip() for part in item.partition(" "))
    try:
        first, last = map(Decimal, ends.split("..", 1))
        by = Decimal(stride[1:] or "1")
    except InvalidOperation as error:
        raise _no_span(field, item) from error
    if not all(number.is_finite() for number in (first, last, by)):
        raise _no_span(field, item)
    whole = first == first.to_integral_value() and last == last.to_integral_value()
    rising = {"": whole, "+": by > 0, "x": by > 1 and first > 0}.get(stride[:1], False)
    if not rising or last < first or stride in ("+", "x"):
        raise _no_span(field, item)
    number = first
    while number <= last:
        yield number
        number = number * by if stride[:1] == "x" else number + by


def _no_span(field: str, item: str) -> ConfigError:
    return ConfigError(
        f"{field}: {item!r} is no range; write rising ones, such as 1..4, 0..1 +0.25 or 1..8 x2"
    )
