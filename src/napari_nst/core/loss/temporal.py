"""The temporal term: where a frame's result should equal earlier results, warped to it.

    temporal = γ · 1/(3HW) · Σ_x c(x) · |v(x) - t(x)|²,    γ = 1000

on the network's input of 0 to 255 (`-temporal_weight` of github.com/manuelruder/artistic-videos,
WeightedContentLoss: a mean over 3HW values). v is the picture, t an earlier result warped along the
flow of the input frames, c(x) in [0, 1] how far that flow can be relied on.

Several earlier frames j, nearest first, share a pixel: c_j = max(0, c_j - Σ_{k<j} c_k) (Ruder et
al. 2016, equation 12; "closestFirst"). With c_j of 0 or 1 one frame at most counts at a pixel, so
one target is enough for all of them.

Deviations: where the terms were fitted to other weights than the published ones (`core.balance`),
the term gets the factor 0.03. Measured there, on the preset "default", the built-in features and
synthetic frames of 96 px, as parts of what frames stylized alone have:

    factor    warping error    style loss
    0.1              4 %       101 to 109 %
    0.03       10 to 17 %       91 to 101 %      3 frames of each scene of tests/api/test_sequence
    0.01            16 %        88 to  91 %

And where the optimised variable is 0 to 1 ("unit"), the term is 1/255 of the above: the style
term's slopes on that variable are fitted to be as large as those on 0 to 255, so the ratio of the
two pulls is kept.

It is a sum over pixels, so windows add up to it, without a halo.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_nst.core.network.window import Size, Window

WEIGHT = 1e3
"""γ of artistic-videos, whose style weight is 100 and content weight 5."""

MATCHED_FACTOR = 0.03
"""On the term where the others were fitted to the weights in use."""

_LEVELS = 255.0


@dataclass(frozen=True)
class TemporalTarget:
    """What a frame's result should equal, and where.

    Parameters
    ----------
    picture : Tensor, shape (1, 3, H, W), nominally in [0, 1]
        Earlier results, warped to the frame.
    reliability : Tensor, shape (1, 1, H, W), values in [0, 1]
        How much each pixel counts.
    weight
        γ.
    """

    picture: Tensor
    reliability: Tensor
    weight: float = WEIGHT

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.picture.shape[-2], self.picture.shape[-1]

    def resized(self, size: Size) -> "TemporalTarget":
        """Return the target of a picture of (H, W)."""
        if size == self.size:
            return self
        picture, reliability = (
            torch.nn.functional.interpolate(
                each, size, mode="bilinear", align_corners=False, antialias=True
            )
            for each in (self.picture, self.reliability)
        )
        return replace(self, picture=picture, reliability=reliability)

    def squares(self, picture: Tensor, window: Window) -> Tensor:
        """Add up c |v - t|² at a window's inner part, on the picture in [0, 1]; a scalar.

        Parameters
        ----------
        picture : Tensor, shape (1, 3, h, w)
            The window's outer part.
        """
        difference, reliability = self._compared(picture, window)
        return (reliability * difference.square()).sum()

    def value(self, squares: Tensor, maximum: float) -> Tensor:
        """Compute the term from its sum.

        Parameters
        ----------
        squares
            Of `squares`, added up over all windows.
        maximum
            What 1 on the picture is on the optimised variable.
        """
        height, width = self.size
        return self.weight * maximum * _LEVELS * squares / (3 * height * width)

    def add_pullback(
        self, gradient: Tensor, picture: Tensor, window: Window, slope: Tensor
    ) -> None:
        """Add ∂(slope · squares)/∂picture at the window's inner part to a gradient, in place."""
        difference, reliability = self._compared(picture, window)
        inner = window.inner_in_outer
        pull = (reliability * difference).mul_(2 * float(slope))
        gradient[..., inner.rows, inner.columns] += pull

    def _compared(self, picture: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """Return v - t and c at a window's inner part."""
        own, here = window.inner_in_outer, window.inner
        target, reliability = (
            each[..., here.rows, here.columns].to(picture)
            for each in (self.picture, self.reliability)
        )
        return picture[..., own.rows, own.columns] - target, reliability
