"""RunRecord: everything that reproduces a run, as stored in layers and files."""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from napari_nst.errors import ConfigError, shown
from napari_nst.settings.config import STEERABLE, StyleConfig
from napari_nst.settings.fields import COLOR_SETTINGS, Colors, check_late_colors
from napari_nst.settings.json_reader import check_format, check_plain, parse_json
from napari_nst.settings.pixels import PixelSource, split_rows
from napari_nst.settings.regions import REGIONS, Regions

FORMAT = 2
"""Number of the format of `RunRecord.to_dict`: 2 has `regions`; records from before 1 have none."""

METADATA_KEY = "napari-nst"
"""Key of the record in a layer's metadata and a PNG's text chunk."""


@dataclass(frozen=True)
class SteeringEvent:
    """A setting that changed during a run.

    Parameters
    ----------
    step
        Steps done, over all scales, when the change took effect.
    field
        The field of StyleConfig, or "regions".
    value
        Its new value.
    """

    step: int
    field: str
    value: Any

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        value = self.value.to_dict() if isinstance(self.value, Regions) else self.value
        return {"step": self.step, "field": self.field, "value": value}

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Read what `to_dict` returned; ConfigError on another dict, the value is not checked."""
        if not isinstance(values, dict) or set(values) != {"step", "field", "value"}:
            raise ConfigError(f"a steering event has step, field and value; got {shown(values)}")
        event = cls(**values)
        is_masks = event.field == REGIONS and event.value is not None
        return replace(event, value=Regions.from_dict(event.value)) if is_masks else event


@dataclass(frozen=True)
class RunRecord:
    """The settings as requested and all values that were resolved from them.

    Parameters
    ----------
    config
        The settings as requested, including "auto".
    resolved
        Resolved values: device, precision, threads, versions, balance; and "palette", the colour
        statistics that the result can be matched to.
    hashes
        SHA-256 of content, styles and weights.
    weights
        Name of the weights: one of `WEIGHTS_NAMES`, or a file's stem.
    events
        Steering during the run, oldest first.
    steps_done
        Steps taken.
    reason
        Why the run ended; empty while it runs.
    regions
        Those that the run started with.
    """

    config: StyleConfig
    resolved: dict[str, Any]
    hashes: dict[str, Any]
    weights: str
    events: tuple[SteeringEvent, ...] = ()
    steps_done: int = 0
    reason: str = ""
    regions: Regions | None = None

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - the dataclass checks names
        """Copy with `changes`."""
        return replace(self, **changes)

    @property
    def ending(self) -> StyleConfig:
        """The settings at the end of the run, with all steering applied."""
        steered = {e.field: e.value for e in self.events if e.field != REGIONS}
        return self.config.replace(**steered)

    @property
    def ending_regions(self) -> Regions | None:
        """The regions at the end of the run."""
        repainted = [event.value for event in self.events if event.field == REGIONS]
        return repainted[-1] if repainted else self.regions

    def with_colors(self, colors: Colors, strength: float | None = None) -> Self:
        """Copy with other colours, chosen after the last step.

        Parameters
        ----------
        colors
            As in StyleConfig.
        strength
            The `color_strength`; None keeps it.

        Raises
        ------
        ConfigError
            If one of them is not valid, or the colours act before a run.
        """
        strength = self.ending.color_strength if strength is None else strength
        chosen = self.config.replace(colors=colors, color_strength=strength)
        check_late_colors(colors, self.config.colors)

        def is_kept(event: SteeringEvent) -> bool:
            return event.step != self.steps_done or event.field not in COLOR_SETTINGS

        plain = self.replace(events=tuple(filter(is_kept, self.events)))
        events = [
            SteeringEvent(self.steps_done, name, value)
            for name in COLOR_SETTINGS
            if (value := getattr(chosen, name)) != getattr(plain.ending, name)
        ]
        return plain.replace(events=(*plain.events, *events))

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values, with the number of their format."""
        return {
            "format": FORMAT,
            "config": self.config.to_dict(),
            "resolved": self.resolved,
            "hashes": self.hashes,
            "weights": self.weights,
            "events": [event.to_dict() for event in self.events],
            "steps_done": self.steps_done,
            "reason": self.reason,
            "regions": None if self.regions is None else self.regions.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what `to_dict` returned, of this format or an older one.

        Raises
        ------
        ConfigError
            If it is anything else, or of a newer format.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"a record of a run is a dict; got {shown(values)}")
        check_plain(values, "the record of a run")
        check_format(values.get("format", FORMAT), "the settings of this run", newest=FORMAT)
        config = StyleConfig.from_dict(_part(values, "config", dict))
        regions = values.get(REGIONS)
        return cls(
            config=config,
            resolved=_part(values, "resolved", dict),
            hashes=_checked_hashes(_part(values, "hashes", dict)),
            weights=_part(values, "weights", str),
            events=checked_events(
                map(SteeringEvent.from_dict, _part(values, "events", list)), config
            ),
            steps_done=_count(values, "steps_done"),
            reason=_part(values, "reason", str),
            regions=None if regions is None else Regions.from_dict(regions),
        )

    def to_json(self) -> str:
        """Return the record as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` returned; raises ConfigError on anything else."""
        return cls.from_dict(parse_json(text, "the record of a run"))


def checked_events(
    events: Iterable[SteeringEvent], config: StyleConfig
) -> tuple[SteeringEvent, ...]:
    """Return steering events that a run with these settings can repeat, lists as tuples.

    Raises
    ------
    ConfigError
        If an event has another type, a field that cannot be steered, or an invalid value. Without
        this check the run would fail in the middle.
    """
    checked, begun = [], config.colors
    for event in events:
        if not isinstance(event, SteeringEvent):
            raise ConfigError(f"steering is a list of SteeringEvent; got {shown(event)}")
        if not isinstance(event.field, str) or event.field not in (*STEERABLE, REGIONS):
            raise ConfigError(f"{shown(event.field)} cannot be steered; {', '.join(STEERABLE)} can")
        if not isinstance(event.step, int) or isinstance(event.step, bool) or event.step < 0:
            raise ConfigError(f"the step of a steering event is a count; got {shown(event.step)}")
        if event.field == REGIONS:
            checked_regions(event.value)
            checked.append(event)
            continue
        config = config.replace(**{event.field: event.value})
        check_late_colors(config.colors, begun)
        checked.append(replace(event, value=getattr(config, event.field)))
    return tuple(checked)


def _part(values: dict[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - of that kind
    """Return a part of a record; ConfigError if it is missing or of another type."""
    part = values.get(name)
    if not isinstance(part, kind):
        raise ConfigError(
            f"this is not a record of a run: {name!r} is a {kind.__name__}; got {shown(part)}"
        )
    return part


def _count(values: dict[str, Any], name: str) -> int:
    part = values.get(name)
    if not isinstance(part, int) or isinstance(part, bool) or part < 0:
        raise ConfigError(f"this is not a record of a run: {name!r} is a count; got {shown(part)}")
    return part


def checked_regions(regions: object) -> Regions | None:
    """Return regions, or None, unchanged; raises ConfigError on anything else."""
    if regions is not None and not isinstance(regions, Regions):
        raise ConfigError(
            f"regions are a Regions, such as Regions(labels, {{1: 0, 2: 1}}); got {shown(regions)}"
        )
    return regions


def _checked_hashes(hashes: dict[str, Any]) -> dict[str, Any]:
    """Return the hashes if each is a string and "styles" a list of strings; some may be missing."""
    styles = hashes.get("styles", [])
    one_each = [value for name, value in hashes.items() if name != "styles"]
    if not isinstance(styles, list) or not all(isinstance(h, str) for h in [*one_each, *styles]):
        raise ConfigError(f"this is not a record of a run: its hashes are {shown(hashes)}")
    return hashes


def picture_hash(pixels: PixelSource) -> str:
    """Return the SHA-256 of a picture, including dtype and shape; read by pieces of rows."""
    height, *inner = map(int, pixels.shape)
    digest = hashlib.sha256(f"{np.dtype(pixels.dtype).str}{(height, *inner)}".encode())
    for rows in split_rows(slice(0, height), math.prod(inner)):
        digest.update(np.ascontiguousarray(pixels[rows]).data)
    return digest.hexdigest()
