"""The loss: content, style and smoothness, as additive statistics and one small scalar.

    loss = α · b_C · Σ_l c_l · b_l · C_l + β · strength · b_S · Σ_l w_l · b_l · S_l + τ · TV

- content, P the content's features: mse C = mean (F - P)²; half_sum C = ½ Σ (F - P)²
  (Gatys 2015, equation 1)
- style: see `napari_nst.core.loss.statistics`
- smoothness, on the optimised variable v (l1) or on the picture in [0, 1] (l2):
  l1 = Σ |∂x v| + Σ |∂y v| (neural-style-pt); l2, on the picture padded by one replicated pixel,
  = 2 (d₁/3 + d₂/3 + d₃/12 + d₄/12) with d₁, d₂ the mean squared differences to the right and
  below, d₃, d₄ those along the diagonals (style-transfer-pytorch)

The statistics add up over tiles; `value` sees sums only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

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
from napari_nst.settings.config import StyleConfig, TvLoss

Sums = dict[str, Tensor]
"""Additive statistics by name, such as "content/relu4_2" or "style/relu1_1/gram"."""

Slopes = dict[str, Tensor | None]
"""∂loss/∂statistics by the same names; None where the loss does not read one."""


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


PUBLISHED = Balance()
"""The constants as published."""


@dataclass(frozen=True)
class Objective:
    """The targets of one scale.

    Parameters
    ----------
    content
        Per content layer, the content's features, Tensor of shape (1, N, h, w).
    style
        Per style layer, the style's moments.
    positions
        Per style layer, how many positions the whole picture has there.
    balance
        Fits the terms to the weights in use.
    exactly
        As in `napari_nst.core.loss.statistics.sums`.
    metrics
        Per style layer, the metric that "local_wasserstein" measures with; else empty.
    """

    content: Mapping[str, Tensor]
    style: Mapping[str, Moments]
    positions: Mapping[str, int]
    balance: Balance = PUBLISHED
    exactly: bool = False
    metrics: Mapping[str, BuresMetric] = field(default_factory=dict)

    def observe(self, found: Sums, tap: str, rows: slice, features: Tensor) -> None:
        """Add to `found` what the loss needs of rows of a tap; the rest is up to `value`."""
        if tap in self.content:
            difference = features - self.content[tap][:, :, rows]
            squares = difference.square_().sum(dtype=_wide(difference))
            _add(found, f"content/{tap}", squares)
        if tap in self.style:
            add_style_sums(found, tap, features, exactly=self.exactly)

    def value(self, statistics: Sums, config: StyleConfig) -> dict[str, Tensor]:
        """Give the weighted terms "content" and "style", each a scalar Tensor."""
        terms = {}
        if self.content:
            weight_of = _by_layer(config.content_layers, config.content_layer_weights)
            parts = [
                weight_of[tap]
                * self.balance.layers.get(f"content/{tap}", 1.0)
                * self._content_value(tap, statistics, config)
                for tap in self.content
            ]
            terms["content"] = (
                config.content_weight * self.balance.content * torch.stack(parts).sum()
            )
        if self.style:
            weight_of = _by_layer(config.style_layers, config.style_layer_weights)
            parts = [
                weight_of[tap]
                * self.balance.layers.get(f"style/{tap}", 1.0)
                * self._style_value(tap, statistics, config)
                for tap in self.style
            ]
            factor = config.style_weight * config.style_strength * self.balance.style
            terms["style"] = factor * torch.stack(parts).sum()
        return terms

    def pullback(
        self, tap: str, rows: slice, features: Tensor, gradient: Tensor | None, slopes: Slopes
    ) -> Tensor:
        """Add ∂⟨slopes, statistics⟩/∂features at rows of a tap to `gradient`, in place.

        Parameters
        ----------
        rows
            Which rows of the picture's features these are.
        features : Tensor, shape (1, N, rows, w), channels last
        gradient : Tensor or None, shape (1, N, rows, w), channels last
        slopes
            ∂loss/∂statistics.
        """
        if gradient is None:
            gradient = torch.zeros_like(features)
        if tap in self.style:
            slope = (slopes[f"style/{tap}/total"], slopes[f"style/{tap}/gram"])
            add_sums_pullback(gradient, features, *slope)
        slope_of_content = slopes.get(f"content/{tap}")
        if slope_of_content is not None:
            twice = 2 * float(slope_of_content)
            target = self.content[tap][:, :, rows]
            gradient.add_(features, alpha=twice).sub_(target, alpha=twice)
        return gradient

    def _content_value(self, tap: str, statistics: Sums, config: StyleConfig) -> Tensor:
        squares = statistics[f"content/{tap}"]
        count = 2 if config.content_loss == "half_sum" else self.content[tap].numel()
        return squares / count

    def _style_value(self, tap: str, statistics: Sums, config: StyleConfig) -> Tensor:
        picture = style_moments(statistics, tap, self.positions[tap])
        style = self.style[tap]
        if config.style_loss == "gram_paper":
            return gram_paper_loss(picture, style)
        if config.style_loss == "wasserstein":
            return wasserstein_loss(picture, style)
        if config.style_loss == "local_wasserstein":
            return local_wasserstein_loss(picture, style, self.metrics[tap])
        loss = gram_loss(picture, style)
        if config.style_loss == "gram_moments" and config.moments_weight:
            ratio = config.moments_weight / (config.style_weight or 1.0)
            loss = loss + ratio * moments_loss(picture, style)
        return loss


def add_style_sums(found: Sums, tap: str, features: Tensor, *, exactly: bool) -> None:
    """Add the sums of features, shape (1, N, rows, w), to those that were found so far."""
    total, gram = sums(features, exactly=exactly)
    _add(found, f"style/{tap}/total", total)
    _add(found, f"style/{tap}/gram", gram)


def style_moments(found: Sums, tap: str, positions: int) -> Moments:
    """Divide the sums of a tap by the number of positions."""
    total, gram = found[f"style/{tap}/total"], found[f"style/{tap}/gram"]
    return Moments(total / positions, gram / positions)


def total_variation(picture: Tensor, kind: TvLoss, maximum: float) -> Tensor:
    """Measure how rough a picture is; see this module's header.

    Parameters
    ----------
    picture : Tensor, shape (1, 3, H, W), nominally in [0, 1]
    kind
        "l1" or "l2".
    maximum
        What 1 on the picture is on the optimised variable; only "l1" is read there.
    """
    if kind == "l1":
        right = picture[..., :, 1:] - picture[..., :, :-1]
        below = picture[..., 1:, :] - picture[..., :-1, :]
        return maximum * (right.abs().sum() + below.abs().sum())
    padded = functional.pad(picture, (1, 1, 1, 1), mode="replicate")
    here = padded[..., 1:-1, 1:-1]
    right = (padded[..., 1:-1, 2:] - here).square().mean()
    below = (padded[..., 2:, 1:-1] - here).square().mean()
    falling = (padded[..., 1:, 1:] - padded[..., :-1, :-1]).square().mean()
    rising = (padded[..., 1:, :-1] - padded[..., :-1, 1:]).square().mean()
    return 2 * (right / 3 + below / 3 + falling / 12 + rising / 12)


def _by_layer(layers: tuple[str, ...], weights: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(layers, weights or (1.0,) * len(layers), strict=True))


def _add(found: Sums, name: str, value: Tensor) -> None:
    if name in found:
        found[name].add_(value)
    else:
        found[name] = value


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)
