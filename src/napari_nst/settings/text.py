"""Settings as text: read what people type, and say settings by the titles of the form."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_origin

from napari_nst.errors import ConfigError
from napari_nst.settings.config import StyleConfig, absent_word, setting_type
from napari_nst.settings.regions import REGIONS
from napari_nst.settings.values import in_numbers

SEPARATOR = " · "
"""Stands between the parts of a name or a list of settings."""

_SETTINGS = {setting.name: setting for setting in fields(StyleConfig)}
_TITLES = {name: setting.metadata["title"] for name, setting in _SETTINGS.items()}
_LABELS = {name: setting.metadata["labels"] for name, setting in _SETTINGS.items()}
_CODE_NAMES = re.compile(rf"\b({'|'.join(name for name in _TITLES if '_' in name)})\b")
"""Field names with an underscore, which mean the field wherever they stand in a sentence."""

_NAMES = ("L-BFGS", "Adam")
"""First words of titles that keep their capitals within a sentence."""


def split_assignment(assignment: str) -> tuple[str, str]:
    """Split ``FIELD=VALUE``; dashes in the field count as underscores.

    Raises
    ------
    ConfigError
        If there is no equals sign.
    """
    name, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"a setting is given as FIELD=VALUE; got {assignment!r}")
    return name.strip().replace("-", "_"), text.strip()


def parse_setting(name: str, text: str) -> Any:  # noqa: ANN401 - the field's type
    """Read a setting's value by the annotation of its field.

    Lists are separated by commas. An unset value has a word of its own in the field's metadata;
    "none" is read as well. Bounds and choices are checked when the value enters a StyleConfig.

    Raises
    ------
    ConfigError
        If there is no such setting, or the text is not of its type.
    """
    names = [setting.name for setting in fields(StyleConfig) if setting.name != "name"]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        raise ConfigError(f"there is no setting {name!r}; {hint}")
    annotation = setting_type(name)
    known = in_numbers(_SETTINGS[name], text.strip().lower())
    if not isinstance(known, str):
        return known
    is_absent = text.strip().lower() in ("none", absent_word(name) or "none")
    if get_origin(annotation) is tuple:
        if is_absent and absent_word(name):
            return ()
        kind = get_args(annotation)[0]
        return tuple(_parse_scalar(name, kind, item) for item in text.split(",") if item.strip())
    if type(None) in get_args(annotation):
        if is_absent:
            return None
        annotation = get_args(annotation)[0]
    return _parse_scalar(name, annotation, text)


def _parse_scalar(name: str, kind: Any, text: str) -> Any:  # noqa: ANN401 - a type expression
    if kind not in (int, float):
        return text.strip()
    try:
        return kind(text)
    except ValueError as error:
        word = "an integer" if kind is int else "a number"
        raise ConfigError(f"{name} is {word}; got {text!r}") from error


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings in short, such as "style strength 2 · seed 1"."""
    return SEPARATOR.join(setting_text(field, value) for field, value in settings.items())


def setting_text(field: str, value: object) -> str:
    """Return a setting by its title in the form, such as "style strength 2"."""
    if field == REGIONS:
        return "other regions" if value else "no regions"
    text = _absent(field) if value is None or value == () else _short(value)
    if value == 0 and field in _SETTINGS:
        text = _SETTINGS[field].metadata["zero"] or text
    return f"{title_of(field)} {_LABELS.get(field, {}).get(text, text)}"


def title_of(field: str) -> str:
    """Return a setting's title as written within a sentence."""
    title = str(_TITLES.get(field, field))
    return title if title.startswith(_NAMES) else title.lower()


def in_words(error: object) -> str:
    """Return an error with the form's titles for the names of fields: "Size: between 16 and …"."""
    first, _, rest = str(error).partition(" ")
    if first in _TITLES and first != "name":
        rest = rest.removeprefix("is ")
        return f"{_TITLES[first]}: {_CODE_NAMES.sub(_title, rest)}"
    return _CODE_NAMES.sub(_title, str(error))


def _title(name: re.Match[str]) -> str:
    return title_of(name[0])


def _absent(field: str) -> str:
    return (absent_word(field) if field in _TITLES else "") or "none"


def _short(value: object) -> str:
    if isinstance(value, tuple | list):
        return ",".join(_short(item) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
