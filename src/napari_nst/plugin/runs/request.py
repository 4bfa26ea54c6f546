"""What a run is to do, before it does it; and what it leaves. No Qt here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_nst.errors import ConfigError
from napari_nst.files.user_presets import NamedPreset
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.layers.visible_picture import LayerPicture
from napari_nst.runs.sweep import Place
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, SteeringEvent, picture_hash
from napari_nst.settings.vgg_layers import WEIGHTS_NAMES

if TYPE_CHECKING:
    from napari.layers import Image

PREVIEW_PX, PREVIEW_STEPS = 256, 40


@dataclass(frozen=True)
class RunRequest:
    """All that a run needs, taken from the viewer when it starts.

    Parameters
    ----------
    content, style : array, shape (H, W, 3) or (H, W, 4)
        The pictures.
    config
        The settings.
    weights
        "auto", "imagenet", "builtin", "untrained" or a file's path.
    init : array or None, shape (H, W, 3) or (H, W, 4)
        The picture to start from; None leaves it to the settings.
    events
        Steering to repeat.
    until
        The step to stop after, to repeat a run that was stopped there.
    device
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    """

    content: npt.NDArray[Any]
    style: npt.NDArray[Any]
    config: StyleConfig
    weights: str = "auto"
    init: npt.NDArray[Any] | None = None
    events: tuple[SteeringEvent, ...] = ()
    until: int | None = None
    device: str = "auto"


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
    place
        Where it stands in a sweep; None for a run of its own.
    preset
        The own preset that its settings started from, if any.
    pair
        Names of content and style, as "harbour × waves"; empty for a run named otherwise.
    told
        What the name says of its settings, such as "style strength 8".
    changed
        The settings that `told` says or counts; empty if it is a preset or a label.
    full
        The run that this is a preview of; None if it is no preview.
    style_file
        Where the style was read from; "" if it came from no file.
    """

    request: RunRequest | None
    name: str
    placement: Placement
    place: Place | None = None
    preset: NamedPreset | None = None
    pair: str = ""
    told: str = ""
    changed: Mapping[str, Any] = field(default_factory=dict)
    full: "RunPlan | None" = None
    style_file: str = ""


@dataclass(frozen=True, eq=False)
class Moment:
    """A layer that shows a run's past.

    Parameters
    ----------
    layer
        The layer.
    steps
        The steps after which it shows the picture: one, or one for each place of a stack.
    labels
        What the overlay says of each.
    """

    layer: "Image"
    steps: tuple[int, ...]
    labels: tuple[str, ...] = ()

    @property
    def is_stack(self) -> bool:
        """Whether the layer is a stack of all snapshots, rather than one picture."""
        return bool(self.labels)


def preview(config: StyleConfig) -> StyleConfig:
    """Give settings that show in seconds where the full run would lead."""
    size = PREVIEW_PX if config.size is None else min(PREVIEW_PX, config.size)
    steps = PREVIEW_STEPS if config.steps is None else min(PREVIEW_STEPS, config.steps)
    return config.replace(size=size, steps=steps)


def continued(config: StyleConfig) -> StyleConfig:
    """Give the settings to go on from a result: those of the final scale only."""
    if config.pyramid == "single":
        return config
    return config.replace(
        pyramid="single",
        scale_steps=config.scale_steps[-1:],
        lbfgs_history=config.lbfgs_history_later or config.lbfgs_history,
    )


def replayed(request: RunRequest, record: RunRecord) -> RunRequest:
    """Give the request that repeats a run, its steering and its stop included."""
    stopped = record.reason == "stopped" and record.steps_done > 0
    return replace(
        request,
        config=record.config,
        events=record.events,
        until=record.steps_done if stopped else None,
    )


def extended(
    request: RunRequest, record: RunRecord, image: npt.NDArray[Any], *, steps: int
) -> RunRequest:
    """Give the request that takes more steps from a result, as its run ended."""
    config = continued(record.ending).replace(steps=steps)
    return replace(request, config=config, init=image, events=(), until=None)


def request_of(
    record: RunRecord, pictures: Iterable[LayerPicture], *, weights: str = "auto"
) -> tuple[RunRequest, LayerPicture]:
    """Find the pictures of a record among those that are open.

    Parameters
    ----------
    record
        Of a run of an earlier session.
    pictures
        What is open.
    weights
        What to use if the record names a file of weights, whose place it does not know.

    Returns
    -------
    RunRequest
        What the run was asked for.
    LayerPicture
        Its content.

    Raises
    ------
    ConfigError
        If one is not open.
    """
    by_hash = {picture_hash(picture.pixels): picture for picture in pictures}
    wanted = {
        "content": record.hashes.get("content"),
        "style": next(iter(record.hashes.get("styles", ())), None),
    }
    if missing := [name for name, digest in wanted.items() if digest not in by_hash]:
        raise ConfigError(
            f"the {' and the '.join(missing)} of this run cannot be found among the open "
            "layers. Open the same picture again, or reuse the settings with other pictures."
        )
    start = record.hashes.get("init")
    if start is not None and start not in by_hash:
        raise ConfigError(
            "the picture that this run started from is not open. Open it, or reuse the "
            "settings with another start."
        )
    content = by_hash[str(wanted["content"])]
    request = RunRequest(
        content=content.pixels,
        style=by_hash[str(wanted["style"])].pixels,
        config=record.config,
        weights=record.weights if record.weights in WEIGHTS_NAMES else weights,
        init=None if start is None else by_hash[start].pixels,
    )
    return request, content
