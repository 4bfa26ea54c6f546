"""From content and styles to the objective of one scale."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from napari_nst.core.loss.additive import Sums, sums_of_windows
from napari_nst.core.loss.bures import bures_metric
from napari_nst.core.loss.objective import (
    PUBLISHED,
    Balance,
    Held,
    Objective,
    add_style_sums,
    style_moments,
)
from napari_nst.core.loss.statistics import Moments, blend
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.window import Box, Size, Window
from napari_nst.core.store.pixels import HeldPixels, Pixels
from napari_nst.core.store.store import InMemory, Store
from napari_nst.core.tiling.layout import Layout
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
        self,
        key: Hashable | None,
        picture: Callable[[], Pixels],
        config: StyleConfig,
        layout: Layout | None = None,
    ) -> StyleMoments:
        """Return a style's moments, measured unless they are kept.

        Parameters
        ----------
        key
            Identifies the style's pixels and their size; with None nothing is kept.
        picture
            Returns the style at that size.
        config
            Its style layers and loss are read.
        layout
            How it is parted; whole by default.
        """
        if key is None:
            return measured(self._encoder, picture(), config, layout)
        key = (key, config.style_layers, _exactly(config))
        if key not in self._kept:
            self._kept[key] = measured(self._encoder, picture(), config, layout)
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
    moments = [measured(encoder, HeldPixels(style), config) for style in styles]
    return objective_of(encoder, HeldPixels(content), moments, config, balance=balance)


@torch.no_grad()
def objective_of(
    encoder: Encoder,
    content: Pixels,
    styles: Sequence[StyleMoments],
    config: StyleConfig,
    *,
    balance: Balance = PUBLISHED,
    layout: Layout | None = None,
) -> Objective:
    """Measure the content, styles being measured; parameters as for `build_objective`.

    Parameters
    ----------
    layout
        How the content is parted, and where its features are kept.
    """
    layout = layout or Layout(store=InMemory(encoder.device))
    is_local = config.style_loss == "local_wasserstein"
    size, features = content.size, _Features(encoder, layout.store, config.content_layers)

    def observe(found: Sums, window: Window) -> None:
        def keep(tap: str, rows: slice, seen: Tensor) -> None:
            in_strip, in_tap = window.own(tap, rows)
            own = seen[:, :, in_strip.rows, in_strip.columns]
            if tap in config.content_layers:
                features.put(tap, size, in_tap, own)
            if is_local and tap in config.style_layers and own.numel():
                add_style_sums(found, tap, own, exactly=_exactly(config))

        encoder.show(content.at(window.outer).to(encoder.device), keep, window)

    found = sums_of_windows(layout.windows(size, encoder.taps), observe, _wide(encoder))
    blended = {tap: blend([each[tap] for each in styles]) for tap in config.style_layers}
    metrics = {}
    if is_local:
        own = _moments(found, size, config)
        metrics = {tap: bures_metric(blended[tap], own[tap]) for tap in config.style_layers}
    return Objective(
        size,
        {tap: Held(whole, encoder.device) for tap, whole in features.found.items()},
        blended,
        {tap: _positions(tap, size) for tap in config.style_layers},
        balance,
        _exactly(config),
        metrics,
    )


class _Features:
    """The content's features, assembled from windows in arrays of a store."""

    def __init__(self, encoder: Encoder, store: Store, taps: Sequence[str]) -> None:
        self._encoder = encoder
        self._store = store
        self.found: dict[str, Tensor] = {}
        self._taps = taps

    def put(self, tap: str, size: Size, box: Box, values: Tensor) -> None:
        """Keep values of shape (1, N, rows, columns) at some positions of a tap."""
        if tap not in self.found:
            stride = tap_geometry(tap).stride_px
            shape = size[0] // stride, size[1] // stride, values.shape[1]
            rows = self._store.empty(shape, values.dtype)  # channels last
            self.found[tap] = rows.permute(2, 0, 1)[None]
        self.found[tap][:, :, box.rows, box.columns].copy_(values)


@torch.no_grad()
def measured(
    encoder: Encoder, style: Pixels, config: StyleConfig, layout: Layout | None = None
) -> StyleMoments:
    """Measure a style's moments at the style layers."""

    def observe(found: Sums, window: Window) -> None:
        def add(tap: str, rows: slice, seen: Tensor) -> None:
            in_strip, _ = window.own(tap, rows)
            own = seen[:, :, in_strip.rows, in_strip.columns]
            if tap in config.style_layers and own.numel():
                add_style_sums(found, tap, own, exactly=_exactly(config))

        encoder.show(style.at(window.outer).to(encoder.device), add, window)

    windows = (layout or Layout()).windows(style.size, encoder.taps)
    return _moments(sums_of_windows(windows, observe, _wide(encoder)), style.size, config)


def _wide(encoder: Encoder) -> torch.dtype:
    return torch.promote_types(encoder.dtype, torch.float32)


def _exactly(config: StyleConfig) -> bool:
    return config.style_loss == "wasserstein"


def _moments(found: Sums, size: Size, config: StyleConfig) -> StyleMoments:
    return {tap: style_moments(found, tap, _positions(tap, size)) for tap in config.style_layers}


def _positions(tap: str, size: Size) -> int:
    """Count a tap's positions on a picture of (H, W)."""
    stride = tap_geometry(tap).stride_px
    return (size[0] // stride) * (size[1] // stride)


def _bytes(style: StyleMoments) -> int:
    return sum(each.mean.nbytes + each.second.nbytes for each in style.values())
