"""2x2 pooling, strip by strip, and its backward pass.

- max: keeps one whole number for each result, its source; -1 where the ReLU cut the source off
- average, and average_x2 with twice its result
- l2: 0.78 sqrt(Σ x²) of the four, scaled like an average of the same energy
"""

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.config import Pooling

_GAIN = {"average": 1.0, "average_x2": 2.0, "l2": 0.78}

aten = torch.ops.aten


def pool(flow: Tensor, kind: Pooling) -> Tensor:
    """Pool rows of features.

    Parameters
    ----------
    flow : Tensor, shape (1, N, h, w), channels last

    Returns
    -------
    Tensor, shape (1, N, h // 2, w // 2)
    """
    if kind == "max":
        return functional.max_pool2d(flow, 2)
    if kind == "l2":
        return (4 * functional.avg_pool2d(flow.square(), 2)).sqrt_().mul_(_GAIN[kind])
    return functional.avg_pool2d(flow, 2).mul_(_GAIN[kind])


def unpool(gradient: Tensor, flow: Tensor, kind: Pooling) -> Tensor:
    """Carry a gradient back through `pool` of average or l2 kind.

    Parameters
    ----------
    gradient : Tensor, shape (1, N, h // 2, w // 2)
    flow : Tensor, shape (1, N, h, w)
        What was pooled.
    """
    gain = _GAIN[kind]
    if kind == "l2":
        energy = functional.avg_pool2d(flow.square(), 2)
        slope = gradient * (2 * gain) / energy.sqrt()
        slope.masked_fill_(energy == 0, 0)
        return _spread(slope, flow).mul_(flow)
    return _spread(gradient, flow).mul_(gain)


class MaxRoutes:
    """Where the results of a max pooling came from: all that its backward pass needs.

    Parameters
    ----------
    channels, height, width
        Of what is pooled, after its ReLU.
    """

    def __init__(self, channels: int, height: int, width: int, device: torch.device) -> None:
        shape = (1, channels, height // 2, width // 2)
        self._sources = torch.empty(
            shape, dtype=torch.int32, device=device, memory_format=torch.channels_last
        )
        self._size = height, width

    def pool(self, flow: Tensor, rows: slice) -> Tensor:
        """Pool a strip into these rows of the result, and remember their sources."""
        pooled: Tensor
        pooled, sources = aten.max_pool2d_with_indices(flow, [2, 2], [2, 2])
        sources.add_(2 * rows.start * self._size[1]).masked_fill_(pooled <= 0, -1)
        self._sources[:, :, rows] = sources
        return pooled

    def unpool(self, gradient: Tensor, rows: tuple[int, int]) -> Tensor:
        """Carry a gradient back to rows of what was pooled, and through its ReLU.

        Parameters
        ----------
        gradient : Tensor, shape (1, N, h // 2, w // 2)
            At the pooled features, all rows.
        rows
            First, and one behind the last.

        Returns
        -------
        Tensor, shape (1, N, rows, w)
        """
        height, width = self._size
        first, last = rows[0] // 2, min(height // 2, -(-rows[1] // 2))
        sources = self._sources[:, :, first:last].to(torch.int64).sub_(2 * first * width)
        is_cut = sources < 0
        # not masked_fill, which loses the order of the channels of a part of a tensor
        arriving = torch.where(is_cut, gradient.new_zeros(()), gradient[:, :, first:last])
        shape = (1, gradient.shape[1], max(2 * last, rows[1]) - 2 * first, width)
        like = torch.empty(
            shape, dtype=gradient.dtype, device=gradient.device, memory_format=torch.channels_last
        )
        spread: Tensor = aten.max_pool2d_with_indices_backward(
            arriving, like, [2, 2], [2, 2], [0, 0], [1, 1], False, sources.masked_fill_(is_cut, 0)
        )
        return spread[:, :, rows[0] - 2 * first : rows[1] - 2 * first]


def _spread(gradient: Tensor, like: Tensor) -> Tensor:
    """Back-propagate a 2x2 average pooling of `like`."""
    kernel, no_edge = [2, 2], [0, 0]
    spread: Tensor = aten.avg_pool2d_backward(
        gradient, like, kernel, kernel, no_edge, False, True, None
    )
    return spread
