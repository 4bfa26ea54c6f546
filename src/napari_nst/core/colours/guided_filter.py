"""The guided filter: smooths a picture, but not across the edges of another.

In every window of (2r + 1)² pixels the output is a straight line of the guide g, fitted to p:

    a = cov(g, p) / (var(g) + ε),   b = mean(p) - a mean(g),   out = mean(a) g + mean(b)

(He, Sun & Tang, "Guided Image Filtering", ECCV 2010). Windows end at the picture's border.
"""

import torch
from torch import Tensor
from torch.nn import functional


def guided(guide: Tensor, values: Tensor, *, radius_px: int, epsilon: float) -> Tensor:
    """Smooth values where the guide is smooth; row i needs 2 `radius_px` rows on both sides.

    Parameters
    ----------
    guide : Tensor, shape (1, 1, H, W)
    values : Tensor, shape (1, C, H, W)
    radius_px
        Of the windows.
    epsilon
        Variance of the guide above which a window has an edge.
    """
    guide, values = guide.double(), values.double()  # for the running sums
    moments = [guide, guide * guide, values, guide * values]
    count = values.shape[1]
    means = _windows(torch.cat(moments, 1), radius_px)
    mean, square, level, product = torch.split(means, [1, 1, count, count], 1)
    slope = (product - mean * level) / (square - mean * mean + epsilon)
    offset = level - slope * mean
    slope, offset = torch.split(_windows(torch.cat([slope, offset], 1), radius_px), count, 1)
    return (slope * guide + offset).float()


def _windows(planes: Tensor, radius_px: int) -> Tensor:
    """Return the mean of the window around each pixel, by differences of running sums."""
    for axis in (-1, -2):
        length = planes.shape[axis]
        at = torch.arange(length, device=planes.device)
        first, last = (at - radius_px).clamp_(min=0), (at + radius_px + 1).clamp_(max=length)
        sums = functional.pad(planes.cumsum(axis), (1, 0) if axis == -1 else (0, 0, 1, 0))
        total = sums.index_select(axis, last) - sums.index_select(axis, first)
        count = (last - first).to(planes)
        planes = total / (count if axis == -1 else count[:, None])
    return planes
