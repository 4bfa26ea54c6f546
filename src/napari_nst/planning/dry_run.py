"""Memory and work of one scale of a run, from a dry run on tensors without data.

The engine takes two steps at two sizes while `op_counter` counts tensors and operations. Each cost
is either constant or proportional to the number of pixels, so a straight line through the two
sizes gives all others.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from napari_nst.core.balance import PICTURE_PX, evaluations
from napari_nst.core.control import RunControl
from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.objective import PUBLISHED
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.network.encoder import Encoder, encoder_for
from napari_nst.core.picture import Picture, Pictures
from napari_nst.core.pyramid import Size
from napari_nst.core.run import Run
from napari_nst.core.store.store import InMemory
from napari_nst.core.tiling.layout import Layout
from napari_nst.planning.meta_kernels import META
from napari_nst.planning.op_counter import OpCounter, Work
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.vgg_layers import CONVS, convolutions_to

SIDES_PX = (320, 640)
"""Sides of squares with the areas of the two dry runs."""

_LEAST_SIDE_PX = 32
_STEP_PX = 16
_WEIGHTS_TO = "relu5_1"


@dataclass(frozen=True)
class ScaleCost:
    """What one scale takes, not counting L-BFGS's history.

    Parameters
    ----------
    entering_bytes, stepping_bytes
        Peak memory while the targets are measured (the scale before is still held), and during
        the steps; without the pictures that the run was given.
    entering, step
        The work of measuring the targets, and of one step.
    """

    entering_bytes: float
    stepping_bytes: float
    entering: Work
    step: Work


@dataclass(frozen=True)
class DryRun:
    """Costs at two sizes.

    Parameters
    ----------
    given_bytes
        Memory of the weights as read, which stay on the host.
    loading_bytes
        Peak memory while the network is prepared.
    loading
        The work of preparing it and of matching the terms to the weights.
    pixels
        Numbers of pixels of the two sizes.
    costs
        Costs at the two sizes.
    """

    given_bytes: int
    loading_bytes: int
    loading: Work
    pixels: tuple[int, int]
    costs: tuple[ScaleCost, ScaleCost]

    def at(self, pixels: int) -> ScaleCost:
        """Return the cost of a scale of so many pixels, on the line through the two."""
        small, large = self.pixels
        share = (pixels - small) / (large - small)
        first, second = self.costs
        return ScaleCost(
            first.entering_bytes + share * (second.entering_bytes - first.entering_bytes),
            first.stepping_bytes + share * (second.stepping_bytes - first.stepping_bytes),
            first.entering + (second.entering - first.entering) * share,
            first.step + (second.step - first.step) * share,
        )


def dry_run(
    config: StyleConfig,
    content: Size,
    styles: tuple[Size, ...],
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> DryRun:
    """Run dry with the shapes of the finest scale, at the two fixed sizes.

    Parameters
    ----------
    config
        The settings.
    content, styles
        Height and width of the finest scale and of the styles at that scale.
    device, dtype
        Device and precision of the run.
    """
    sizes = tuple(_dry_run_sizes(content, styles, side) for side in SIDES_PX)
    return _cached_dry_run(_canonical(config), sizes, str(device), dtype)


def evaluation_work(
    config: StyleConfig, size: Size, *, device: torch.device, dtype: torch.dtype
) -> Work:
    """Count the work of one evaluation of loss and gradient with a prepared network."""
    counter = OpCounter()
    with counter:
        encoder = encoder_for(
            config, _weights(config), feed="torchvision", device=device, dtype=dtype
        )
        picture = _blank(size)
        config = config.of_one_style
        objective = build_objective(encoder, picture, [picture], config)
        loss_and_gradient(picture, encoder, objective, config)
        before = counter.work
        loss_and_gradient(picture, encoder, objective, config)
    return counter.work - before


@lru_cache(maxsize=64)
def _cached_dry_run(
    config: StyleConfig,
    sizes: tuple[tuple[Size, tuple[Size, ...]], ...],
    device: str,
    dtype: torch.dtype,
) -> DryRun:
    counter = OpCounter()
    with counter:
        weights = _weights(config)
        given_bytes = counter.live_bytes
        encoder = encoder_for(
            config, weights, feed="torchvision", device=torch.device(device), dtype=dtype
        )
        loading = _balance_work(counter, encoder, config)
        encoder.features(_blank(sizes[0][0]))  # allocates what the network allocates at first use
        loading_bytes = counter.peak_bytes
        costs = [_scale_cost(counter, encoder, config, size, beside) for size, beside in sizes]
    pixels = [height * width for (height, width), _ in sizes]
    sizes_px = (pixels[0], pixels[1])
    return DryRun(given_bytes, loading_bytes, loading, sizes_px, (costs[0], costs[1]))


def _canonical(config: StyleConfig) -> StyleConfig:
    """Reset the settings that cost nothing, so that more runs share a cached dry run."""
    return config.of_one_style.replace(
        name="",
        size=None,
        steps=None,
        scale_steps=(2,),
        seed=0,
        init="content",
        line_search="none",
        lbfgs_history=1,
        lbfgs_history_later=None,
        style_strength=1.0,
        colors="none",
        color_strength=1.0,
        learning_rate=1.0,
        tv_weight=float(bool(config.tv_weight)),
        scale_detail=float(bool(config.scale_detail)),
        scale_grain=float(bool(config.scale_grain)),
        padding="replicate" if config.is_circular else config.padding,  # the halo is added later
        averaging=0.5 if config.averaging else 0.0,
        pyramid="single" if config.pyramid == "single" else "down_to",
        scale_ratio=min(config.scale_ratio, 2.0),
        style_fit="short_side",  # with the next line: styles are given at their final size
        style_scale=1e6,
    )


def _dry_run_sizes(
    content: Size, styles: tuple[Size, ...], side: int
) -> tuple[Size, tuple[Size, ...]]:
    """Scale the pictures to the area of a square, but keep them large enough for the network."""
    factor = side / (content[0] * content[1]) ** 0.5
    factor = max(factor, _LEAST_SIDE_PX * side / SIDES_PX[0] / min(content))
    height, width = _scaled(content, factor)
    return (height, width), tuple(_scaled(style, factor) for style in styles)


def _scaled(size: Size, factor: float) -> Size:
    """Scale a size and round it, so that nearly equal shapes share a cached dry run."""
    height, width = (
        max(_LEAST_SIDE_PX, round(side * factor / _STEP_PX) * _STEP_PX) for side in size
    )
    return height, width


def _scale_cost(
    counter: OpCounter, encoder: Encoder, config: StyleConfig, size: Size, styles: tuple[Size, ...]
) -> ScaleCost:
    """Enter the finest scale from the one before it, and take two steps."""
    pictures = Pictures(_picture(size), [_picture(each) for each in styles])
    given_bytes = sum(each.rgb.nbytes for each in (pictures.content, *pictures.styles))
    run = Run(
        pictures,
        encoder,
        config.replace(min_scale=max(16, round(max(size) / config.scale_ratio))),
        grey=torch.zeros((1, 3, 1, 1)),
        balance=PUBLISHED,
        control=RunControl(),
        layout=Layout(store=InMemory(META)),
    )
    for index in range(len(run.sizes)):
        counter.start_peak()
        before = counter.work
        run.enter_scale(index)
        entered, entering_bytes = counter.work, counter.peak_bytes
        counter.start_peak()
        steps = run.descend()
        next(steps)
        stepped = counter.work
        next(steps)
        steps.close()
    return ScaleCost(
        entering_bytes - given_bytes,
        counter.peak_bytes - given_bytes,
        entered - before,
        stepped - entered,
    )


def _weights(config: StyleConfig) -> dict[str, torch.Tensor]:
    tensors = {}
    for name in convolutions_to((*config.taps, _WEIGHTS_TO)):
        inputs, outputs = CONVS[name]
        tensors[f"{name}.weight"] = torch.empty((outputs, inputs, 3, 3), device=META)
        tensors[f"{name}.bias"] = torch.empty((outputs,), device=META)
    return tensors


def _balance_work(counter: OpCounter, encoder: Encoder, config: StyleConfig) -> Work:
    """Count what `napari_nst.core.balance` does before most runs."""
    before = counter.work
    picture = _blank((PICTURE_PX, PICTURE_PX))
    objective = build_objective(encoder, picture, [picture], config)
    for _ in range(evaluations(config)):
        loss_and_gradient(picture, encoder, objective, config)
    return counter.work - before


def _picture(size: Size) -> Picture:
    return Picture(_blank(size), None, np.dtype(np.uint8))


def _blank(size: Size) -> torch.Tensor:
    return torch.empty((1, 3, *size), device=META)
