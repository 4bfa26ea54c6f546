"""3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3), for CPUs that train in float32.

    Y = A' [ (G w G') * (B' x B) ] A

for each tile of 4 x 4 outputs, from 6 x 6 inputs: 36 multiplications where the definition takes
144 (Lavin & Gray 2016, with their points 0, 1, -1, 2, -2). The products over channels are one
batched matrix product, which a CPU does at full speed. Unlike `core.network.winograd`, which
serves a frozen network, this one has a gradient for the kernels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

TILE = 4
Rows = tuple[tuple[float, ...], ...]
_B: Rows = (
    (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
)  # fmt: skip
_G: Rows = (
    (1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1),
)  # fmt: skip
_A: Rows = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def _transform(rows: Rows, squares: Tensor, *, transposed: bool = False) -> Tensor:
    """Transform squares, shape (s, s, ...), down and across; shape (t, t, ...)."""
    matrix = torch.tensor(rows, dtype=squares.dtype)
    matrix = matrix.T if transposed else matrix
    to, s = matrix.shape
    down = (matrix @ squares.reshape(s, -1)).view(to, s, -1)
    return torch.matmul(matrix, down).view(to, to, *squares.shape[2:])


def _inputs(x: Tensor) -> Tensor:
    """Transform the 6 x 6 patches of x, shape (n, c, h, w); shape (36, tiles, c)."""
    c, h, w = x.shape[1:]
    nhwc = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1 + -w % TILE, 1, 1 + -h % TILE))
    patches = nhwc.unfold(1, TILE + 2, TILE).unfold(2, TILE + 2, TILE)
    return _transform(_B, patches.permute(4, 5, 0, 1, 2, 3)).view(36, -1, c)


def _kernels(weight: Tensor) -> Tensor:
    """Transform kernels, shape (k, c, 3, 3); shape (36, c, k)."""
    k, c = weight.shape[:2]
    return _transform(_G, weight.permute(2, 3, 1, 0)).view(36, c, k)


def _outputs(products: Tensor, shape: torch.Size) -> Tensor:
    """Turn products, shape (36, tiles, k), into a result of n, h, w as in ``shape``."""
    n, _, h, w = shape
    k, down, across = products.shape[2], -(-h // TILE), -(-w // TILE)
    tiles = _transform(_A, products.view(6, 6, n, down, across, k))
    whole = tiles.permute(2, 3, 0, 4, 1, 5).reshape(n, down * TILE, across * TILE, k)
    return whole[:, :h, :w].permute(0, 3, 1, 2)


def _outputs_transposed(y: Tensor) -> Tensor:
    """Apply the transpose of ``_outputs`` to y, shape (n, k, h, w); shape (36, tiles, k)."""
    k, h, w = y.shape[1:]
    nhwc = F.pad(y.permute(0, 2, 3, 1), (0, 0, 0, -w % TILE, 0, -h % TILE))
    tiles = nhwc.unfold(1, TILE, TILE).unfold(2, TILE, TILE)
    return _transform(_A, tiles.permute(4, 5, 0, 1, 2, 3), transposed=True).view(36, -1, k)


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ANN401 - torch's
        inputs = _inputs(x)
        ctx.save_for_backward(inputs, weight)
        return _outputs(torch.bmm(inputs, _kernels(weight)), x.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401 - torch's
        (grad,) = grads
        inputs, weight = ctx.saved_tensors
        d_kernels = torch.bmm(inputs.transpose(1, 2), _outputs_transposed(grad))
        k, c = weight.shape[:2]
        d_weight = _transform(_G, d_kernels.view(6, 6, c, k), transposed=True).permute(3, 2, 0, 1)
        turned = weight.flip(2, 3).transpose(0, 1)  # the gradient of x is a convolution too
        d_x = _outputs(torch.bmm(_inputs(grad), _kernels(turned)), grad.shape)
        return d_x, d_weight


def convolve_winograd(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve x, shape (n, c, h, w), with kernels, shape (k, c, 3, 3), zero-padded by 1.

    Returns
    -------
    Tensor, shape (n, k, h, w), channels last in memory
    """
    result: Tensor = _Convolution.apply(x, weight)
    return result
