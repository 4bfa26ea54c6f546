"""What a run is asked for: pictures, settings, weights and device."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from napari_nst.errors import ConfigError
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.pixels import PixelSource
from napari_nst.settings.record import RunRecord, SteeringEvent, picture_hash
from napari_nst.settings.regions import Regions
from napari_nst.settings.vgg_layers import WEIGHTS_NAMES

PREVIEW_PX, PREVIEW_STEPS = 256, 40


@dataclass(frozen=True)
class RunRequest:
    """All that the engine needs for a run.

    Parameters
    ----------
    content : array, shape (H, W, 3) or (H, W, 4)
        The picture to paint.
    styles : arrays, shape (H, W, 3) or (H, W, 4)
        The pictures to paint like, one at least.
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
    regions
        Which part of the content gets which style; None where all of it gets all of them.
    """

    content: PixelSource
    styles: tuple[PixelSource, ...]
    config: StyleConfig
    weights: str = "auto"
    init: PixelSource | None = None
    events: tuple[SteeringEvent, ...] = ()
    until: int | None = None
    device: str = "auto"
    regions: Regions | None = None

    @property
    def pictures(self) -> dict[str, PixelSource]:
        """The pictures by name, in this order: "content", "style", "style_2" …, and any "init"."""
        roles = map(style_role, range(len(self.styles)))
        found = {"content": self.content, **dict(zip(roles, self.styles, strict=True))}
        return found if self.init is None else found | {"init": self.init}


def style_role(place: int) -> str:
    """Return the name of a style in `RunRequest.pictures`; places count from 0."""
    return f"style_{place + 1}" if place else "style"


def least_px(config: StyleConfig) -> int | None:
    """Return the shorter side that a pyramid's level needs for a run, as content or as style.

    Depends on the settings alone, so that a replay reads the same level. None is the finest.
    """
    return None if config.size is None else math.ceil(config.size * max(1, config.style_scale))


def preview(config: StyleConfig) -> StyleConfig:
    """Return settings that show in seconds where the full run would lead."""
    size = PREVIEW_PX if config.size is None else min(PREVIEW_PX, config.size)
    steps = PREVIEW_STEPS if config.steps is None else min(PREVIEW_STEPS, config.steps)
    return config.replace(size=size, steps=steps)


def continued(config: StyleConfig) -> StyleConfig:
    """Return the settings to go on from a result: those of the final scale only."""
    if config.pyramid == "single":
        return config
    return config.replace(
        pyramid="single",
        scale_steps=config.scale_steps[-1:],
        lbfgs_history=config.lbfgs_history_later or config.lbfgs_history,
    )


def replayed(request: RunRequest, record: RunRecord) -> RunRequest:
    """Return the request that repeats a run, its steering and its stop included."""
    stopped = record.reason == "stopped" and record.steps_done > 0
    return replace(
        request,
        config=record.config,
        regions=record.regions,
        events=record.events,
        until=record.steps_done if stopped else None,
    )


def extended(
    request: RunRequest, record: RunRecord, image: npt.NDArray[Any], *, steps: int
) -> RunRequest:
    """Return the request that takes more steps from a result, as its run ended."""
    config = continued(record.ending).replace(steps=steps, init_blend=1.0)
    return replace(
        request, config=config, init=image, regions=record.ending_regions, events=(), until=None
    )


def request_of(
    record: RunRecord, pictures: Iterable[PixelSource], *, weights: str = "auto"
) -> RunRequest:
    """Return what a run was asked for, its pictures found by their hashes.

    Parameters
    ----------
    record
        Of a run of an earlier session.
    pictures : iterable of array, shape (H, W, 3) or (H, W, 4)
        Those that are open.
    weights
        What to use if the record names a file of weights, whose path it does not know.

    Raises
    ------
    ConfigError
        If a picture of the run is not among them.
    """
    by_hash = {picture_hash(picture): picture for picture in pictures}
    styles = record.hashes.get("styles") or [None]
    names = ["style"] if len(styles) == 1 else [f"style {n}" for n in range(1, len(styles) + 1)]
    wanted = {"content": record.hashes.get("content"), **dict(zip(names, styles, strict=True))}
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
    return RunRequest(
        content=by_hash[str(wanted["content"])],
        styles=tuple(by_hash[str(digest)] for digest in styles),
        config=record.config,
        weights=record.weights if record.weights in WEIGHTS_NAMES else weights,
        init=None if start is None else by_hash[start],
        regions=record.regions,
    )
