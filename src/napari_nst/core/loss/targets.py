"""From content and styles to the objective of one scale."""

import torch
from torch import Tensor

from napari_nst.core.loss.bures import bures_metric
from napari_nst.core.loss.objective import (
    PUBLISHED,
    Balance,
    Held,
    Objective,
    Sums,
    add_style_sums,
    style_moments,
)
from napari_nst.core.loss.statistics import Moments, blend
from napari_nst.core.network.encoder import Encoder, Observe
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.vgg_layers import tap_geometry


@torch.no_grad()
def build_objective(
    encoder: Encoder,
    content: Tensor,
    styles: list[Tensor],
    config: StyleConfig,
    *,
    balance: Balance = PUBLISHED,
) -> Objective:
    """Measure the targets at this size.

    Parameters
    ----------
    encoder
        With taps at all content and style layers.
    content : Tensor, shape (1, 3, H, W), values in [0, 1]
    styles : list of Tensor, shape (1, 3, H_s, W_s), values in [0, 1]
        Sizes may differ; their statistics are averaged.
    balance
        Fits the terms to the weights, see `napari_nst.core.balance`.
    """
    exactly = config.style_loss == "wasserstein"
    is_local = config.style_loss == "local_wasserstein"
    found: Sums = {}
    observe = _observer(found, config.style_layers, exactly=exactly) if is_local else None
    contents = encoder.features(content, config.content_layers, observe=observe)
    measured = [_measured(encoder, style, config.style_layers, exactly=exactly) for style in styles]
    blended = {tap: blend([each[tap] for each in measured]) for tap in config.style_layers}
    metrics = {}
    if is_local:
        own = _moments(found, content, config.style_layers)
        metrics = {tap: bures_metric(blended[tap], own[tap]) for tap in config.style_layers}
    return Objective(
        (content.shape[-2], content.shape[-1]),
        {tap: Held(features) for tap, features in contents.items()},
        blended,
        {tap: _positions(tap, content) for tap in config.style_layers},
        balance,
        exactly,
        metrics,
    )


def _measured(
    encoder: Encoder, style: Tensor, taps: tuple[str, ...], *, exactly: bool
) -> dict[str, Moments]:
    """Measure a style's moments at some of the encoder's taps."""
    found: Sums = {}
    encoder.show(style, _observer(found, taps, exactly=exactly))
    return _moments(found, style, taps)


def _observer(found: Sums, taps: tuple[str, ...], *, exactly: bool) -> Observe:
    """Give a function that adds the style's sums at some taps to `found`."""

    def observe(tap: str, _rows: slice, features: Tensor) -> None:
        if tap in taps:
            add_style_sums(found, tap, features, exactly=exactly)

    return observe


def _moments(found: Sums, picture: Tensor, taps: tuple[str, ...]) -> dict[str, Moments]:
    return {tap: style_moments(found, tap, _positions(tap, picture)) for tap in taps}


def _positions(tap: str, picture: Tensor) -> int:
    """Count a tap's positions on a picture of shape (1, 3, H, W)."""
    stride = tap_geometry(tap).stride_px
    height, width = picture.shape[-2:]
    return (height // stride) * (width // stride)
