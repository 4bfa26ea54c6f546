"""Total variation: sums that windows with a halo of one pixel add up to, and their gradient.

On the optimised variable v (l1) or on the picture in [0, 1] (l2):

    l1 = Σ |∂x v| + Σ |∂y v|                    (neural-style-pt)
    l2 = 2 (d₁/3 + d₂/3 + d₃/12 + d₄/12)        (style-transfer-pytorch)

with d₁, d₂ the mean squared differences to the right and below, d₃, d₄ those along the diagonals,
on the picture padded by one replicated pixel. The gradient needs no autograd: a difference pulls
at its two pixels, by its sign or by twice itself.
"""

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.network.window import Box, Size, Window
from napari_nst.settings.fields import TvLoss

_CHANNELS = 3

_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
_RIGHT = ((_ALL, _LAST), (_ALL, _FIRST))
_BELOW = ((_LAST, _ALL), (_FIRST, _ALL))
_DIAGONALS = (((_LAST, _LAST), (_FIRST, _FIRST)), ((_LAST, _FIRST), (_FIRST, _LAST)))

_Pair = tuple[tuple[slice, slice], tuple[slice, slice]]


def variation_sums(picture: Tensor, window: Window, kind: TvLoss) -> Tensor:
    """Add up the differences that belong to a window.

    Parameters
    ----------
    picture : Tensor, shape (1, 3, h, w), nominally in [0, 1]
        The window's outer part, with a halo of one pixel or more inside of the whole picture.

    Returns
    -------
    Tensor, shape (1,) or (2,)
        "l1": Σ |d| to the right and below. "l2": Σ d² of these, and Σ d² along the diagonals.
    """
    block, own, edges = _block(picture, window)
    # Neighbours belong to the window of the first of the two.
    right = _difference(block[..., own.rows, own.left :], _RIGHT)
    below = _difference(block[..., own.top :, own.columns], _BELOW)
    if kind == "l1":
        return (right.abs().sum() + below.abs().sum())[None]
    # Four pixels belong to the window of the last of them, and at the border to the first window.
    padded = functional.pad(block, edges, mode="replicate")[..., own.top :, own.left :]
    falling, rising = (_difference(padded, pair).square().sum() for pair in _DIAGONALS)
    return torch.stack([right.square().sum() + below.square().sum(), falling + rising])


def variation(sums: Tensor, size: Size, kind: TvLoss, maximum: float) -> Tensor:
    """Compute the total variation of a picture of (H, W) from its sums.

    Parameters
    ----------
    sums
        Of `variation_sums`, added up over all windows.
    maximum
        What 1 on the picture is on the optimised variable; read by "l1" only.
    """
    if kind == "l1":
        return maximum * sums[0]
    height, width = size
    sides, diagonals = _CHANNELS * height * width, _CHANNELS * (height + 1) * (width + 1)
    return 2 * (sums[0] / (3 * sides) + sums[1] / (12 * diagonals))


def add_variation_pullback(
    gradient: Tensor, picture: Tensor, window: Window, kind: TvLoss, slopes: Tensor
) -> None:
    """Add ∂⟨slopes, sums⟩/∂picture at the window's inner part to a gradient, in place.

    The sums are those of the whole picture: differences to pixels of the halo count.

    Parameters
    ----------
    gradient, picture : Tensor, shape (1, 3, h, w)
        On the window's outer part.
    slopes
        ∂loss/∂sums.
    """
    block, own, edges = _block(picture, window)
    pull = _pull(block, (_RIGHT, _BELOW), kind).mul_(slopes[0])
    if kind == "l2":
        padded = functional.pad(block, edges, mode="replicate")
        diagonal = _pull(padded, _DIAGONALS, kind).mul_(slopes[1])
        pull += torch.ops.aten.replication_pad2d_backward(diagonal, block, edges)
    inner = window.inner_in_outer
    gradient[..., inner.rows, inner.columns] += pull[..., own.rows, own.columns]


def _block(picture: Tensor, window: Window) -> tuple[Tensor, Box, list[int]]:
    """Cut out a window's inner part and one pixel of its halo.

    Returns
    -------
    block, own, edges
        The pixels; where the inner part is in there; and how many pixels the halo lacks, at the
        picture's border, on the left, right, top and bottom.
    """
    inner = window.inner_in_outer
    top, left = max(0, inner.top - 1), max(0, inner.left - 1)
    block = picture[..., top : inner.bottom + 1, left : inner.right + 1]
    own = inner.moved(-top, -left)
    height, width = block.shape[-2:]
    return block, own, [1 - own.left, 1 - width + own.right, 1 - own.top, 1 - height + own.bottom]


def _difference(picture: Tensor, pair: _Pair) -> Tensor:
    second, first = pair
    return picture[(..., *second)] - picture[(..., *first)]


def _pull(picture: Tensor, pairs: tuple[_Pair, ...], kind: TvLoss) -> Tensor:
    """Compute the gradient of Σ |d| or Σ d² over pairs of pixels."""
    total = torch.zeros_like(picture)
    for second, first in pairs:
        difference = _difference(picture, (second, first))
        slope = difference.sign_() if kind == "l1" else difference.mul_(2)
        total[(..., *second)] += slope
        total[(..., *first)] -= slope
    return total
