"""Convert values of settings to plain Python types, and check them.

A record is written as JSON, which numpy's numbers are not. So numpy scalars become Python's, and
arrays and lists become tuples if a field is a tuple.
"""

import math
import types
from dataclasses import Field
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import numpy as np

from napari_nst.errors import ConfigError, shown
from napari_nst.settings.style_detail import layer_factors
from napari_nst.settings.vgg_layers import tap_geometry

if TYPE_CHECKING:
    from napari_nst.settings.config import StyleConfig

MOST = 1e12
"""The largest weight: a limit of the dock's boxes, and products of two fit into float32."""

_PLAIN = (str, int, float, type(None))


def plain_value(value: object, *, is_list: bool) -> Any:  # noqa: ANN401 - the field's type
    """Return a value with numpy scalars converted to Python's, other values unchanged.

    Parameters
    ----------
    value
        The value of a field.
    is_list
        Whether the field is a tuple; lists and arrays of one axis become one.
    """
    if is_list and isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if is_list and isinstance(value, (list, tuple)):
        return tuple(_plain_scalar(item) for item in value)
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    if type(value) in _PLAIN:  # the usual case; this runs for every field of every StyleConfig
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.longdouble):  # its item() is itself
        return float(value)
    return value.item() if isinstance(value, np.generic) else value


def in_numbers(setting: Field[Any], value: Any) -> Any:  # noqa: ANN401 - the field's type
    """Return what the words of a number mean, such as "auto" and "off"; others as they are."""
    zero = setting.metadata["zero"]
    if not zero or not isinstance(value, str):
        return value
    return {zero: 0, setting.metadata["absent"]: None}.get(value, value)


def check_value(
    setting: Field[Any],
    annotation: Any,  # noqa: ANN401 - a type expression
    value: object,
) -> None:
    """Raise ConfigError if a value does not fit a field's type, choices and bounds.

    Parameters
    ----------
    setting
        The field; "minimum" and "maximum" of its metadata are its bounds.
    annotation
        Its type, resolved.
    value
        In plain Python types.
    """
    if value is None and _is_optional(annotation):
        return
    if get_origin(annotation) is tuple:
        if not isinstance(value, tuple):
            raise ConfigError(f"{setting.name} is a list of values; got {shown(value)}")
        for item in value:
            _check_scalar(setting, get_args(annotation)[0], item)
    else:
        _check_scalar(setting, annotation, value)


def _is_optional(annotation: object) -> bool:
    return isinstance(annotation, types.UnionType)


def _check_scalar(
    setting: Field[Any],
    annotation: Any,  # noqa: ANN401 - a type expression
    value: object,
) -> None:
    if get_origin(annotation) is Literal:
        allowed = get_args(annotation)
        if not isinstance(value, str) or value not in allowed:
            raise ConfigError(f"{setting.name} is one of {', '.join(allowed)}; got {shown(value)}")
        return
    kind = get_args(annotation)[0] if _is_optional(annotation) else annotation
    if kind is str:
        if not isinstance(value, str):
            raise ConfigError(f"{setting.name} is a string; got {shown(value)}")
        return
    _check_number(setting, kind, value)


def _check_number(setting: Field[Any], kind: type, value: object) -> None:
    accepted = (int, float) if kind is float else (int,)
    word = "a number" if kind is float else "an integer"
    if not isinstance(value, accepted) or isinstance(value, bool) or not _is_finite(value):
        raise ConfigError(f"{setting.name} is {word}; got {shown(value)}")
    low, high = setting.metadata["minimum"], setting.metadata["maximum"]
    if (low is not None and value < low) or (high is not None and value > high):
        most = f"{high:g}" if isinstance(high, float) else high
        is_open = high is None or (value < low and high == MOST)  # values never get near this bound
        bounds = f"at least {low}" if is_open else f"between {low} and {most}"
        raise ConfigError(f"{setting.name} is {bounds}; got {shown(value)}")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def check_layers(config: "StyleConfig") -> None:
    """Raise ConfigError if layers are unknown, missing, or not as many as their weights."""
    for tap in config.taps:
        tap_geometry(tap)
    if not config.taps:
        raise ConfigError("expected at least one content or style layer; got none")
    for detail in config.style_detail:
        layer_factors(detail, config.style_layers)
    if not config.scale_steps:
        raise ConfigError("scale_steps needs at least one number of steps; got none")
    for kind in ("content", "style"):
        weights, layers = (
            getattr(config, f"{kind}_{what}") for what in ("layer_weights", "layers")
        )
        if weights and len(weights) != len(layers):
            raise ConfigError(
                f"{kind}_layer_weights needs one weight for each of the {len(layers)} {kind} "
                f"layers; got {len(weights)}"
            )
