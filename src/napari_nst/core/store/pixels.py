"""Pictures of which parts are read, wherever they lie."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from napari_nst.core.network.window import Box


class Pixels(Protocol):
    """A picture that is converted where it is read."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        ...

    def at(self, box: "Box | None" = None) -> Tensor:
        """Return a part, all of it by default, shape (1, 3, h, w), nominally in [0, 1].

        It may be a view: it is not to be changed.
        """
        ...


@dataclass(frozen=True)
class HeldPixels:
    """A picture that is one tensor.

    Parameters
    ----------
    whole : Tensor, shape (1, 3, H, W)
    """

    whole: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.whole.shape[-2], self.whole.shape[-1]

    def at(self, box: "Box | None" = None) -> Tensor:
        """Return a view of a part, or the whole."""
        return self.whole if box is None else self.whole[..., box.rows, box.columns]
