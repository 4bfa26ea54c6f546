"""The loss: content, style and smoothness, as additive statistics and one small scalar.

    loss = α · b_C · Σ_l c_l · b_l · C_l + β · strength · b_S · Σ_l w_l · b_l · S_l + τ · TV + T

- content, P the content's features: mse C = mean (F - P)²; half_sum C = ½ Σ (F - P)²
  (Gatys 2015, equation 1)
- style: see `napari_nst.core.loss.statistics`
- smoothness: see `napari_nst.core.loss.variation`
- T, of a sequence's frames only: see `napari_nst.core.loss.temporal`

All statistics are sums over windows of the picture: `observe` and `observe_picture` add them up,
`value` sees the sums only, and the pullbacks carry its slopes back, window by window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from napari_nst.core.loss.additive import Slopes, SumKey, Sums, Term, add_to
from napari_nst.core.loss.bures import BuresMetric, local_wasserstein_loss
from napari_nst.core.loss.statistics import (
    Moments,
    add_sums_pullback,
    gram_loss,
    gram_paper_loss,
    moments_loss,
    sums,
    wasserstein_loss,
)
from napari_nst.core.loss.temporal import MATCHED_FACTOR, TemporalTarget
from napari_nst.core.loss.variation import add_variation_pullback, variation, variation_sums
from napari_nst.core.network.window import Box, Size, Window
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.fields import VARIABLE_MAXIMUM


class Source(Protocol):
    """Something that the whole picture has at each position of a tap, wherever it is stored."""

    @property
    def count(self) -> int:
        """How many values there are in all."""
        ...

    def at(self, box: Box) -> Tensor:
        """Return the values at some positions, shape (1, N, rows, columns)."""
        ...


@dataclass(frozen=True)
class Held:
    """A source that is one tensor, or an array of a store.

    Parameters
    ----------
    whole : Tensor, shape (1, N, h, w)
    device
        Where the values are wanted; where they are by default.
    """

    whole: Tensor
    device: torch.device | None = None

    @property
    def count(self) -> int:
        """How many values there are in all."""
        return self.whole.numel()

    def at(self, box: Box) -> Tensor:
        """Return the values at some positions, a view where they are on the device."""
        return _at(self.whole, box).to(self.device or self.whole.device)


@dataclass(frozen=True)
class Cropped:
    """A part of a source, in a tensor of its own.

    Parameters
    ----------
    part : Tensor, shape (1, N, rows, columns)
    box
        Its positions.
    count
        How many values the whole source has.
    """

    part: Tensor
    box: Box
    count: int

    def at(self, box: Box) -> Tensor:
        """Return the values at some positions of the part, as a view."""
        return _at(self.part, box.moved(-self.box.top, -self.box.left))


@dataclass(frozen=True)
class Balance:
    """Factors on the terms that fit them to the weights in use; 1 as published.

    Parameters
    ----------
    content, style
        On the whole terms.
    layers
        On single layers, by "content/relu4_2" or "style/relu1_1"; 1 for those that are absent.
    """

    content: float = 1.0
    style: float = 1.0
    layers: Mapping[str, float] = field(default_factory=dict)

    def on_layer(self, term: Term, tap: str) -> float:
        """Return the factor on a single layer."""
        return self.layers.get(layer_name(term, tap), 1.0)


PUBLISHED = Balance()
"""The constants as published."""


NOT_COMPARED = Moments(torch.empty(0), torch.empty((0, 0)))
"""Stands for a style at a layer of which only the sums are wanted."""


@dataclass(frozen=True)
class Region:
    """A part of the picture, or all of it, and the style that it gets.

    Parameters
    ----------
    style
        Per style layer, the style's moments.
    positions
        Per style layer, how many positions the region has there, or their weights' total.
    weights
        Per style layer, how much each position counts, N = 1; all count alike where it is absent.
    extents
        Per style layer, the rectangle beyond which all weights are 0; the picture by default.
    share
        The region's share of the picture, so that a pixel is pulled as much as without regions.
    vanished
        Style layers at which the region or its style is too small; the others carry their weight.
    metrics
        Per style layer, the metric that "local_wasserstein" measures with; else empty.
    """

    style: Mapping[str, Moments]
    positions: Mapping[str, float]
    weights: Mapping[str, Source] = field(default_factory=dict)
    extents: Mapping[str, Box] = field(default_factory=dict)
    share: float = 1.0
    vanished: Sequence[str] = ()
    metrics: Mapping[str, BuresMetric] = field(default_factory=dict)

    def carry(self, weight_of: Mapping[str, float]) -> float:
        """Return the factor by which the layers that are left make up for those that vanished."""
        whole = sum(weight_of.values())
        left = whole - sum(weight_of[tap] for tap in self.vanished)
        return whole / left if self.vanished and left > 0 else 1.0

    def seen(self, tap: str, features: Tensor, in_tap: Box) -> tuple[Tensor, Tensor | None]:
        """Return what the region sees of features, and how much each position counts.

        Parameters
        ----------
        features : Tensor, shape (1, N, rows, columns)
            Or their gradient; the result is a view of it.
        in_tap
            Their positions in the whole picture.
        """
        here = in_tap.within(self.extents[tap]) if tap in self.extents else in_tap
        part = _at(features, here.moved(-in_tap.top, -in_tap.left))
        return part, self.weights[tap].at(here) if tap in self.weights else None


@dataclass(frozen=True)
class Objective:
    """The targets of one scale.

    Parameters
    ----------
    size
        Height and width of the picture.
    content
        Per content layer, the content's features.
    regions
        Where which style is compared; usually one, the whole picture.
    balance
        Fits the terms to the weights in use.
    exactly
        As in `napari_nst.core.loss.statistics.sums`.
    content_weights
        Per content layer, how much each position counts, N = 1; 1 where it is absent.
    temporal
        What the picture should equal where earlier frames show the same.
    """

    size: Size
    content: Mapping[str, Source]
    regions: Sequence[Region]
    balance: Balance = PUBLISHED
    exactly: bool = False
    content_weights: Mapping[str, Source] = field(default_factory=dict)
    temporal: TemporalTarget | None = None

    def within(self, window: Window, device: torch.device) -> "Objective":
        """Return what `observe` and the pullbacks need at a window, in tensors of its own.

        Styles are left out but for their layers: only `value` compares with them.
        """
        return replace(
            self,
            content=_cropped(self.content, window, device),
            content_weights=_cropped(self.content_weights, window, device),
            regions=[
                replace(
                    region,
                    style=dict.fromkeys(region.style, NOT_COMPARED),
                    weights=_cropped(region.weights, window, device),
                    metrics={},
                )
                for region in self.regions
            ],
        )

    def observe(
        self, found: Sums, tap: str, rows: slice, features: Tensor, *, window: Window
    ) -> None:
        """Add to `found` what the loss needs of a strip of a tap's features.

        Parameters
        ----------
        rows
            The strip's rows, counted at the tap from the top of the window's outer part.
        features : Tensor, shape (1, N, rows, w), channels last
        """
        in_strip, in_tap = window.own(tap, rows)
        own = _at(features, in_strip)
        if not own.numel():
            return
        if tap in self.content:
            difference = own - self.content[tap].at(in_tap)
            squares = difference.square_()
            if tap in self.content_weights:
                squares.mul_(self.content_weights[tap].at(in_tap))
            total = squares.sum(dtype=_wide(squares))
            add_to(found, SumKey("content", "squares", tap), total)
        for index, region in enumerate(self.regions):
            if tap in region.style:
                part, weights = region.seen(tap, own, in_tap)
                if part.numel():
                    add_style_sums(found, tap, part, weights, region=index, exactly=self.exactly)

    def observe_picture(
        self, found: Sums, picture: Tensor, config: StyleConfig, *, window: Window
    ) -> None:
        """Add to `found` what the loss needs of the picture itself, the window's outer part."""
        if config.tv_weight:
            add_to(found, _DIFFERENCES, variation_sums(picture, window, config.tv_loss))
        if self.temporal is not None:
            add_to(found, _TEMPORAL, self.temporal.squares(picture, window))

    def value(self, statistics: Sums, config: StyleConfig) -> dict[str, Tensor]:
        """Compute the weighted terms "content", "style", "tv" and "temporal", scalar Tensors."""
        terms = {}
        if self.content:
            weight_of = _by_layer(config.content_layers, config.content_layer_weights)
            parts = [
                weight_of[tap]
                * self.balance.on_layer("content", tap)
                * self._content_value(tap, statistics, config)
                for tap in self.content
            ]
            terms["content"] = (
                config.content_weight * self.balance.content * torch.stack(parts).sum()
            )
        if any(region.style for region in self.regions):
            weight_of = _by_layer(config.style_layers, config.style_layer_weights)
            parts = [
                weight_of[tap]
                * self.balance.on_layer("style", tap)
                * (region.share * region.carry(weight_of))
                * self._style_value(tap, index, statistics, config)
                for index, region in enumerate(self.regions)
                for tap in region.style
            ]
            factor = config.style_weight * config.style_strength * self.balance.style
            terms["style"] = factor * torch.stack(parts).sum()
        if config.tv_weight:
            maximum = VARIABLE_MAXIMUM[config.variable]
            differences = statistics[_DIFFERENCES]
            terms["tv"] = config.tv_weight * variation(
                differences, self.size, config.tv_loss, maximum
            )
        if self.temporal is not None:
            factor = 1.0 if self.balance == PUBLISHED else MATCHED_FACTOR
            held = self.temporal.value(statistics[_TEMPORAL], VARIABLE_MAXIMUM[config.variable])
            terms["temporal"] = factor * held
        return terms

    def pullback(
        self,
        tap: str,
        rows: slice,
        features: Tensor,
        gradient: Tensor | None,
        *,
        window: Window,
        slopes: Slopes,
    ) -> Tensor:
        """Add ∂⟨slopes, statistics⟩/∂features at a strip of a tap to `gradient`, in place.

        Parameters
        ----------
        rows
            As for `observe`.
        features : Tensor, shape (1, N, rows, w), channels last
        gradient : Tensor or None, shape (1, N, rows, w), channels last
        slopes
            ∂loss/∂statistics.
        """
        if gradient is None:
            gradient = torch.zeros_like(features)
        in_strip, in_tap = window.own(tap, rows)
        own, place = _at(features, in_strip), _at(gradient, in_strip)
        if not own.numel():
            return gradient
        added = place.contiguous(memory_format=torch.channels_last)  # itself where rows are whole
        for index, region in enumerate(self.regions):
            if tap in region.style:
                part, weights = region.seen(tap, own, in_tap)
                target, _ = region.seen(tap, added, in_tap)
                total, gram = (slopes[key] for key in _style_keys(tap, index))
                if part.numel():
                    pulled = target.contiguous(memory_format=torch.channels_last)
                    add_sums_pullback(pulled, part, total, gram, weights)
                    if pulled is not target:
                        target.copy_(pulled)
        slope = slopes.get(SumKey("content", "squares", tap))
        if slope is not None:
            twice = 2 * float(slope)
            target = self.content[tap].at(in_tap)
            if tap in self.content_weights:
                added.add_((own - target).mul_(self.content_weights[tap].at(in_tap)), alpha=twice)
            else:
                added.add_(own, alpha=twice).sub_(target, alpha=twice)
        if added is not place:
            place.copy_(added)
        return gradient

    def pullback_to_picture(
        self,
        gradient: Tensor,
        picture: Tensor,
        config: StyleConfig,
        *,
        window: Window,
        slopes: Slopes,
    ) -> None:
        """Add ∂⟨slopes, statistics⟩/∂picture of `observe_picture` to a gradient, in place."""
        slope = slopes.get(_DIFFERENCES)
        if slope is not None:
            add_variation_pullback(gradient, picture, window, config.tv_loss, slope)
        pull = slopes.get(_TEMPORAL)
        if self.temporal is not None and pull is not None:
            self.temporal.add_pullback(gradient, picture, window, pull)

    def _content_value(self, tap: str, statistics: Sums, config: StyleConfig) -> Tensor:
        squares = statistics[SumKey("content", "squares", tap)]
        count = 2 if config.content_loss == "half_sum" else self.content[tap].count
        return squares / count

    def _style_value(self, tap: str, index: int, statistics: Sums, config: StyleConfig) -> Tensor:
        region = self.regions[index]
        picture = style_moments(statistics, tap, region.positions[tap], region=index)
        style = region.style[tap]
        if config.style_loss == "gram_paper":
            return gram_paper_loss(picture, style)
        if config.style_loss == "wasserstein":
            return wasserstein_loss(picture, style)
        if config.style_loss == "local_wasserstein":
            return local_wasserstein_loss(picture, style, region.metrics[tap])
        loss = gram_loss(picture, style)
        if config.style_loss == "gram_moments" and config.moments_weight:
            ratio = config.moments_weight / (config.style_weight or 1.0)
            loss = loss + ratio * moments_loss(picture, style)
        return loss


def layer_name(term: Term, tap: str) -> str:
    """Return the name of a layer of a term in `Balance.layers`, "content/relu4_2"."""
    return f"{term}/{tap}"


def add_style_sums(
    found: Sums,
    tap: str,
    features: Tensor,
    weights: Tensor | None = None,
    *,
    region: int = 0,
    exactly: bool,
) -> None:
    """Add the sums of features, shape (1, N, rows, w), to those that were found so far."""
    values = sums(features, weights, exactly=exactly)
    for key, value in zip(_style_keys(tap, region), values, strict=True):
        add_to(found, key, value)


def style_moments(found: Sums, tap: str, positions: float, *, region: int = 0) -> Moments:
    """Divide the sums of a tap by the number of positions."""
    total, gram = (found[key] for key in _style_keys(tap, region))
    return Moments(total / positions, gram / positions)


_DIFFERENCES = SumKey("tv", "differences")
_TEMPORAL = SumKey("temporal", "squares")


def _style_keys(tap: str, region: int) -> tuple[SumKey, SumKey]:
    return SumKey("style", "total", tap, region), SumKey("style", "gram", tap, region)


def _cropped(
    sources: Mapping[str, Source], window: Window, device: torch.device
) -> dict[str, Source]:
    """Copy what sources have at a window's inner part; what is a copy already is only moved."""
    found: dict[str, Source] = {}
    for tap, source in sources.items():
        box = window.inner_at(tap)
        if isinstance(source, Cropped) and source.box == box:
            found[tap] = replace(source, part=source.part.to(device))
        else:
            part = source.at(box).to(device).clone(memory_format=torch.channels_last)
            found[tap] = Cropped(part, box, source.count)
    return found


def _at(values: Tensor, box: Box) -> Tensor:
    return values[:, :, box.rows, box.columns]


def _by_layer(layers: tuple[str, ...], weights: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(layers, weights or (1.0,) * len(layers), strict=True))


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)
