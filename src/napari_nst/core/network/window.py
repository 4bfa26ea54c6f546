"""Windows: rectangles of a picture that are worked on one at a time.

The inner parts of a picture's windows cover it once; statistics are taken there. The outer part is
what the network has to see for that: the inner one and a halo around it, cut off at the picture's
border. Deeper layers need less of the halo: each block of the network drops what it does not need.
Interior edges of inner parts are on multiples of the deepest tap's stride, and halos of blocks that
are pooled are even: otherwise pooling would pair other pixels than it does on the whole picture.

The outer parts of a picture that wraps are not cut off: beyond the border they are the picture
again, from the opposite border on, so that all of its windows, be it only one, are inner ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

from napari_nst.settings.vgg_layers import tap_geometry

Size = tuple[int, int]


class Box(NamedTuple):
    """A rectangle, `bottom` and `right` exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def rows(self) -> slice:
        """The rows as a slice."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """The columns as a slice."""
        return slice(self.left, self.right)

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def moved(self, down: int, right: int) -> "Box":
        """Return the rectangle moved down and to the right."""
        return Box(self.top + down, self.bottom + down, self.left + right, self.right + right)

    def within(self, other: "Box") -> "Box":
        """Return the part that is in another rectangle, empty where they do not meet."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Box(top, max(top, bottom), left, max(left, right))


@dataclass(frozen=True)
class Window:
    """A part of a picture, in its pixels.

    Parameters
    ----------
    inner
        What the window accounts for.
    outer
        What has to be seen for that; it leaves the picture where that wraps.
    halo_px
        How far the deepest tap sees beyond its position.
    """

    inner: Box
    outer: Box
    halo_px: int = 0

    @classmethod
    def whole(cls, size: Size) -> Self:
        """Return the one window that covers a picture of (H, W)."""
        box = Box(0, size[0], 0, size[1])
        return cls(box, box)

    @classmethod
    def around(cls, inner: Box, size: Size, *, halo_px: int, wraps: bool = False) -> Self:
        """Return the window of an inner part in a picture of (H, W), which may wrap."""
        if wraps:
            top, bottom, left, right = inner
            wide = Box(top - halo_px, bottom + halo_px, left - halo_px, right + halo_px)
            return cls(inner, wide, halo_px)
        outer = Box(
            max(0, inner.top - halo_px),
            min(size[0], inner.bottom + halo_px),
            max(0, inner.left - halo_px),
            min(size[1], inner.right + halo_px),
        )
        return cls(inner, outer, halo_px)

    @property
    def inner_in_outer(self) -> Box:
        """The inner part, counted from the outer one's corner."""
        return self.inner.moved(-self.outer.top, -self.outer.left)

    def seen(self, stride: int) -> Box:
        """Return what the block of a stride computes, in positions of the picture there.

        What the blocks before it see beyond a position of its input is no longer part of the halo.
        """
        first = tap_geometry(f"conv{stride.bit_length()}_1")
        before_px = (first.receptive_field_px - 3 * stride) // 2
        halo = max(0, -(-(self.halo_px - before_px) // stride))
        own, within = (Box(*(edge // stride for edge in box)) for box in (self.inner, self.outer))
        return Box(
            max(within.top, own.top - halo),
            min(within.bottom, own.bottom + halo),
            max(within.left, own.left - halo),
            min(within.right, own.right + halo),
        )

    def inner_at(self, tap: str) -> Box:
        """Return the positions of a tap that the window accounts for, in the whole picture."""
        stride = tap_geometry(tap).stride_px
        return Box(*(edge // stride for edge in self.inner))

    def own(self, tap: str, rows: slice) -> tuple[Box, Box]:
        """Find the positions that the window accounts for in a strip of a tap's features.

        Parameters
        ----------
        tap
            Where the features were read.
        rows
            The strip's rows, counted at the tap from the top of what is seen there.

        Returns
        -------
        in_strip, in_tap : Box
            The positions, counted from the strip's corner and from the whole picture's. Empty
            where the strip is all halo.
        """
        stride = tap_geometry(tap).stride_px
        top, bottom, left, right = self.inner_at(tap)
        seen = self.seen(stride)
        strip_top, strip_left = seen.top + rows.start, seen.left
        first = max(top, strip_top)
        last = max(first, min(bottom, strip_top + rows.stop - rows.start))
        in_tap = Box(first, last, left, right)
        return in_tap.moved(-strip_top, -strip_left), in_tap


def halo_px(taps: Sequence[str]) -> int:
    """Return the least halo that all of a window's positions see."""
    # A position stands for stride x stride pixels, and sees as far on either side of them.
    return max((each.receptive_field_px - each.stride_px) // 2 for each in map(tap_geometry, taps))


def windows_of(
    size: Size, taps: Sequence[str], tile_px: int | None, *, wraps: bool = False
) -> list[Window]:
    """Part a picture of (H, W) into windows, row by row.

    Parameters
    ----------
    taps
        Where features are read; their strides and receptive fields decide edges and halos.
    tile_px
        The longest side of an inner part, at least the deepest stride. The sides are as equal as
        the strides allow. None, or a side as long as the picture's: one window.
    wraps
        Whether opposite borders meet; the sides are then multiples of the deepest stride.
    """
    stride = max(tap_geometry(tap).stride_px for tap in taps)
    rows, columns = (_edges(side, stride, tile_px or side) for side in size)
    halo = halo_px(taps)
    return [
        Window.around(Box(top, bottom, left, right), size, halo_px=halo, wraps=wraps)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]


def _edges(side: int, stride: int, tile_px: int) -> list[int]:
    """Cut a side into parts of at most a tile, at multiples of a stride."""
    if side <= tile_px:
        return [0, side]
    count = -(-side // max(stride, tile_px // stride * stride))
    step = -(-side // (count * stride)) * stride
    return [*range(0, side, step), side]
