"""What a run is to do, before it does it; and what it leaves. No Qt here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_nst.config import StyleConfig
from napari_nst.plugin.placement import Placement
from napari_nst.record import RunRecord

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_nst.plugin.worker import RunRequest


@dataclass(frozen=True, eq=False)
class RunPlan:
    """A run before it is one.

    Parameters
    ----------
    request
        What to run; None for a result of an earlier session, of which only a layer is left.
    name
        The live layer's name.
    placement
        Where the content lies.
    """

    request: "RunRequest | None"
    name: str
    placement: Placement


@dataclass(frozen=True, eq=False)
class Moment:
    """A layer that shows a run's past.

    Parameters
    ----------
    layer
        The layer.
    step
        The step after which it shows the picture; None for the stack of all snapshots.
    """

    layer: "Image"
    step: int | None


def steered(record: RunRecord) -> StyleConfig:
    """Give the settings that a run ended with: as asked, with what was steered since."""
    changes = {
        event.field: tuple(event.value) if isinstance(event.value, list) else event.value
        for event in record.events
    }
    return record.config.replace(**changes)
