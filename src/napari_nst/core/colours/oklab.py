"""Oklab: lightness and chroma as seen, of equal steps (Ottosson, "A perceptual color space", 2020).

(L, a, b) = M2 (M1 rgb)^⅓,   with linear rgb; L is 0 for black and 1 for white, grey has a = b = 0

https://bottosson.github.io/posts/oklab
"""

import torch
from torch import Tensor

_TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_HALVINGS = 12
"""Of the interval of chroma: 12 leave an error of 2e-4 of it, far below a level of 8 bits."""


def to_oklab(rgb: Tensor) -> Tensor:
    """Convert sRGB to Oklab.

    Parameters
    ----------
    rgb : Tensor, shape (1, 3, H, W)
        Values are clamped to [0, 1].

    Returns
    -------
    Tensor, shape (1, 3, H, W), float32
    """
    rgb = rgb.detach().float().clamp(0, 1)
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    cones = _mixed(_TO_CONES, linear)
    return _mixed(_TO_LAB, cones ** (1 / 3))


def to_rgb(lab: Tensor) -> Tensor:
    """Convert Oklab to sRGB; colours beyond sRGB's range lose chroma, not lightness or hue.

    Parameters
    ----------
    lab : Tensor, shape (1, 3, H, W), float32
        Lightness in [0, 1].

    Returns
    -------
    Tensor, shape (1, 3, H, W), float32, values in [0, 1]
    """
    flat = lab[0].flatten(1)[None, ..., None]
    linear = _linear(flat)
    beyond = ((linear < -1e-4) | (linear > 1 + 1e-4)).any(1)[0, :, 0]
    if bool(beyond.any()):
        linear[:, :, beyond] = _linear(_within_range(flat[:, :, beyond]))
    linear = linear.clamp_(0, 1)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, curved).view(lab.shape)


def _within_range(lab: Tensor) -> Tensor:
    """Take the largest share of the chroma that is within sRGB's range, by bisection."""
    low = torch.zeros_like(lab[:, :1])
    high = torch.ones_like(low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        linear = _linear(torch.cat([lab[:, :1], middle * lab[:, 1:]], 1))
        fits = ((linear >= 0) & (linear <= 1)).all(1, keepdim=True)
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return torch.cat([lab[:, :1], low * lab[:, 1:]], 1)


def _linear(lab: Tensor) -> Tensor:
    return _mixed(_TO_CONES, _mixed(_TO_LAB, lab, inverse=True) ** 3, inverse=True)


def _mixed(rows: tuple[tuple[float, ...], ...], planes: Tensor, *, inverse: bool = False) -> Tensor:
    """Multiply each pixel's three values, shape (1, 3, H, W), by a matrix or its inverse."""
    matrix = torch.tensor(rows, dtype=torch.float64)
    matrix = (torch.linalg.inv(matrix) if inverse else matrix).to(planes)
    return (matrix @ planes[0].flatten(1)).view(planes.shape)
