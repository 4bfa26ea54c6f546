"""Random scalar fields on a pixel grid: the raw material of every texture.

All functions are batched over ``n`` pictures, draw from an explicit generator and
work on its device. Lengths are in pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def uniform(gen: Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Draw uniformly from ``[low, high)``; the result has the given shape."""
    return torch.rand(shape, generator=gen, device=gen.device) * (high - low) + low


def standardise(field: Tensor) -> Tensor:
    """Shift and scale each picture's field, shape (n, ..., H, W), to mean 0, std 1."""
    mean = field.mean((-2, -1), keepdim=True)
    return (field - mean) / (field.std((-2, -1), keepdim=True) + 1e-6)


def grid(gen: Generator, n: int, size: int, *, turn: float = 0.05) -> Tensor:
    """Lay pixel coordinates, moved far at random and turned by about ``turn`` rad.

    Returns
    -------
    Tensor, shape (n, 2, size, size)
        x and y in pixels; the offset makes every picture another part of the plane.
    """
    axis = torch.arange(size, device=gen.device, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = torch.randn((n, 1, 1), generator=gen, device=gen.device) * turn
    shift = uniform(gen, n, 2, 1, 1, high=4096.0)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * x - sin * y, sin * x + cos * y], 1) + shift


def _frequencies(size: int, angle: float, stretch: float, device: torch.device) -> Tensor:
    """Radial frequency (cycles/px), shape (size, size // 2 + 1), stretched along an angle."""
    fy = torch.fft.fftfreq(size, device=device)[:, None]
    fx = torch.fft.rfftfreq(size, device=device)[None, :]
    along = fx * math.cos(angle) + fy * math.sin(angle)
    across = fy * math.cos(angle) - fx * math.sin(angle)
    return (along.square() * stretch + across.square() / stretch).sqrt()


def _filtered(gen: Generator, n: int, size: int, gain: Tensor) -> Tensor:
    """White noise through a frequency response, cropped so that it does not wrap."""
    full = 2 * (gain.shape[1] - 1)
    white = torch.randn((n, full, full), generator=gen, device=gen.device)
    field = torch.fft.irfft2(torch.fft.rfft2(white) * gain, s=(full, full))
    return standardise(field[:, :size, :size])


def power_noise(
    gen: Generator, n: int, size: int, beta: float, *, angle: float = 0.0, stretch: float = 1.0
) -> Tensor:
    """Draw 1/f^beta noise, shape (n, size, size), mean 0 and std 1."""
    f = _frequencies(size + size // 4 * 2, angle, stretch, gen.device)
    return _filtered(gen, n, size, (f + 1.0 / size).pow(-beta))


def band_noise(
    gen: Generator,
    n: int,
    size: int,
    wavelength: float,
    *,
    octaves: float = 0.3,
    angle: float = 0.0,
    stretch: float = 1.0,
) -> Tensor:
    """Draw noise of one wavelength and a log-normal bandwidth, shape (n, size, size)."""
    f = _frequencies(size + size // 4 * 2, angle, stretch, gen.device) + 1e-6
    return _filtered(gen, n, size, torch.exp(-0.5 * (torch.log2(f * wavelength) / octaves) ** 2))


def smooth_noise(gen: Generator, n: int, size: int, wavelength: float) -> Tensor:
    """Draw low-passed noise whose features are about ``wavelength`` px, shape (n, size, size)."""
    f = _frequencies(size + size // 4 * 2, 0.0, 1.0, gen.device)
    return _filtered(gen, n, size, torch.exp(-0.5 * (f * wavelength * 1.5) ** 2))


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Blur pictures, shape (n, c, H, W), by a Gaussian of ``sigma`` px, edges mirrored."""
    radius = max(1, math.ceil(2.5 * sigma))
    x = torch.arange(-radius, radius + 1, device=pictures.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / max(sigma, 1e-3)) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    flat = pictures.flatten(0, 1)[:, None]
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="reflect"), kernel)
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="reflect"), kernel.mT)
    return flat.view_as(pictures)


def look_up(table: Tensor, position: Tensor) -> Tensor:
    """Read colours off palettes by linear interpolation.

    Parameters
    ----------
    table : Tensor, shape (k, 3), colours in [0, 1]
    position : Tensor, shape (n, H, W), values in [0, 1]

    Returns
    -------
    Tensor, shape (n, 3, H, W)
    """
    place = position.clamp(0, 1) * (len(table) - 1)
    lower = place.floor().clamp(max=len(table) - 2)
    part = (place - lower)[..., None]
    index = lower.long()
    return torch.lerp(table[index], table[index + 1], part).permute(0, 3, 1, 2)
