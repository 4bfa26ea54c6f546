"""3x3 convolution by Winograd's minimal filtering F(4x4, 3x3), a quarter of the multiplications.

A tile of 4 x 4 outputs comes from 6 x 6 inputs d and the kernel g by

    y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A

where the product ⊙, summed over the input channels, is one matrix product for each of the 36
points. Winograd, "Arithmetic complexity of computations", 1980; Lavin & Gray, "Fast algorithms
for convolutional neural networks", 2016.

Deviation: their points are 0, ±1, ±2, ∞; here 0, 1, -1, 2, ½, ∞. This set is its own inverse
(0 ↔ ∞, 2 ↔ ½), so the kernel rotated by 180°, which the backward pass needs, has the same
transform with points 0 and ∞, and 2 and ½, exchanged: one set of numbers serves both ways. In
float32 the result differs from the direct one by about 2e-6 of its norm.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

TILE = 4
POINTS = (0, 1, 2, 3, 4, 5)
"""Places of the points 0, 1, -1, 2, ½ and ∞ in the transformed weights."""
TURNED_POINTS = (5, 1, 2, 4, 3, 0)
"""The same for the kernel rotated by 180°."""

_G = (
    (1, 0, 0),
    (-1, -1, -1),
    (1 / 9, -1 / 9, 1 / 9),
    (1 / 9, 2 / 9, 4 / 9),
    (4 / 9, 2 / 9, 1 / 9),
    (0, 0, 1),
)


def transform_weights(weight: Tensor) -> Tensor:
    """Transform kernels once, in float64.

    Parameters
    ----------
    weight : Tensor, shape (out, in, 3, 3)

    Returns
    -------
    Tensor, shape (36, in, out), in the weights' dtype
        Points along the width, then along the height.
    """
    g = torch.tensor(_G, dtype=torch.float64, device=weight.device)
    transformed = torch.einsum("ai,bj,ocij->baco", g, g, weight.to(torch.float64))
    return transformed.flatten(0, 1).to(weight.dtype).contiguous()


def convolve(
    window: Tensor,
    weights: Tensor,
    *,
    top: int,
    count: int,
    points: Sequence[int] = POINTS,
    bias: Tensor | None = None,
) -> Tensor:
    """Convolve rows of a picture, with zeros beyond its edges.

    Parameters
    ----------
    window : Tensor, shape (1, in, rows, W), channels last
        The rows that the wanted ones see, as far as the picture has them.
    weights : Tensor, shape (36, in, out)
        Of `transform_weights`; transposed in its last two for the rotated kernel.
    top
        Rows of zeros above the window, 0 or 1.
    count
        How many rows of output are wanted.
    points
        `TURNED_POINTS` for the rotated kernel.
    bias : Tensor, shape (out,)

    Returns
    -------
    Tensor, shape (1, out, count, W), channels last
    """
    down, across = -(-count // TILE), -(-window.shape[-1] // TILE)
    inputs = _transform_inputs(_phases(window, top, down, across), down, across, points)
    products = torch.bmm(inputs.flatten(0, 1).flatten(1, 2), weights)
    tiles = _transform_outputs(products.view(6, 6, down, across, -1), points)
    return _join(tiles, count, window.shape[-1], bias)


def _phases(window: Tensor, top: int, down: int, across: int) -> Tensor:
    """Split the columns by their index modulo 4, so that neighbouring tiles are contiguous.

    Returns a Tensor of shape (4 down + 2, 4, across + 1, in), zeros beyond the edges.
    """
    rows = window[0].permute(1, 2, 0)
    parted = rows.new_empty((TILE * down + 2, TILE, across + 1, rows.shape[-1]))
    parted[:top].zero_()
    parted[top + len(rows) :].zero_()
    inside = parted[top : top + len(rows)]
    for phase in range(TILE):
        columns = rows[:, (phase - 1) % TILE :: TILE]
        first = 1 if phase == 0 else 0
        inside[:, phase, :first].zero_()
        inside[:, phase, first + columns.shape[1] :].zero_()
        inside[:, phase, first : first + columns.shape[1]] = columns
    return parted


def _transform_inputs(parted: Tensor, down: int, across: int, points: Sequence[int]) -> Tensor:
    """Bᵀ d B of every tile, shape (6, 6, down, across, in)."""
    channels = parted.shape[-1]
    last = TILE * (down - 1) + 1
    half = parted.new_empty((6, down, TILE, across + 1, channels))
    _bt([parted[k : k + last : TILE] for k in range(6)], [half[k] for k in points])
    whole = parted.new_empty((6, 6, down, across, channels))
    columns = [half[:, :, k % TILE, k // TILE : k // TILE + across] for k in range(6)]
    _bt(columns, [whole[k] for k in points])
    return whole


def _transform_outputs(products: Tensor, points: Sequence[int]) -> Tensor:
    """Aᵀ m A of every tile, shape (down, 4, 4, across, out): rows, then columns by phase."""
    _, _, down, across, channels = products.shape
    half = products.new_empty((TILE, 6, down, across, channels))
    _at([products[k] for k in points], list(half))
    whole = products.new_empty((down, TILE, TILE, across, channels))
    _at([half[:, k] for k in points], list(whole.permute(1, 2, 0, 3, 4)))
    return whole


def _join(tiles: Tensor, count: int, width: int, bias: Tensor | None) -> Tensor:
    """Put the columns' phases side by side again, with the bias on top."""
    rows = tiles.flatten(0, 1)[:count]
    joined = rows.new_empty((count, width, rows.shape[-1]))
    for phase in range(TILE):
        columns = joined[:, phase::TILE]
        part = rows[:, phase, : columns.shape[1]]
        if bias is None:
            columns.copy_(part)
        else:
            torch.add(part, bias, out=columns)
    return joined.permute(2, 0, 1)[None]


def _bt(d: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Bᵀ d along the leading axis, by sums that share what they can."""
    p, q = d[4] - d[2], d[1] - d[3]
    torch.sub(d[0], d[4], out=out[0]).sub_(q, alpha=2.5)
    torch.sub(d[5], d[1], out=out[5]).sub_(p, alpha=2.5)
    torch.add(p, q, alpha=0.5, out=out[3])
    torch.add(p, q, alpha=2, out=out[4])
    torch.add(d[2], d[3], out=p)
    torch.add(d[1], d[4], out=q)
    torch.sub(q, p, alpha=1.5, out=out[1])
    torch.sub(d[2], d[3], out=p)
    torch.sub(d[4], d[1], out=q)
    torch.add(q, p, alpha=3.5, out=out[2])


def _at(m: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Aᵀ m along the leading axis, likewise; overwrites m."""
    t, u = m[1] - m[2], m[3] + m[4]
    torch.add(t, u, alpha=2, out=out[1])
    torch.add(m[5], t, out=out[3]).add_(m[3], alpha=8).add_(m[4], alpha=0.5)
    u.add_(m[1]).add_(m[2])
    torch.add(u, m[3], alpha=3, out=out[2])
    torch.add(u, m[0], out=out[0]).add_(m[4], alpha=3)
