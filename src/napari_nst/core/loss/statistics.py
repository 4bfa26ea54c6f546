"""Style as additive statistics of features, and the small scalars made of them.

For N channels over M positions, F the N x M features: s = Σ F (N,), G = F Fᵀ (N, N). Both are
sums over positions, so tiles and machines simply add them. From the means μ = s/M and
R = G/M come, for picture and style (index s), in PRESETS.md's notation:

- gram: S = Σ (R - R_s)² / N⁴ (the authors' code)
- gram_paper: Σ (R - R_s)² / (4 N²) = N²/4 · S; for equal sizes Σ (G - A)² / (4 N² M²), Gatys,
  Ecker & Bethge, "A neural algorithm of artistic style", 2015, equation 4
- gram_moments: S, and means and deviations, each by mean square
- wasserstein: mean (μ - μ_s)² + mean diag (Σ_s + Σ - 2 (Σ_s^½ Σ Σ_s^½)^½), Σ = R - μμᵀ + 1e-4 I
- local_wasserstein: the same to second order, see `napari_nst.core.loss.bures`
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from napari_nst.core.loss.matrix_root import matrix_square_root

_CHUNK_POSITIONS = 1 << 16
_NARROW_CHANNELS = 4096
_NARROW_POSITIONS = 64
_COVARIANCE_FLOOR = 1e-4
_DEVIATION_FLOOR = 1e-8


@dataclass(frozen=True)
class Moments:
    """First and second moments of features.

    Parameters
    ----------
    mean : Tensor, shape (N,)
        μ, over positions.
    second : Tensor, shape (N, N)
        R, over positions.
    """

    mean: Tensor
    second: Tensor

    @cached_property
    def root(self) -> Tensor:
        """Σ^½ by `matrix_square_root`, shape (N, N); read for styles only, so computed once."""
        return matrix_square_root(self.floored_covariance)

    @property
    def covariance(self) -> Tensor:
        """R - μμᵀ, biased; shape (N, N)."""
        return self.second - torch.outer(self.mean, self.mean)

    @property
    def floored_covariance(self) -> Tensor:
        """Σ of "wasserstein", with a floor that keeps it invertible; shape (N, N)."""
        identity = torch.eye(len(self.mean), dtype=self.mean.dtype, device=self.mean.device)
        return self.covariance + _COVARIANCE_FLOOR * identity


def flat(features: Tensor) -> Tensor:
    """View channels-last features of shape (1, N, h, w) as (M, N)."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def sums(
    features: Tensor, weights: Tensor | None = None, *, exactly: bool = False
) -> tuple[Tensor, Tensor]:
    """Add up s (N,) and G (N, N) in float32 at least, in pieces so that memory stays small.

    16-bit features are multiplied as they are, which takes a quarter of the time. The products
    are accumulated in float32 by the hardware but returned with 8 bits, so the positions are
    split, into 8 parts for 512 channels, 64 for 64, and these added in float32: s and G are within
    1e-3 of their norms.

    Parameters
    ----------
    features : Tensor, shape (1, N, h, w)
    weights : Tensor, shape (1, 1, h, w)
        How much each position counts, s = F w and G = F diag(w) Fᵀ; 1 by default.
    exactly
        Multiply 16-bit features in float32 too: roundings that depend on the part make G - s sᵀ/M
        no covariance any more, and its square root diverges.
    """
    rows = flat(features)
    weighted = rows if weights is None else flat(weights).to(rows.dtype) * rows
    wide = torch.promote_types(rows.dtype, torch.float32)
    channels = rows.shape[1]
    total = rows.new_zeros(channels, dtype=wide)
    gram = rows.new_zeros((channels, channels), dtype=wide)
    count = max(1, _NARROW_CHANNELS // channels)
    part = len(rows) // count
    if not exactly and rows.dtype != wide and part >= _NARROW_POSITIONS:
        left, right = (each[: part * count].view(count, part, -1) for each in (rows, weighted))
        gram += torch.bmm(left.transpose(1, 2), right).sum(0, dtype=wide)
        total += torch.bmm(right.new_ones(count, 1, part), right).sum((0, 1), dtype=wide)
        rows, weighted = rows[part * count :], weighted[part * count :]
    pieces = (torch.split(each, _CHUNK_POSITIONS) for each in (rows, weighted))
    for left, right in zip(*pieces, strict=True):
        values = right.to(wide)
        total += values.sum(0)
        gram.addmm_((values if weights is None else left.to(wide)).T, values)
    return total, gram


def add_sums_pullback(
    gradient: Tensor,
    features: Tensor,
    d_total: Tensor | None,
    d_gram: Tensor | None,
    weights: Tensor | None = None,
) -> None:
    """Add ∂⟨d, sums⟩ / ∂features to a gradient, in place.

    Parameters
    ----------
    gradient, features : Tensor, shape (1, N, h, w), channels last
    d_total : Tensor, shape (N,)
    d_gram : Tensor, shape (N, N)
        Each None where the loss does not read these sums.
    weights
        As of `sums`.
    """
    rows, values = gradient.permute(0, 2, 3, 1).view(-1, gradient.shape[1]), flat(features)
    per_row = None if weights is None else flat(weights).to(values.dtype)
    if d_gram is not None:
        values = values if per_row is None else per_row * values
        rows.addmm_(values, (d_gram + d_gram.T).to(values.dtype))
    if d_total is not None:
        added = d_total.to(values.dtype)
        rows.add_(added if per_row is None else per_row * added)


def blend(parts: Sequence[Moments], shares: Sequence[float]) -> Moments:
    """Average the moments of several styles by shares that sum to 1; R is blended, not Σ."""
    used = [(part, share) for part, share in zip(parts, shares, strict=True) if share]
    if len(used) == 1:
        return used[0][0]  # itself, with the root that it may have
    means, seconds = (
        torch.stack([getattr(part, name) * share for part, share in used]).sum(0)
        for name in ("mean", "second")
    )
    return Moments(means, seconds)


def gram_loss(picture: Moments, style: Moments) -> Tensor:
    """S of this module's header."""
    channels = len(style.mean)
    return (picture.second - style.second).square().sum() / channels**4


def gram_paper_loss(picture: Moments, style: Moments) -> Tensor:
    """Gatys' equation 4, N²/4 · S."""
    return gram_loss(picture, style) * len(style.mean) ** 2 / 4


def moments_loss(picture: Moments, style: Moments) -> Tensor:
    """Mean squares of the differences of means and of deviations, added."""
    d_mean = (picture.mean - style.mean).square().mean()
    return d_mean + (_deviation(picture) - _deviation(style)).square().mean()


def wasserstein_loss(picture: Moments, style: Moments) -> Tensor:
    """Squared Wasserstein-2 distance of the two Gaussians, a channel's share of it."""
    covariance = picture.floored_covariance
    cross = matrix_square_root(style.root @ covariance @ style.root)
    spread = (style.floored_covariance + covariance - 2 * cross).diagonal().mean()
    return (picture.mean - style.mean).square().mean() + spread


def _deviation(part: Moments) -> Tensor:
    variance = part.second.diagonal() - part.mean.square()
    return (variance.clamp(min=0) + _DEVIATION_FLOOR).sqrt()
