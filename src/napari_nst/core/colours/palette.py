"""The colours that a result can be given: which picture they come from, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from napari_nst.core.colours.chroma import chroma_map
from napari_nst.core.colours.distribution import Distribution
from napari_nst.core.colours.gaussian import (
    ColourMap,
    ColourStatistics,
    colour_map,
    colour_statistics,
    colour_statistics_by_pieces,
)
from napari_nst.core.colours.guided_filter import guided
from napari_nst.core.colours.levels import level_map
from napari_nst.core.colours.oklab import to_oklab, to_rgb
from napari_nst.core.colours.painted import Painted, Rows
from napari_nst.errors import ConfigError
from napari_nst.settings.fields import Colors
from napari_nst.settings.pixels import split_rows

_WINDOWS = 128
"""A picture has so many radii of the guided filter along its longer side: 4 px at 512."""

_EDGE = 1e-4
"""Variance of lightness at an edge: a deviation of 0.01."""


@dataclass(frozen=True)
class Palette:
    """The colours that a result can be given.

    Parameters
    ----------
    content, style
        Statistics of the content as it was given, and of the styles together.
    distribution
        Of the styles together; None in records of versions that kept none.
    """

    content: ColourStatistics
    style: ColourStatistics
    distribution: Distribution | None = None

    @property
    def to_style(self) -> ColourMap:
        """The map that gives the content the style's colours."""
        return colour_map(self.content, self.style)

    def after(self, painted: Painted, colors: Colors, strength: float = 1.0) -> Rows:
        """Return the rows of a picture in the colours asked for.

        Parameters
        ----------
        painted
            The picture as the run left it.
        colors
            As in StyleConfig.
        strength
            From 0, as painted, to 1.

        Returns
        -------
        callable
            Of rows; within [0, 1] only where the colours are within sRGB's range.

        Raises
        ------
        ConfigError
            If what the colours come from is not known.
        """
        if colors in ("none", "before") or strength == 0:
            return painted.rgb
        full = self._after(painted, colors)
        if strength == 1:
            return full
        return lambda rows: torch.lerp(plain := painted.rgb(rows), full(rows).to(plain), strength)

    def _after(self, painted: Painted, colors: Colors) -> Rows:
        if colors in ("style", "content"):
            target = self.style if colors == "style" else self.content
            linear = colour_map(_statistics(painted), target)
            return lambda rows: linear(painted.rgb(rows))
        if colors == "luminance":
            return _with_chroma_of_content(painted)
        if self.distribution is None:
            raise ConfigError(
                f"the record of this result is of an earlier version, without what the colours "
                f"“{colors}” need of the style; run it again"
            )
        if colors == "histogram":
            levels = level_map(painted.small_pieces(), self.distribution.levels)
            return _by_pieces(painted, lambda rows: levels(painted.rgb(rows)))
        chroma = chroma_map(painted.small_pieces(), self.distribution.chroma)
        return _by_pieces(painted, lambda rows: _with_chroma(painted, chroma, rows))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, as a record keeps them."""
        parts = {"content": self.content, "style": self.style, "distribution": self.distribution}
        return {name: part.to_dict() for name, part in parts.items() if part is not None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what `to_dict` returned; raises KeyError, TypeError or ValueError otherwise."""
        content, style = (ColourStatistics.from_dict(values[name]) for name in ("content", "style"))
        known = "distribution" in values
        return cls(
            content, style, Distribution.from_dict(values["distribution"]) if known else None
        )


def _statistics(painted: Painted) -> ColourStatistics:
    """Measure a picture; at once where it is one part, as versions before 2026-12 did."""
    if len(painted.parts) > 1:
        return colour_statistics_by_pieces(painted.pieces())
    ((rgb, alpha),) = painted.pieces()
    return colour_statistics(rgb, alpha)


def _with_chroma_of_content(painted: Painted) -> Rows:
    """Return the painted lightness with the content's chroma (Gatys et al. 2017, in Oklab)."""
    content = painted.content
    if content is None:
        raise ConfigError(
            "the content of this result is not at hand, whose colours “luminance” takes pixel by "
            "pixel; run it again, or choose “content”"
        )

    def part(rows: slice) -> Tensor:
        lab = to_oklab(painted.rgb(rows))
        return to_rgb(torch.cat([lab[:, :1], to_oklab(content(rows)).to(lab)[:, 1:]], 1))

    return _by_pieces(painted, part)


def _with_chroma(painted: Painted, chroma: Callable[[Tensor], Tensor], rows: slice) -> Tensor:
    """Map the chroma of some rows; lightness stays, and guides the smoothing."""
    radius_px = max(1, round(max(painted.size) / _WINDOWS))
    above = min(rows.start, 2 * radius_px)
    read = slice(rows.start - above, min(rows.stop + 2 * radius_px, painted.size[0]))
    lab = to_oklab(painted.rgb(read))
    light = lab[:, :1]
    smooth = guided(light, chroma(lab[:, 1:]), radius_px=radius_px, epsilon=_EDGE)
    mapped = torch.cat([light, smooth], 1)
    return to_rgb(mapped[..., above : above + rows.stop - rows.start, :])


def _by_pieces(painted: Painted, part: Rows) -> Rows:
    """Compute rows piece by piece: the steps between take far more memory than the rows."""

    def recoloured(rows: slice) -> Tensor:
        pieces = [part(piece) for piece in split_rows(rows, painted.size[1])]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, 2)

    return recoloured
