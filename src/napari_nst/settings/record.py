"""RunRecord: what reproduces a run, as stored in layers, files and checkpoints."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ConfigError, shown
from napari_nst.settings.config import STEERABLE, Colors, StyleConfig
from napari_nst.settings.json_reader import check_plain, parse_json

METADATA_KEY = "napari-nst"
"""Where a layer's metadata and a file's text chunk keep the record."""


@dataclass(frozen=True)
class SteeringEvent:
    """A setting that changed during a run.

    Parameters
    ----------
    step
        Steps that were done, over all scales, when the change took effect.
    field
        The field of StyleConfig.
    value
        Its new value.
    """

    step: int
    field: str
    value: Any


@dataclass(frozen=True)
class RunRecord:
    """The settings as asked and everything that was decided on the way.

    Parameters
    ----------
    config
        The settings as asked, "auto" included.
    resolved
        What "auto" became: device, precision, threads, versions, balance; and "palette", the
        statistics of colours that the result can be given.
    hashes
        SHA-256 of content, styles and weights.
    weights
        Name of the weights: "imagenet", "untrained", "builtin" or a file's.
    events
        Steering during the run, oldest first.
    steps_done
        Steps taken.
    reason
        Why the run ended; empty while it runs.
    """

    config: StyleConfig
    resolved: dict[str, Any]
    hashes: dict[str, Any]
    weights: str
    events: tuple[SteeringEvent, ...] = ()
    steps_done: int = 0
    reason: str = ""

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - the dataclass checks names
        """Copy with `changes`."""
        return replace(self, **changes)

    @property
    def ending(self) -> StyleConfig:
        """The settings that the run ended with: as asked, with what was steered since."""
        return self.config.replace(**{event.field: event.value for event in self.events})

    def with_colors(self, colors: Colors) -> Self:
        """Copy, with other colours chosen behind the last step.

        Raises
        ------
        ConfigError
            If there are no such colours.
        """
        self.config.replace(colors=colors)
        at_end = (self.steps_done, "colors")
        events = tuple(each for each in self.events if (each.step, each.field) != at_end)
        plain = self.replace(events=events)
        if plain.ending.colors == colors:
            return plain
        return plain.replace(events=(*events, SteeringEvent(*at_end, colors)))

    def to_dict(self) -> dict[str, Any]:
        """Give the record as plain JSON values."""
        return {
            "config": self.config.to_dict(),
            "resolved": self.resolved,
            "hashes": self.hashes,
            "weights": self.weights,
            "events": [asdict(event) for event in self.events],
            "steps_done": self.steps_done,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what `to_dict` gave; raises ConfigError on anything else."""
        if not isinstance(values, dict):
            raise ConfigError(f"a record of a run is a table; got {shown(values)}")
        check_plain(values, "the record of a run")
        config = StyleConfig.from_dict(_part(values, "config", dict))
        return cls(
            config=config,
            resolved=_part(values, "resolved", dict),
            hashes=_checked_hashes(_part(values, "hashes", dict)),
            weights=_part(values, "weights", str),
            events=checked_events(map(_event, _part(values, "events", list)), config),
            steps_done=_count(values, "steps_done"),
            reason=_part(values, "reason", str),
        )

    def to_json(self) -> str:
        """Give the record as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` gave; raises ConfigError on anything else."""
        return cls.from_dict(parse_json(text, "the record of a run"))


def checked_events(
    events: Iterable[SteeringEvent], config: StyleConfig
) -> tuple[SteeringEvent, ...]:
    """Return steering that a run with these settings can repeat, lists as tuples.

    Raises
    ------
    ConfigError
        If an event is of another type, names a field that cannot be steered, or a value that
        does not fit; in the middle of the run would be too late.
    """
    checked = []
    for event in events:
        if not isinstance(event, SteeringEvent):
            raise ConfigError(f"steering is a list of SteeringEvent; got {shown(event)}")
        if not isinstance(event.field, str) or event.field not in STEERABLE:
            raise ConfigError(f"{shown(event.field)} cannot be steered; {', '.join(STEERABLE)} can")
        if not isinstance(event.step, int) or isinstance(event.step, bool) or event.step < 0:
            raise ConfigError(f"the step of a steering event is a count; got {shown(event.step)}")
        config = config.replace(**{event.field: event.value})
        checked.append(replace(event, value=getattr(config, event.field)))
    return tuple(checked)


def _part(values: dict[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - of that kind
    """Return a part of a record; ConfigError if it is absent or of another kind."""
    part = values.get(name)
    if not isinstance(part, kind):
        raise ConfigError(
            f"this is no record of a run: {name!r} is a {kind.__name__}; got {shown(part)}"
        )
    return part


def _count(values: dict[str, Any], name: str) -> int:
    part = values.get(name)
    if not isinstance(part, int) or isinstance(part, bool) or part < 0:
        raise ConfigError(f"this is no record of a run: {name!r} is a count; got {shown(part)}")
    return part


def _event(values: object) -> SteeringEvent:
    if not isinstance(values, dict) or set(values) != {"step", "field", "value"}:
        raise ConfigError(f"a steering event has step, field and value; got {shown(values)}")
    return SteeringEvent(**values)


def _checked_hashes(hashes: dict[str, Any]) -> dict[str, Any]:
    """Return the hashes if each is a text, "styles" a list of texts; some may be absent."""
    styles = hashes.get("styles", [])
    one_each = [value for name, value in hashes.items() if name != "styles"]
    if not isinstance(styles, list) or not all(isinstance(h, str) for h in [*one_each, *styles]):
        raise ConfigError(f"this is no record of a run: its hashes are {shown(hashes)}")
    return hashes


def picture_hash(pixels: npt.NDArray[Any]) -> str:
    """Give the SHA-256 of a picture, dtype and shape included."""
    whole = np.ascontiguousarray(pixels)
    digest = hashlib.sha256(f"{whole.dtype.str}{whole.shape}".encode())
    digest.update(whole.data)  # reads the pixels where they lie
    return digest.hexdigest()
