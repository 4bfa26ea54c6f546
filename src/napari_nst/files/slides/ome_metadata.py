"""What OME-Zarr says of its arrays: axes, levels, pixel size and channels.

Versions 0.1 to 0.5 of ngff.openmicroscopy.org. Of several multiscale pictures the first is taken.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_nst.errors import ImageError
from napari_nst.files.slides.extent import Extent

AXES = "tczyx"
"""Of versions before 0.3, which do not name them; of an array, the last ones."""

_LETTERS = {"channel": "c", "time": "t"}
_WHITE = "FFFFFF"


@dataclass(frozen=True)
class Multiscale:
    """A picture in several sizes.

    Parameters
    ----------
    axes
        A letter for each axis.
    paths
        Of its arrays, finest first.
    scale, origin
        By axis: the size of the finest level's pixels, and where the centre of the first one is.
    units
        By axis, "" where there is none.
    """

    axes: str
    paths: tuple[str, ...]
    scale: tuple[float, ...]
    origin: tuple[float, ...]
    units: tuple[str, ...]

    def extent(self, shape: Sequence[int]) -> Extent | None:
        """Return what the finest level, of this shape, covers; None without a pixel size."""
        if not self.scale:
            return None
        y, x = self.axes.index("y"), self.axes.index("x")
        (top, left), (down, across) = ([each[y], each[x]] for each in (self.origin, self.scale))
        unit = self.units[y] if self.units[y] == self.units[x] else ""
        return Extent(shape[y] * down, shape[x] * across, top - down / 2, left - across / 2, unit)


@dataclass(frozen=True)
class Channel:
    """How a channel is shown: black to a colour, over a range of values.

    Parameters
    ----------
    color
        Red, green and blue, 0 to 1.
    low, high
        Shown as black, and as the colour.
    is_active
        Whether it is shown at all.
    """

    color: tuple[float, float, float]
    low: float
    high: float
    is_active: bool = True


def read_multiscale(attributes: Mapping[str, Any]) -> Multiscale | None:
    """Read the first multiscale picture of a group's attributes; None where there is none.

    Raises
    ------
    ImageError
        If they are damaged.
    """
    listed = attributes.get("multiscales")
    if not listed:
        return None
    try:
        first = listed[0]
        named = first.get("axes") or list(AXES)
        axes = "".join(_letter(each) for each in named)
        paths = tuple(str(each["path"]) for each in first["datasets"])
        steps = [first["datasets"][0], first]
        units = tuple(each.get("unit") or "" if isinstance(each, dict) else "" for each in named)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ImageError(
            "its multiscales are damaged: expected axes with names and datasets with paths; "
            f"got {str(listed)[:80]}"
        ) from error
    if "y" not in axes or "x" not in axes or len(set(axes)) != len(axes) or set(axes) - set(AXES):
        raise ImageError(f"its axes are {', '.join(axes)}; expected y and x, and any of t, c, z")
    scale, origin = _placed(steps, len(axes))
    return Multiscale(axes, paths, scale, origin, units)


def read_channels(omero: object, count: int, whole: tuple[float, float]) -> list[Channel]:
    """Read how channels are shown.

    Parameters
    ----------
    omero
        What the attributes say.
    count
        How many channels the arrays have.
    whole
        The range of a channel that does not tell its own.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    try:
        listed = omero["channels"]  # type: ignore[index]
        if len(listed) != count:
            raise ValueError(f"{len(listed)} channels are described")
        return [_channel(each, whole) for each in listed]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ImageError(
            f"its {count} channels have damaged display settings (omero): {error}. Expected a "
            "colour such as FF0000 and a window with start and end for each"
        ) from error


def is_rgb(channels: Sequence[Channel], whole: tuple[float, float]) -> bool:
    """Return whether channels are red, green and blue (and opacity) over their whole range."""
    colors = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
    return [each.color for each in channels[:3]] == colors and all(
        (each.low, each.high) == whole and each.is_active for each in channels[:3]
    )


def _letter(axis: object) -> str:
    if isinstance(axis, dict):
        return _LETTERS.get(axis.get("type", ""), str(axis["name"]))
    return str(axis)


def _channel(described: Mapping[str, Any], whole: tuple[float, float]) -> Channel:
    color = str(described.get("color", _WHITE)).removeprefix("#")
    if len(color) != 6:
        raise ValueError(f"a colour is {color!r}")
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (0, 2, 4))
    window = described.get("window") or {}
    low, high = float(window.get("start", whole[0])), float(window.get("end", whole[1]))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"a window is {low:g} to {high:g}")
    return Channel((red, green, blue), low, high, described.get("active") is not False)


def _placed(steps: Sequence[Mapping[str, Any]], count: int) -> tuple[tuple[float, ...], ...]:
    """Compose the transformations of a dataset and of its picture; empty where there are none."""
    scale, origin, is_given = [1.0] * count, [0.0] * count, False
    try:
        for step in steps:
            for each in step.get("coordinateTransformations") or ():
                values = [float(value) for value in each.get(each["type"], [])]
                if each["type"] == "scale":
                    scale = [a * b for a, b in zip(scale, values, strict=True)]
                    origin = [a * b for a, b in zip(origin, values, strict=True)]
                    is_given = True
                elif each["type"] == "translation":
                    origin = [a + b for a, b in zip(origin, values, strict=True)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ImageError(
            f"its coordinateTransformations are damaged ({error}): expected scales and "
            f"translations of {count} numbers"
        ) from error
    if not all(math.isfinite(each) and each > 0 for each in scale) or not all(
        map(math.isfinite, origin)
    ):
        raise ImageError(f"its pixel size is {scale}; expected positive numbers")
    return (tuple(scale), tuple(origin)) if is_given else ((), ())
