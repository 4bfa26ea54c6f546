"""Chroma matching: the (a, b) of Oklab of a picture get the distribution of another's.

The distributions are weighted points, the means of the chroma within squares of a grid. They are
matched by sliced optimal transport (Pitié, Kokaram & Dahyot, "N-dimensional probability density
function transfer", ICCV 2005; Bonneel et al. 2015): along one direction after another the source's
points move as the optimal transport of the projections says. The nodes of the grid move along,
and between nodes the map is bilinear. Then the new chroma is smoothed by the guided filter with
the lightness as the guide: a map may spread what the eye saw as one colour, as noise; edges hold.

Deviations: directions come in a fixed order (the golden angle), so that runs repeat.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.colours.levels import Pieces, pixel_weights
from napari_nst.core.colours.oklab import to_oklab

Numbers = npt.NDArray[np.float64]

CHROMA_LIMIT = 0.32
"""sRGB's chroma is within: a from -0.24 to 0.28, b from -0.32 to 0.20."""

_CELL = 0.01
"""Side of the grid's squares; an eye tells differences of 0.02 apart."""

_NODES = 2 * round(CHROMA_LIMIT / _CELL) + 1
_TURNS = 16
_GOLDEN = (math.sqrt(5) - 1) / 2


def chroma_points(pieces: Pieces) -> Numbers:
    """Measure which share of a picture has which chroma, opaque pixels alone.

    Returns
    -------
    array, shape (N, 3)
        Share, a and b of each square of the grid that is not empty; shares add up to 1.
    """
    sums = np.zeros((_NODES**2, 3))
    for rgb, alpha in pieces:
        chroma = to_oklab(rgb)[0, 1:].flatten(1).cpu().double().numpy()
        columns, rows = np.rint(chroma / _CELL).astype(np.int64) + _NODES // 2
        places = rows * _NODES + columns
        weights = 1.0 if (found := pixel_weights(alpha)) is None else found
        for each, values in enumerate((np.ones(places.shape), *chroma)):
            sums[:, each] += np.bincount(places, weights * values, minlength=_NODES**2)
    filled = sums[sums[:, 0] > 0]
    filled[:, 1:] /= filled[:, :1]
    filled[:, 0] /= filled[:, 0].sum()
    return filled


def chroma_map(pieces: Pieces, target: Numbers) -> Callable[[Tensor], Tensor]:
    """Find the map that gives a picture a target's chroma.

    Parameters
    ----------
    pieces
        Of the picture.
    target : array, shape (N, 3)
        As `chroma_points` returns it.

    Returns
    -------
    callable
        Maps the chroma of a part, shape (1, 2, H, W), float32.
    """
    at = np.linspace(-CHROMA_LIMIT, CHROMA_LIMIT, _NODES)
    nodes = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
    moved = transported(nodes, chroma_points(pieces), target).reshape(_NODES, _NODES, 2)
    return partial(_looked_up, torch.from_numpy(moved).float().permute(2, 0, 1)[None])


def transported(places: Numbers, source: Numbers, target: Numbers) -> Numbers:
    """Move places as the sliced optimal transport from source to target moves what is there.

    Parameters
    ----------
    places : array, shape (M, 2)
    source, target : array, shape (N, 3)
        Share and place of each point.

    Returns
    -------
    array, shape (M, 2)
    """
    moved = np.concatenate([source[:, 1:], places])
    for turn in range(_TURNS):
        angle = turn * _GOLDEN * math.pi / 2
        first = np.array([math.cos(angle), math.sin(angle)])
        for direction in (first, np.array([-first[1], first[0]])):
            along = moved @ direction
            own, own_shares = _quantiles(along[: len(source)], source[:, 0])
            goals, goal_shares = _quantiles(target[:, 1:] @ direction, target[:, 0])
            reached = np.interp(own_shares, goal_shares, goals)
            # Beyond the source's ends there is only the rest of a square: it goes where they go.
            moved += np.outer(np.interp(along, own, reached) - along, direction)
    result: Numbers = moved[len(source) :]
    return result


def _quantiles(values: Numbers, shares: Numbers) -> tuple[Numbers, Numbers]:
    """Return values in order, and the share below the middle of each."""
    order = np.argsort(values, kind="stable")
    return values[order], np.cumsum(shares[order]) - shares[order] / 2


def _looked_up(table: Tensor, chroma: Tensor) -> Tensor:
    """Interpolate a table over the grid, shape (1, 2, nodes, nodes), at each pixel's chroma."""
    at = (chroma / CHROMA_LIMIT).permute(0, 2, 3, 1)  # columns are a, rows are b
    return functional.grid_sample(table.to(chroma), at, align_corners=True, padding_mode="border")
