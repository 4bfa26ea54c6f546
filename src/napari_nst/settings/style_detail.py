"""The setting `style_detail`: which style layers a style gives, and how much of each.

A value is a sum of layers or groups of layers, each with a factor: "fine", "relu1_1+relu2_1:0.5",
"all+relu5_1:0". Later terms count over earlier ones, and layers that no term names have 0.
"""

import math
from collections.abc import Sequence
from functools import cache

from napari_nst.errors import ConfigError, shown
from napari_nst.settings.vgg_layers import tap_geometry

_FINE_STRIDE_PX = 2
"""Layers of blocks 1 and 2 are a style's fine texture."""

_GROUPS = ("all", "fine", "coarse")
_MOST = 1000


@cache
def layer_factors(detail: str, layers: tuple[str, ...]) -> dict[str, float]:
    """Return a style's factor at each style layer.

    Parameters
    ----------
    detail
        One value of the setting.
    layers
        The style layers.

    Raises
    ------
    ConfigError
        If a term names no style layer, or a factor is not from 0 to 1000.
    """
    factors = dict.fromkeys(layers, 0.0)
    for term in detail.split("+"):
        name, colon, text = (part.strip() for part in term.partition(":"))
        if name not in _GROUPS and name not in layers:
            raise ConfigError(
                f"style_detail is {', '.join(_GROUPS)}, or style layers such as "
                f"{'+'.join(layers[:2])}:0.5, for each style; got {shown(name)}"
                + (f", and the style layers are {', '.join(layers)}" if layers else "")
            )
        factor = _factor(text) if colon else 1.0
        factors |= dict.fromkeys(_named(name, layers), factor)
    return factors


def _named(name: str, layers: Sequence[str]) -> list[str]:
    if name not in _GROUPS:
        return [name]
    fine = [each for each in layers if tap_geometry(each).stride_px <= _FINE_STRIDE_PX]
    return {"all": [*layers], "fine": fine, "coarse": [x for x in layers if x not in fine]}[name]


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 <= factor <= _MOST:  # also NaN
        raise ConfigError(f"a factor in style_detail is a number from 0 to {_MOST}; got {text!r}")
    return factor
