"""Settings in words: by the names that they have in the form. No Qt here."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from napari_nst.files.user_presets import NamedPreset, published_preset
from napari_nst.settings.config import StyleConfig, absent_word

SEPARATOR = " · "
"""Stands between the parts of a name that tells results apart."""

PRESET = "name"
"""The field that holds a preset's name."""

_TITLES = {setting.name: setting.metadata["title"] for setting in fields(StyleConfig)}
_LABELS = {setting.name: setting.metadata["labels"] for setting in fields(StyleConfig)}
_CODE_NAMES = re.compile(rf"\b({'|'.join(name for name in _TITLES if '_' in name)})\b")
"""Names of fields that are no words of English, and so mean the field wherever they stand."""

_NAMES = ("L-BFGS", "Adam")
"""First words of titles that stay as they are within a sentence."""


def differences(config: StyleConfig, preset: NamedPreset | None = None) -> dict[str, Any]:
    """Give the settings that differ from a preset's; by default the published one's."""
    return changes(config, (preset or published_preset(config)).config)


def changes(config: StyleConfig, base: StyleConfig) -> dict[str, Any]:
    """Return the settings, name aside, that differ from those of `base`."""
    names = (setting.name for setting in fields(StyleConfig) if setting.name != PRESET)
    return {
        name: getattr(config, name)
        for name in names
        if getattr(config, name) != getattr(base, name)
    }


def shortened(name: str, letters: int) -> str:
    """Return a name of so many letters at most, the middle left out where it is longer."""
    if len(name) <= letters:
        return name
    ahead = letters // 2
    return f"{name[:ahead].rstrip()}…{name[ahead + 1 - letters :].lstrip()}"


def describe(settings: Mapping[str, Any]) -> str:
    """Say settings in short, such as "style strength 2 · seed 1"."""
    return SEPARATOR.join(say(field, value) for field, value in settings.items())


def say(field: str, value: object) -> str:
    """Say a setting by the name that it has in the form."""
    text = _absent(field) if value is None or value == () else _short(value)
    return f"{title_of(field)} {_LABELS.get(field, {}).get(text, text)}"


def title_of(field: str) -> str:
    """Give a setting's title as it stands within a sentence."""
    title = str(_TITLES.get(field, field))
    return title if title.startswith(_NAMES) else title.lower()


def in_words(error: object) -> str:
    """Say an error with the names that settings have in the form: "Size: between 16 and …"."""
    first, _, rest = str(error).partition(" ")
    if first in _TITLES and first != PRESET:
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
