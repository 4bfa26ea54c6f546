"""What one scale of a run takes, found by rehearsing it on tensors without data.

Two steps are rehearsed at two sizes, and every tensor is counted while it lives
(`op_counter`). All that grows with the picture grows in proportion to its pixels,
and what does not is the same at every size: so two sizes give a straight line for all others.
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
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.picture import Picture, Pictures
from napari_nst.core.pyramid import Size
from napari_nst.core.run import Run
from napari_nst.planning.meta_kernels import META
from napari_nst.planning.op_counter import Ledger, Work
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.vgg_layers import CONVS, convolutions_to

SIDES_PX = (320, 640)
"""Sides of squares with the areas that are rehearsed."""

_LEAST_SIDE_PX = 32
_STEP_PX = 16
_WEIGHTS_TO = "relu5_1"


@dataclass(frozen=True)
class ScaleCost:
    """What one scale takes, L-BFGS's history apart.

    Parameters
    ----------
    entering_bytes, stepping_bytes
        Memory at its fullest while the targets are measured (the scale before is still there),
        and while steps are taken; without the pictures that the run was given.
    entering, step
        The work of measuring the targets, and of one step.
    """

    entering_bytes: float
    stepping_bytes: float
    entering: Work
    step: Work


@dataclass(frozen=True)
class Rehearsal:
    """What was found at two sizes.

    Parameters
    ----------
    given_bytes
        Memory of the weights as they were read, which stay on the host.
    loading_bytes
        Memory at its fullest while the network is made ready.
    loading
        The work of that, and of fitting the terms to the weights.
    pixels
        Numbers of pixels of the two sizes.
    costs
        What the two took.
    """

    given_bytes: int
    loading_bytes: int
    loading: Work
    pixels: tuple[int, int]
    costs: tuple[ScaleCost, ScaleCost]

    def at(self, pixels: int) -> ScaleCost:
        """Give the cost of a scale of so many pixels, on the straight line through the two."""
        small, large = self.pixels
        share = (pixels - small) / (large - small)
        first, second = self.costs
        return ScaleCost(
            first.entering_bytes + share * (second.entering_bytes - first.entering_bytes),
            first.stepping_bytes + share * (second.stepping_bytes - first.stepping_bytes),
            first.entering + (second.entering - first.entering) * share,
            first.step + (second.step - first.step) * share,
        )


def rehearse(
    config: StyleConfig,
    content: Size,
    styles: tuple[Size, ...],
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> Rehearsal:
    """Rehearse runs of a shape: that of the finest scale, at sizes of our own.

    Parameters
    ----------
    config
        The settings.
    content, styles
        Height and width of the finest scale and of the styles beside it.
    device, dtype
        Where, and in which precision, the run will compute.
    """
    sizes = tuple(_rehearsed_sizes(content, styles, side) for side in SIDES_PX)
    return _rehearse(_canonical(config), sizes, str(device), dtype)


def evaluation_work(
    config: StyleConfig, size: Size, *, device: torch.device, dtype: torch.dtype
) -> Work:
    """Count the work of one evaluation of loss and gradient, the network being ready."""
    ledger = Ledger()
    with ledger:
        encoder = _encoder(config, _weights(config), device, dtype)
        picture = _blank(size)
        objective = build_objective(encoder, picture, [picture], config)
        loss_and_gradient(picture, encoder, objective, config)
        before = ledger.work
        loss_and_gradient(picture, encoder, objective, config)
    return ledger.work - before


@lru_cache(maxsize=64)
def _rehearse(
    config: StyleConfig,
    sizes: tuple[tuple[Size, tuple[Size, ...]], ...],
    device: str,
    dtype: torch.dtype,
) -> Rehearsal:
    ledger = Ledger()
    with ledger:
        weights = _weights(config)
        given_bytes = ledger.live_bytes
        encoder = _encoder(config, weights, torch.device(device), dtype)
        loading = _balance_work(ledger, encoder, config)
        encoder.features(_blank(sizes[0][0]))  # lays out what the network lays out at first use
        loading_bytes = ledger.peak_bytes
        costs = [_scale_cost(ledger, encoder, config, size, beside) for size, beside in sizes]
    pixels = [height * width for (height, width), _ in sizes]
    sizes_px = (pixels[0], pixels[1])
    return Rehearsal(given_bytes, loading_bytes, loading, sizes_px, (costs[0], costs[1]))


def _canonical(config: StyleConfig) -> StyleConfig:
    """Leave out what costs nothing, so that what was rehearsed is found again."""
    return config.replace(
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
        learning_rate=1.0,
        tv_weight=float(bool(config.tv_weight)),
        scale_detail=float(bool(config.scale_detail)),
        averaging=0.5 if config.averaging else 0.0,
        pyramid="single" if config.pyramid == "single" else "down_to",
        scale_ratio=min(config.scale_ratio, 2.0),
        style_fit="short_side",  # with the next: styles come in the size that they get
        style_scale=1e6,
    )


def _rehearsed_sizes(
    content: Size, styles: tuple[Size, ...], side: int
) -> tuple[Size, tuple[Size, ...]]:
    """Scale the pictures to the area of a square, but not too thin for the network."""
    factor = side / (content[0] * content[1]) ** 0.5
    factor = max(factor, _LEAST_SIDE_PX * side / SIDES_PX[0] / min(content))
    height, width = _scaled(content, factor)
    return (height, width), tuple(_scaled(style, factor) for style in styles)


def _scaled(size: Size, factor: float) -> Size:
    """Scale a size, in steps that let nearly equal shapes share a rehearsal."""
    height, width = (
        max(_LEAST_SIDE_PX, round(side * factor / _STEP_PX) * _STEP_PX) for side in size
    )
    return height, width


def _scale_cost(
    ledger: Ledger, encoder: Encoder, config: StyleConfig, size: Size, styles: tuple[Size, ...]
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
    )
    for index in range(len(run.sizes)):
        ledger.start_peak()
        before = ledger.work
        run.enter_scale(index)
        entered, entering_bytes = ledger.work, ledger.peak_bytes
        ledger.start_peak()
        steps = run.descend()
        next(steps)
        stepped = ledger.work
        next(steps)
        steps.close()
    return ScaleCost(
        entering_bytes - given_bytes,
        ledger.peak_bytes - given_bytes,
        entered - before,
        stepped - entered,
    )


def _weights(config: StyleConfig) -> dict[str, torch.Tensor]:
    taps = (*config.content_layers, *config.style_layers)
    tensors = {}
    for name in convolutions_to((*taps, _WEIGHTS_TO)):
        inputs, outputs = CONVS[name]
        tensors[f"{name}.weight"] = torch.empty((outputs, inputs, 3, 3), device=META)
        tensors[f"{name}.bias"] = torch.empty((outputs,), device=META)
    return tensors


def _encoder(
    config: StyleConfig,
    weights: dict[str, torch.Tensor],
    device: torch.device,
    dtype: torch.dtype,
) -> Encoder:
    return Encoder(
        weights,
        feed="torchvision",
        taps=(*config.content_layers, *config.style_layers),
        pooling=config.pooling,
        padding=config.padding,
        device=device,
        dtype=dtype,
    )


def _balance_work(ledger: Ledger, encoder: Encoder, config: StyleConfig) -> Work:
    """Count what `napari_nst.core.balance` does before most runs."""
    before = ledger.work
    picture = _blank((PICTURE_PX, PICTURE_PX))
    objective = build_objective(encoder, picture, [picture], config)
    for _ in range(evaluations(config)):
        loss_and_gradient(picture, encoder, objective, config)
    return ledger.work - before


def _picture(size: Size) -> Picture:
    return Picture(_blank(size), None, np.dtype(np.uint8))


def _blank(size: Size) -> torch.Tensor:
    return torch.empty((1, 3, *size), device=META)
