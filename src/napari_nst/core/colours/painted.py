"""A painted picture as it is read to be given other colours: by rows, with the content beside."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from napari_nst.settings.pixels import split_rows

Rows = Callable[[slice], Tensor]
"""Returns some rows of a picture, shape (1, 3, rows, W)."""


@dataclass(frozen=True)
class Painted:
    """A picture as the run left it.

    Parameters
    ----------
    size
        Height and width.
    parts
        The rows that are in memory at a time; all at once where the picture is.
    rgb, content
        The picture and the content at its size; no content where it is not known.
    alpha
        Returns rows of the opacity, shape (1, 1, rows, W), or None where there is none.
    """

    size: tuple[int, int]
    parts: Sequence[slice]
    rgb: Rows
    alpha: Callable[[slice], Tensor | None]
    content: Rows | None

    @classmethod
    def whole(
        cls, rgb: Tensor, alpha: Tensor | None = None, content: Callable[[], Tensor] | None = None
    ) -> "Painted":
        """Describe a picture in memory.

        Parameters
        ----------
        rgb : Tensor, shape (1, 3, H, W)
        alpha : Tensor, shape (1, 1, H, W)
        content
            Returns the content at this size.
        """
        size = rgb.shape[-2], rgb.shape[-1]
        beside = None if content is None else cache(content)  # read once, if at all
        return cls(
            size,
            [slice(0, size[0])],
            lambda rows: rgb[..., rows, :],
            lambda rows: None if alpha is None else alpha[..., rows, :],
            None if beside is None else lambda rows: beside()[..., rows, :],
        )

    def pieces(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield rgb and alpha of each part."""
        for rows in self.parts:
            yield self.rgb(rows), self.alpha(rows)

    def small_pieces(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield the same in pieces that take little memory beside a picture in memory."""
        for part in self.parts:
            for rows in split_rows(part, self.size[1]):
                yield self.rgb(rows), self.alpha(rows)
