"""VGG-19's convolutions as a table, its taps, strides and receptive fields, names of its weights.

A *tap* names where features are read: ``"relu4_2"`` after the ReLU, ``"conv4_2"`` before it.
Simonyan & Zisserman, "Very deep convolutional networks for large-scale image
recognition", 2014, configuration E.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from napari_nst.errors import ConfigError

BLOCK_SIZES = (2, 2, 4, 4, 4)
BLOCK_CHANNELS = (64, 128, 256, 512, 512)


def _convolutions() -> dict[str, tuple[int, int]]:
    table, previous = {}, 3
    for block, (count, channels) in enumerate(zip(BLOCK_SIZES, BLOCK_CHANNELS, strict=True), 1):
        for position in range(1, count + 1):
            table[f"conv{block}_{position}"] = (previous, channels)
            previous = channels
    return table


CONVS: dict[str, tuple[int, int]] = _convolutions()
"""Input and output channels of every convolution, in the network's order."""

TAPS: tuple[str, ...] = tuple(f"{kind}{name[4:]}" for name in CONVS for kind in ("conv", "relu"))
"""Every name under which features can be read, shallowest first."""


WeightsName = Literal["imagenet", "builtin", "untrained"]
WEIGHTS_NAMES: tuple[WeightsName, ...] = get_args(WeightsName)
"""Weights with a name. "auto" selects one of the first two; anything else is a file's path."""


@dataclass(frozen=True)
class TapGeometry:
    """Position and extent of a tap.

    Parameters
    ----------
    conv
        The convolution that the tap reads, ``"conv4_2"``.
    channels
        Number of features N.
    stride_px
        Distance on the picture between neighbouring positions.
    receptive_field_px
        Side of the square of the picture that one position depends on.
    """

    conv: str
    channels: int
    stride_px: int
    receptive_field_px: int


@cache
def tap_geometry(tap: str) -> TapGeometry:
    """Derive a tap's channels, stride and receptive field from the table.

    Raises
    ------
    ConfigError
        If there is no such tap in VGG-19.
    """
    if tap not in TAPS:
        raise ConfigError(
            f"{tap!r} is not a layer of VGG-19. Expected a name such as 'relu4_2' (after the "
            f"ReLU) or 'conv4_2' (before it), from conv1_1 to relu5_4."
        )
    target = f"conv{tap[4:]}"
    stride, field, block = 1, 1, "1"
    for name in CONVS:
        if name[4] != block:
            field, stride, block = field + stride, stride * 2, name[4]
        field += 2 * stride
        if name == target:
            break
    return TapGeometry(target, CONVS[target][1], stride, field)


def convolutions_to(taps: tuple[str, ...]) -> tuple[str, ...]:
    """List the convolutions needed for `taps`, shallowest first."""
    deepest = max(TAPS.index(tap) for tap in taps)
    return tuple(CONVS)[: deepest // 2 + 1]
