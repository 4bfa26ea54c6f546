"""A preconditioner for L-BFGS: steps in z, where the picture is x = x₀ + L z.

    L = B + ε 1,   B = [1 2 1; 2 4 2; 1 2 1] / 16,   ∂/∂z = L ∂/∂x,   Δx = L Δz

The curvature of the losses is far larger along a picture's finest detail than elsewhere: on the
built-in features, halfway through a run at 512 px, it is 25 to 100 times as large near the highest
frequency as at a quarter of it (the mean of δᵀ(g(x + δ) - g(x - δ))/2|δ|² over noise δ of a
hundredth, by frequency), so steps that suit the one are too short for the other. The Hessian in z
is L times that in x times L, so the highest frequency's curvature falls by (ε / (1 + ε))², to a
nineteenth relative to the lowest's. L is invertible: the minima of a loss stay where they were,
where nothing is clamped. A clamp cuts steps off in x, as it does without.

"wide" has, at scales whose longest side is below 400 px, two more terms: L = B + ε 1 + K₃K₃ + K₇K₇,
K_n the mean over n x n pixels with zeros beyond the border. Coarse scales are where large masses
and long strokes form; at 512 px and a dozen steps the same L leaves a ripple 8 px wide.

A change of variables by a fixed matrix: Nocedal & Wright, "Numerical Optimization", chapter 5.1
(preconditioning).
"""

from functools import partial
from typing import Literal

from torch import Tensor
from torch.nn import functional

from napari_nst.core.store.store import Store, block
from napari_nst.core.store.wrapping import wrapped_rows

Smoothing = Literal["binomial", "wide"]

_WIDE_BELOW_PX = 400
_BOX_SIDES = (3, 7)
_REST = 0.3
"""ε: 0.2 to 0.5 were alike within a step in twenty."""


def smoothed_by_blocks(
    picture: Tensor, kind: Smoothing, store: Store, *, wraps: bool = False
) -> Tensor:
    """Multiply a picture, which may wrap, by L, block by block with rows of its neighbours."""
    height = picture.shape[-2]
    if wraps:
        return _smoothed_around(picture, store, wide=is_wide(picture, kind))
    if is_wide(picture, kind):  # small: a coarse scale
        return smoothed(picture, kind)

    def part(rows: slice) -> Tensor:
        top, bottom = max(0, rows.start - 1), min(height, rows.stop + 1)
        seen = smoothed(picture[..., top:bottom, :], "binomial")
        return seen[..., rows.start - top : rows.stop - top, :]

    return store.build(tuple(picture.shape), picture.dtype, part)


def _smoothed_around(picture: Tensor, store: Store, *, wide: bool) -> Tensor:
    """Multiply a picture that wraps by L: beyond its border is the opposite one."""
    reach = 2 * (max(_BOX_SIDES) // 2) if wide else 1
    size, read = (picture.shape[-2], picture.shape[-1]), partial(block, picture)

    def part(rows: slice) -> Tensor:
        seen = wrapped_rows(read, size, slice(rows.start - reach, rows.stop + reach), reach)
        return _smoothed(seen, wide=wide)[..., reach:-reach, reach:-reach]

    return store.build(tuple(picture.shape), picture.dtype, part)


def is_wide(picture: Tensor, kind: Smoothing) -> bool:
    """Return whether L has the two further terms for a picture."""
    return kind == "wide" and max(picture.shape[-2:]) < _WIDE_BELOW_PX


def smoothed(picture: Tensor, kind: Smoothing = "binomial") -> Tensor:
    """Multiply a picture by L, which is symmetric and positive definite.

    Parameters
    ----------
    picture : Tensor, shape (1, C, H, W)
        For B its border pixels are repeated beyond it.
    kind
        Which L.

    Returns
    -------
    Tensor, shape and dtype as `picture`
    """
    return _smoothed(picture, wide=is_wide(picture, kind))


def _smoothed(picture: Tensor, *, wide: bool) -> Tensor:
    total = _binomial(_binomial(picture, -1), -2).add_(picture, alpha=_REST)
    if wide:
        for side in _BOX_SIDES:
            total.add_(_box_mean(_box_mean(picture, side), side))
    return total


def _box_mean(picture: Tensor, side: int) -> Tensor:
    """Average over side x side pixels, zeros beyond the border."""
    return functional.avg_pool2d(picture, side, stride=1, padding=side // 2)


def _binomial(picture: Tensor, dim: int) -> Tensor:
    """Average with the neighbours along an axis, by [1 2 1] / 4."""
    last = picture.shape[dim] - 1
    total = 2 * picture
    for rows, from_rows in ((1, 0), (0, 1)):
        total.narrow(dim, rows, last).add_(picture.narrow(dim, from_rows, last))
    for end in (0, last):
        total.narrow(dim, end, 1).add_(picture.narrow(dim, end, 1))
    return total.div_(4)
