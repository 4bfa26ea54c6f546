"""Values of settings as callers give them, brought to plain Python's types.

A record must become JSON, and numpy's numbers are no JSON: they are turned into Python's when
they enter, and arrays and lists into tuples where a field is a tuple.
"""

from typing import Any

import numpy as np

_PLAIN = (str, int, float, type(None))


def plain_value(value: object, *, is_list: bool) -> Any:  # noqa: ANN401 - the field's type
    """Return a value with numpy's scalars as Python's, other values as they are.

    Parameters
    ----------
    value
        What was given for a field.
    is_list
        Whether the field holds a tuple; lists and arrays of one axis become one.
    """
    if is_list and isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if is_list and isinstance(value, (list, tuple)):
        return tuple(_plain_scalar(item) for item in value)
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    if type(value) in _PLAIN:  # nearly always, and asked of every field of every StyleConfig
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.longdouble):  # its item() is itself
        return float(value)
    return value.item() if isinstance(value, np.generic) else value
