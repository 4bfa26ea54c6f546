"""What one forward pass of the network leaves for its backward pass."""

from dataclasses import dataclass, field

from torch import Tensor

from napari_nst.core.network.pooling import MaxRoutes


@dataclass
class Tape:
    """What one forward pass leaves for the backward pass.

    Parameters
    ----------
    size
        Height and width of the picture.
    fed
        The network's input, as of `Feed.to_input`.
    outputs
        Per convolution that is kept, Tensor of shape (1, N, h, w), channels last: before its ReLU
        where that is a tap, else behind it.
    routes
        Per block, the sources of its max pooling.
    """

    size: tuple[int, int]
    fed: Tensor
    outputs: dict[str, Tensor] = field(default_factory=dict)
    routes: dict[str, MaxRoutes] = field(default_factory=dict)
