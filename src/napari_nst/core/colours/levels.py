"""Histogram matching per channel: each channel of a picture gets the distribution of another's.

    y = Q_t(F(x)),   F the cumulative histogram of the source, Q_t the quantiles of the target

Both are piecewise linear: values spread evenly over their bin. The optimal transport on a line.
"""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Numbers = npt.NDArray[np.float64]
Pieces = Iterable[tuple[Tensor, Tensor | None]]
"""Pairs of rgb, shape (1, 3, H, W), and alpha, shape (1, 1, H, W) or None; each pixel in one."""

LEVELS = 256
_FINE = 4096
"""Bins of the painted picture, whose values are no levels of 8 bits."""

_STEPS = 4 * _FINE
"""Of the table that a map becomes."""

_TRANSPARENT = 1e-9
"""Weight of a transparent pixel beside 1 of an opaque one."""

_HALF_BIN = 0.499
"""So that a value at the end of a bin is rounded to its own level."""


def level_shares(pieces: Pieces, bins: int = LEVELS) -> Numbers:
    """Measure which share of a picture has each level, shape (3, bins), opaque pixels alone.

    Parameters
    ----------
    pieces
        Of a picture with values in [0, 1], others are clamped.
    bins
        Bin k has the values that round to k / (bins - 1).
    """
    sums = np.zeros((3, bins))
    for rgb, alpha in pieces:
        planes = rgb.detach()[0].flatten(1).cpu().double()
        places, weights = (planes.clamp(0, 1) * (bins - 1)).round().long(), pixel_weights(alpha)
        for channel, row in enumerate(places.numpy()):
            sums[channel] += np.bincount(row, weights, minlength=bins)
    shares: Numbers = sums / sums.sum(1, keepdims=True)
    return shares


def pixel_weights(alpha: Tensor | None) -> Numbers | None:
    """Return how much each pixel counts; where all are transparent, all count alike."""
    return None if alpha is None else alpha.flatten().cpu().double().numpy() + _TRANSPARENT


def level_map(pieces: Pieces, target: Numbers) -> Callable[[Tensor], Tensor]:
    """Find the map that gives a picture a target's histograms.

    Parameters
    ----------
    pieces
        Of the picture.
    target : array, shape (3, LEVELS)
        As `level_shares` returns it.

    Returns
    -------
    callable
        Maps a part of shape (1, 3, H, W) to float32 values in [0, 1].
    """
    at = np.linspace(0, 1, _STEPS + 1)
    tables = []
    for source, wanted in zip(level_shares(pieces, _FINE), target, strict=True):
        levels, below = _cumulative(wanted)
        tables.append(np.interp(np.interp(at, *_cumulative(source)), below, levels))
    return partial(_looked_up, torch.from_numpy(np.stack(tables)).float().clamp_(0, 1))


def _looked_up(tables: Tensor, rgb: Tensor) -> Tensor:
    """Interpolate a table a channel, of values at equal steps from 0 to 1."""
    places = rgb.detach()[0].flatten(1).float().clamp(0, 1) * _STEPS
    lower = places.long().clamp_(max=_STEPS - 1)
    tables = tables.to(rgb.device)
    values = torch.lerp(tables.gather(1, lower), tables.gather(1, lower + 1), places - lower)
    return values.view(rgb.shape)


def _cumulative(shares: Numbers) -> tuple[Numbers, Numbers]:
    """Return the ends of the bins that are not empty, and the share below each."""
    levels = np.flatnonzero(shares)
    above = np.cumsum(shares[levels])
    ends = levels[:, None] + np.array([-_HALF_BIN, _HALF_BIN])
    below = np.stack([above - shares[levels], above], 1)
    return ends.ravel() / (len(shares) - 1), below.ravel() / above[-1]
