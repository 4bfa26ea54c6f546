"""From content and styles to the objective of one scale."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

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

StyleMoments = dict[str, Moments]
"""The moments of a style at each style layer."""


class StyleTargets:
    """Moments of styles, kept so that runs with one encoder measure each style once per size.

    Parameters
    ----------
    encoder
        The network of the runs.
    limit_bytes
        How much is kept; those that were used longest ago go first. A style to relu5_1 has 2.4 MB.
    """

    def __init__(self, encoder: Encoder, *, limit_bytes: int = 128 << 20) -> None:
        self._encoder = encoder
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[Hashable, StyleMoments] = OrderedDict()

    def moments(
        self, key: Hashable | None, picture: Callable[[], Tensor], config: StyleConfig
    ) -> StyleMoments:
        """Return a style's moments, measured unless they are kept.

        Parameters
        ----------
        key
            Identifies the style's pixels and their size; with None nothing is kept.
        picture
            Returns the style at that size, Tensor of shape (1, 3, H, W).
        config
            Its style layers and loss are read.
        """
        if key is None:
            return measured(self._encoder, picture(), config)
        key = (key, config.style_layers, _exactly(config))
        if key not in self._kept:
            self._kept[key] = measured(self._encoder, picture(), config)
        self._kept.move_to_end(key)
        found = self._kept[key]
        while self._kept and sum(map(_bytes, self._kept.values())) > self._limit_bytes:
            self._kept.popitem(last=False)
        return found


def build_objective(
    encoder: Encoder,
    content: Tensor,
    styles: Sequence[Tensor],
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
    moments = [measured(encoder, style, config) for style in styles]
    return objective_of(encoder, content, moments, config, balance=balance)


@torch.no_grad()
def objective_of(
    encoder: Encoder,
    content: Tensor,
    styles: Sequence[StyleMoments],
    config: StyleConfig,
    *,
    balance: Balance = PUBLISHED,
) -> Objective:
    """Measure the content, styles being measured; parameters as for `build_objective`."""
    is_local = config.style_loss == "local_wasserstein"
    found: Sums = {}
    observe = _observer(found, config) if is_local else None
    contents = encoder.features(content, config.content_layers, observe=observe)
    blended = {tap: blend([each[tap] for each in styles]) for tap in config.style_layers}
    metrics = {}
    if is_local:
        own = _moments(found, content, config)
        metrics = {tap: bures_metric(blended[tap], own[tap]) for tap in config.style_layers}
    return Objective(
        (content.shape[-2], content.shape[-1]),
        {tap: Held(features) for tap, features in contents.items()},
        blended,
        {tap: _positions(tap, content) for tap in config.style_layers},
        balance,
        _exactly(config),
        metrics,
    )


@torch.no_grad()
def measured(encoder: Encoder, style: Tensor, config: StyleConfig) -> StyleMoments:
    """Measure a style's moments at the style layers."""
    found: Sums = {}
    encoder.show(style, _observer(found, config))
    return _moments(found, style, config)


def _observer(found: Sums, config: StyleConfig) -> Observe:
    """Return a function that adds a picture's sums at the style layers to `found`."""
    taps, exactly = config.style_layers, _exactly(config)

    def observe(tap: str, _rows: slice, features: Tensor) -> None:
        if tap in taps:
            add_style_sums(found, tap, features, exactly=exactly)

    return observe


def _exactly(config: StyleConfig) -> bool:
    return config.style_loss == "wasserstein"


def _moments(found: Sums, picture: Tensor, config: StyleConfig) -> StyleMoments:
    return {tap: style_moments(found, tap, _positions(tap, picture)) for tap in config.style_layers}


def _positions(tap: str, picture: Tensor) -> int:
    """Count a tap's positions on a picture of shape (1, 3, H, W)."""
    stride = tap_geometry(tap).stride_px
    height, width = picture.shape[-2:]
    return (height // stride) * (width // stride)


def _bytes(style: StyleMoments) -> int:
    return sum(each.mean.nbytes + each.second.nbytes for each in style.values())
