"""What a forward pass keeps for the backward pass."""

from dataclasses import dataclass, field

from torch import Tensor

from napari_nst.core.network.pooling import MaxRoutes
from napari_nst.core.network.window import Size, Window


@dataclass
class Tape:
    """What one forward pass leaves for the backward pass.

    Parameters
    ----------
    window
        The picture, or which part of one it is.
    fed
        The network's input, as of `Preprocessor.to_input`.
    outputs
        Per convolution that is kept, Tensor of shape (1, N, h, w), channels last: before its ReLU
        where that is a tap, else after it.
    routes
        Per block, the sources of its max pooling.
    """

    window: Window
    fed: Tensor
    outputs: dict[str, Tensor] = field(default_factory=dict)
    routes: dict[str, MaxRoutes] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """Height and width of the picture or part."""
        return self.window.outer.size
