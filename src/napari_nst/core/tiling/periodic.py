"""The periodic component of a picture: the picture without the jump between opposite borders.

A picture u of M x N pixels is the sum of p, which tiles, and of s, which is smooth inside and has
the jumps. With v the jumps, at the border pixels only,

    v = v₁ + v₂,   v₁(0, n) = -v₁(M - 1, n) = u(M - 1, n) - u(0, n),   v₂ the same along the rows
    ŝ(k, l) = v̂(k, l) / (2 cos(2πk / M) + 2 cos(2πl / N) - 4),   ŝ(0, 0) = 0,   p = u - s

so the Laplacian of p, taken around the borders, is that of u inside: p is u blended with itself
across the border, low frequencies widely and fine ones within a few pixels. The mean stays.

L. Moisan, "Periodic plus smooth image decomposition", Journal of Mathematical Imaging and Vision
39 (2011), equations 11 and 14.
"""

import math

import torch
from torch import Tensor


def make_periodic(image: Tensor) -> None:
    """Replace a picture by its periodic component, clipped to [0, 1], in place.

    Parameters
    ----------
    image : Tensor, shape (1, C, H, W), values in [0, 1]
        In memory or in files; one channel of it is in memory at a time, in float64.
    """
    for plane in image[0]:
        wide = plane.double()
        plane.copy_(wide.sub_(_smooth_component(wide)).clamp_(0, 1))


def _smooth_component(plane: Tensor) -> Tensor:
    height, width = plane.shape
    jumps = torch.zeros_like(plane)
    for border, opposite in ((0, -1), (-1, 0)):
        jumps[border] += plane[opposite] - plane[border]
        jumps[:, border] += plane[:, opposite] - plane[:, border]
    down, along = (
        2 * (2 * math.pi * torch.arange(count, device=plane.device).double() / side).cos()
        for side, count in ((height, height), (width, width // 2 + 1))
    )
    laplacian = down[:, None] + along - 4
    laplacian[0, 0] = 1  # the jumps' sum, which it divides, is zero
    smooth: Tensor = torch.fft.irfft2(torch.fft.rfft2(jumps) / laplacian, (height, width))
    return smooth
