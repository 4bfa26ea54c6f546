"""Settings as people type them: ``style_layers=relu1_1,relu2_1`` to a field of StyleConfig."""

import difflib
from dataclasses import fields
from typing import Any, get_args, get_origin

from napari_nst.errors import ConfigError
from napari_nst.settings.config import StyleConfig, absent_word, setting_type


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
