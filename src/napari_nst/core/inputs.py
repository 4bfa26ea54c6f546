"""What callers hand to `stylize`, checked at the door: each refusal is one sentence."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike

from napari_nst.core.arrays import as_array, is_array_like
from napari_nst.core.control import RunControl
from napari_nst.errors import ConfigError, ImageError, shown
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.record import SteeringEvent, checked_events

_NOT_SEVERAL = (str, bytes, Mapping, PathLike)


def style_arrays(style: object) -> dict[str, PixelSource]:
    """Convert one style, or several in a list, into arrays by the names that messages use.

    Raises
    ------
    ImageError
        If there is none, or one is no picture.
    """
    if is_array_like(style) or isinstance(style, _NOT_SEVERAL) or not isinstance(style, Iterable):
        return {"style": as_array(style, "style")}
    several = list(style)
    if not several:
        raise ImageError("there is no style; give one picture or a list of them")
    roles = ["style"] if len(several) == 1 else [f"style {n + 1}" for n in range(len(several))]
    return {role: as_array(each, role) for role, each in zip(roles, several, strict=True)}


def checked_steering(
    events: Sequence[SteeringEvent], control: RunControl | None, config: StyleConfig
) -> tuple[tuple[SteeringEvent, ...], RunControl]:
    """Return the steering to repeat and who steers; raises ConfigError on other types."""
    if not isinstance(events, (list, tuple)):
        raise ConfigError(f"events is a list of SteeringEvent; got {shown(events)}")
    if control is not None and not isinstance(control, RunControl):
        raise ConfigError(f"control is a RunControl; got {shown(control)}")
    return checked_events(events, config), RunControl() if control is None else control
