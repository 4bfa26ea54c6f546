"""RunRecord: what reproduces a run, as stored in layers, files and checkpoints."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_nst.config import Colors, StyleConfig
from napari_nst.errors import ConfigError

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
        changes = {
            event.field: tuple(event.value) if isinstance(event.value, list) else event.value
            for event in self.events
        }
        return self.config.replace(**changes)

    def with_colors(self, colors: Colors) -> Self:
        """Copy, with other colours chosen behind the last step."""
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
        try:
            return cls(
                config=StyleConfig.from_dict(values["config"]),
                resolved=values["resolved"],
                hashes=values["hashes"],
                weights=values["weights"],
                events=tuple(SteeringEvent(**event) for event in values["events"]),
                steps_done=values["steps_done"],
                reason=values["reason"],
            )
        except (KeyError, TypeError) as error:
            raise ConfigError(f"this is no record of a run: {error!r}") from error

    def to_json(self) -> str:
        """Give the record as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` gave; raises ConfigError on anything else."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise ConfigError(f"the record is not JSON: {error}") from error


def picture_hash(pixels: npt.NDArray[Any]) -> str:
    """Give the SHA-256 of a picture, dtype and shape included."""
    whole = np.ascontiguousarray(pixels)
    header = f"{whole.dtype.str}{whole.shape}".encode()
    return hashlib.sha256(header + whole.tobytes()).hexdigest()
