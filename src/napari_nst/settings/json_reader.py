"""Read JSON safely: settings, presets, records in pictures, caches.

Files may be hostile, and caches damaged. Python's parser overflows the stack on deep nesting,
fails on integers with too many digits, and accepts NaN, which is not JSON. Each of these raises a
different error, possibly in the middle of a run. Here all of them are a ConfigError with a message.
"""

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from napari_nst.errors import ConfigError, shown

MOST_CHARACTERS = 1 << 24
"""Twice as many as in the record of a run that was steered at each of 100,000 steps."""

DEEPEST = 32
"""Records nest four deep; Python's parser overflows the stack at about a thousand."""

MOST_DIGITS = 20
"""The longest setting, a seed below 2**63, has 19."""

# Strings, also unterminated ones, are skipped, so that only brackets outside of them count.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def parse_json(text: str, what: str) -> Any:  # noqa: ANN401 - any JSON value
    """Parse JSON text of unknown origin.

    Parameters
    ----------
    text
        The text.
    what
        Its name for the message: "the settings", "the record".

    Raises
    ------
    ConfigError
        If it is not JSON, too long, nested too deep, or contains a duplicate name, NaN, a number
        with too many digits or too large for a float, or an unpaired surrogate.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"{what}: {len(text)} characters; expected at most {MOST_CHARACTERS}")
    if _depth(text) > DEEPEST:
        raise ConfigError(
            f"{what}: nested more than {DEEPEST} deep; this is not a file of napari-nst"
        )
    try:
        value = json.loads(
            text,
            parse_int=lambda digits: _integer(digits, what),
            parse_float=lambda digits: _float(digits, what),
            parse_constant=lambda word: _refuse_constant(word, what),
            object_pairs_hook=lambda pairs: _table(pairs, what),
        )
    except json.JSONDecodeError as error:
        raise ConfigError(f"{what}: not JSON ({error})") from error
    check_plain(value, what)
    return value


def _table(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise ConfigError(f"{what}: {shown(name)} occurs twice; remove one")
        table[name] = value
    return table


def read_json_file(path: Path, what: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read a JSON file in UTF-8, at most up to the longest accepted text.

    Raises
    ------
    OSError
        If the file cannot be read.
    ConfigError
        As `parse_json`, and if it is not UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(4 * MOST_CHARACTERS + 1)  # UTF-8 takes at most 4 bytes a character
    try:
        return parse_json(data.decode("utf-8-sig"), what)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what}: not UTF-8 ({error})") from error


def check_plain(value: object, what: str, *, depth: int = DEEPEST) -> None:
    """Raise ConfigError unless a value consists of plain JSON types.

    Needed for records in layers' metadata, which are Python objects and may contain anything.
    """
    if depth < 0:
        raise ConfigError(f"{what}: nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise ConfigError(f"{what}: a name is a string; got a {type(odd[0]).__name__}")
        for key, item in value.items():
            _check_text(key, what)
            check_plain(item, what, depth=depth - 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_plain(item, what, depth=depth - 1)
    elif isinstance(value, str):
        _check_text(value, what)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigError(f"{what}: {value} is not a finite number")
    elif isinstance(value, int):
        if abs(value) >= 10**MOST_DIGITS:
            raise ConfigError(f"{what}: an integer of more than {MOST_DIGITS} digits")
    elif value is not None:
        raise ConfigError(f"{what}: expected JSON values; got a {type(value).__name__}")


def check_format(number: object, what: str, *, newest: int) -> None:
    """Raise ConfigError if a file's format number is not one that this version reads.

    Parameters
    ----------
    number
        What the file holds as "format".
    what
        What the file holds, for the message: "these settings".
    newest
        The newest format that this version reads.
    """
    if type(number) is not int or number < 1:
        raise ConfigError(f"format is an integer from 1; got {shown(number)}")
    if number > newest:
        raise ConfigError(
            f"{what} have the format {number}, and this version reads up to {newest}; "
            "update napari-nst"
        )


def _depth(text: str) -> int:
    """Return how deep brackets nest, without parsing."""
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        token = match[0]
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth -= 1
    return deepest


def _integer(digits: str, what: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise ConfigError(f"{what}: an integer of more than {MOST_DIGITS} digits")
    return int(digits)


def _float(digits: str, what: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ConfigError(f"{what}: {digits[:MOST_DIGITS]} is too large")
    return value


def _refuse_constant(word: str, what: str) -> NoReturn:
    raise ConfigError(f"{what}: {word} is not JSON; expected a number")


def _check_text(text: str, what: str) -> None:
    # An unpaired surrogate, which JSON can spell as \ud800, cannot be printed or encoded.
    if _HALF_CHARACTER.search(text):
        raise ConfigError(f"{what}: a string contains an unpaired surrogate ({text[:20]!r})")
