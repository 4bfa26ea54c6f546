"""From content and styles to the objective of one scale."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_nst.core.device import finest_dtype
from napari_nst.core.loss.additive import Sums, sums_of_windows
from napari_nst.core.loss.bures import bures_metric
from napari_nst.core.loss.masks import Mask
from napari_nst.core.loss.objective import (
    NOT_COMPARED,
    PUBLISHED,
    Balance,
    Held,
    Objective,
    Region,
    style_moments,
)
from napari_nst.core.loss.statistics import Moments, blend
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.window import Box, Size, Window
from napari_nst.core.store.pixels import HeldPixels, Pixels
from napari_nst.core.store.store import InMemory, Store, block, total
from napari_nst.core.tiling.layout import Layout
from napari_nst.core.tiling.wrapping import read_wrapped
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.regions import LEAST_POSITIONS, blend_shares
from napari_nst.settings.style_detail import layer_factors
from napari_nst.settings.vgg_layers import tap_geometry

StyleMoments = dict[str, Moments]
"""The moments of a style, or a part of it, at each style layer that it is large enough for."""


@dataclass(frozen=True)
class Part:
    """A part of the picture, and the styles that are blended there.

    Parameters
    ----------
    styles
        Their moments.
    shares
        Each style's share; they sum to 1.
    mask
        How much each pixel belongs to the part; None is all of the picture.
    factors
        Each style's factor at each style layer; 1 by default.
    """

    styles: Sequence[StyleMoments]
    shares: Sequence[float]
    mask: Mask | None = None
    factors: Sequence[Mapping[str, float]] = ()

    def at(self, tap: str) -> list[tuple[StyleMoments, float]]:
        """Return the styles that count at a layer, with their shares; they sum to 1."""
        factors = [each[tap] for each in self.factors] or [1.0] * len(self.styles)
        used = [each for each in zip(self.styles, self.shares, factors, strict=True) if each[1]]
        if len({factor for _, _, factor in used}) == 1:  # also 0: someone has to give the layer
            return [(style, share) for style, share, _ in used]
        here = [(style, share * factor) for style, share, factor in used if factor]
        whole = sum(share for _, share in here)
        return [(style, share / whole) for style, share in here]


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
        mask: Mask | None = None,
    ) -> StyleMoments:
        """Return a style's moments, measured unless they are kept.

        Parameters
        ----------
        key
            Identifies the style's pixels, their size and the mask; with None nothing is kept.
        picture
            Returns the style at that size.
        config
            Its style layers and loss are read.
        layout
            How it is parted; whole by default.
        mask
            How much each of its pixels counts.
        """
        if key is None:
            return measured(self._encoder, picture(), config, layout, mask)
        key = (key, config.style_layers, _exactly(config))
        if key not in self._kept:
            self._kept[key] = measured(self._encoder, picture(), config, layout, mask)
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
        Sizes may differ; their statistics are blended.
    balance
        Fits the terms to the weights, see `napari_nst.core.balance`.
    """
    moments = [measured(encoder, HeldPixels(style), config) for style in styles]
    shares = blend_shares(config.blend, len(moments))
    parts = [Part(moments, shares, factors=style_factors(config))]
    return objective_of(encoder, HeldPixels(content), parts, config, balance=balance)


def style_factors(config: StyleConfig) -> list[dict[str, float]]:
    """Return each style's factor at each style layer; an empty list where all are 1."""
    return [layer_factors(detail, config.style_layers) for detail in config.style_detail]


@torch.no_grad()
def objective_of(
    encoder: Encoder,
    content: Pixels,
    parts: Sequence[Part],
    config: StyleConfig,
    *,
    balance: Balance = PUBLISHED,
    layout: Layout | None = None,
    content_mask: Mask | None = None,
) -> Objective:
    """Measure the content, styles being measured; parameters as for `build_objective`.

    Parameters
    ----------
    parts
        Where the picture gets which style.
    layout
        How the content is parted, and where its features are kept.
    content_mask
        How much the content's structure matters at each pixel; 1 everywhere by default.
    """
    layout = layout or Layout(store=InMemory(encoder.device))
    is_local = config.style_loss == "local_wasserstein"
    size, features = content.size, _Features(encoder, layout.store, config.content_layers)
    weights = [
        _pooled(part.mask, config.style_layers, layout.store, encoder.device) for part in parts
    ]

    def by_window() -> Iterator[Sums]:
        wanted = _wanted(size, config, weights if is_local else [])
        windows = layout.windows(size, encoder.taps, wraps=config.is_circular)
        parts = layout.parts(
            encoder, wanted, windows, lambda window: read_wrapped(content, window.outer)
        )
        for window, (found, kept) in layout.executor.map(
            content_of_window, parts, config.content_layers
        ):
            for tap, values in kept.items():
                features.put(tap, size, window.inner_at(tap), values)
            yield found

    found = sums_of_windows(by_window(), _wide(encoder), encoder.device)
    regions = [
        _region(part, by_tap, size, config, layout.store)
        for part, by_tap in zip(parts, weights, strict=True)
    ]
    if is_local:
        regions = [_with_metrics(region, found, index) for index, region in enumerate(regions)]
    return Objective(
        size,
        {tap: Held(whole, encoder.device) for tap, whole in features.found.items()},
        regions,
        balance,
        _exactly(config),
        _pooled(content_mask, config.content_layers, layout.store, encoder.device),
    )


def _with_metrics(region: Region, found: Sums, index: int) -> Region:
    """Return a region with the metrics that its own moments and its style's make."""
    metrics = {}
    for tap, style in region.style.items():
        own = style_moments(found, tap, region.positions[tap], region=index)
        metrics[tap] = bures_metric(style, own)
    return replace(region, metrics=metrics)


def _region(
    part: Part, weights: Mapping[str, Held], size: Size, config: StyleConfig, store: Store
) -> Region:
    """Blend the styles of a part at the layers for which it and they are large enough."""
    taps = config.style_layers
    whole = {tap: _positions(tap, size) for tap in taps}
    positions = {tap: _total(weights[tap], store) if weights else whole[tap] for tap in taps}
    present = [
        tap
        for tap in taps
        if (not weights or positions[tap] >= LEAST_POSITIONS)
        and all(tap in each for each, _ in part.at(tap))
    ]
    style = {tap: _blended(part, tap) for tap in present}
    share = 1.0
    if weights:
        finest = min(taps, key=lambda tap: tap_geometry(tap).stride_px)
        share = positions[finest] / whole[finest]
    vanished = [tap for tap in taps if tap not in present]
    extents = {tap: _extent(held.whole, store) for tap, held in weights.items()}
    return Region(style, positions, weights, extents, share, vanished)


def _extent(weights: Tensor, store: Store) -> Box:
    """Find the rectangle beyond which all weights are 0; shape (1, 1, h, w)."""
    by_row, columns = [], torch.zeros(weights.shape[-1], dtype=torch.bool)
    for rows in store.rows(weights):
        used = block(weights, rows)[0, 0] > 0
        by_row.append(used.any(1).cpu())
        columns |= used.any(0).cpu()
    places = [axis.nonzero().flatten().tolist() for axis in (torch.cat(by_row), columns)]
    (top, bottom), (left, right) = ((each[0], each[-1] + 1) if each else (0, 0) for each in places)
    return Box(top, bottom, left, right)


def _blended(part: Part, tap: str) -> Moments:
    used = part.at(tap)
    return blend([style[tap] for style, _ in used], [share for _, share in used])


def _pooled(
    mask: Mask | None, taps: Sequence[str], store: Store, device: torch.device
) -> dict[str, Held]:
    """Pool a mask to the positions of taps; empty where there is none."""
    if mask is None:
        return {}
    strides = {tap: tap_geometry(tap).stride_px for tap in taps}
    pooled = {stride: mask.pooled(stride, store) for stride in sorted(set(strides.values()))}
    return {tap: Held(pooled[stride], device) for tap, stride in strides.items()}


def _total(weights: Held, store: Store) -> float:
    return total(store, lambda part: part.sum(dtype=finest_dtype(part.device)), weights.whole)


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
    encoder: Encoder,
    style: Pixels,
    config: StyleConfig,
    layout: Layout | None = None,
    mask: Mask | None = None,
) -> StyleMoments:
    """Measure the moments of a style, or of a part of it, at the style layers."""
    layout = layout or Layout()
    weights = _pooled(mask, config.style_layers, layout.store, encoder.device)

    parts = layout.parts(
        encoder,
        _wanted(style.size, config, [weights]),
        layout.windows(style.size, encoder.taps),
        lambda window: style.at(window.outer),
    )
    by_window = (found for _, (found, _) in layout.executor.map(content_of_window, parts, ()))
    found = sums_of_windows(by_window, _wide(encoder), encoder.device)
    counts = {
        tap: _total(weights[tap], layout.store) if weights else _positions(tap, style.size)
        for tap in config.style_layers
    }
    return {
        tap: style_moments(found, tap, count)
        for tap, count in counts.items()
        if not weights or count >= LEAST_POSITIONS
    }


@torch.no_grad()
def content_of_window(
    encoder: Encoder, wanted: Objective, window: Window, part: Tensor, layers: Sequence[str]
) -> tuple[Sums, dict[str, Tensor]]:
    """Add up a window's style sums, and read the features of some layers at its inner part.

    Parameters
    ----------
    wanted
        Of its regions the sums are taken.
    part : Tensor, shape (1, 3, h, w)
        The window's outer part.
    layers
        Whose features are wanted, shape (1, N, rows, columns).
    """
    found, kept = Sums(), dict[str, Tensor]()

    def observe(tap: str, rows: slice, seen: Tensor) -> None:
        wanted.observe(found, tap, rows, seen, window=window)
        if tap in layers:
            in_strip, in_tap = window.own(tap, rows)
            own, box = seen[:, :, in_strip.rows, in_strip.columns], window.inner_at(tap)
            if tap not in kept:
                height, width = box.size
                kept[tap] = own.new_empty((height, width, seen.shape[1])).permute(2, 0, 1)[None]
            here = in_tap.moved(-box.top, -box.left)
            kept[tap][:, :, here.rows, here.columns].copy_(own)

    encoder.show(part.to(encoder.device), observe, window)
    return found, kept


def _wanted(size: Size, config: StyleConfig, weights: Sequence[Mapping[str, Held]]) -> Objective:
    """Return an objective that takes the style sums of regions with some weights."""
    style = dict.fromkeys(config.style_layers, NOT_COMPARED)
    regions = [Region(style, {}, by_tap) for by_tap in weights]
    return Objective(size, {}, regions, exactly=_exactly(config))


def _wide(encoder: Encoder) -> torch.dtype:
    return torch.promote_types(encoder.dtype, torch.float32)


def _exactly(config: StyleConfig) -> bool:
    return config.style_loss == "wasserstein"


def _positions(tap: str, size: Size) -> int:
    """Count a tap's positions on a picture of (H, W)."""
    stride = tap_geometry(tap).stride_px
    return (size[0] // stride) * (size[1] // stride)


def _bytes(style: StyleMoments) -> int:
    return sum(each.mean.nbytes + each.second.nbytes for each in style.values())
