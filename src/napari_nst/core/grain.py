"""Grain: noise as strong as a style's finest detail, added when a picture is enlarged to a scale.

    noise = s_style · n' / s_n',   x' = x - box₃(x)

with n white, box₃ the mean over 3 x 3 pixels, and s the standard deviations of the lightness of the
style's finest detail and of n'. Where an enlarged picture is smooth, all places have the same
gradient, and descent grows a regular weave 4 to 5 px wide there that has the style's covariances;
noise breaks the symmetry, and the descent turns it into strokes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

_SEED = 0


def grain(size: tuple[int, int], styles: Sequence[Tensor]) -> Tensor:
    """Create the noise for a picture of (H, W), the same at every call.

    Parameters
    ----------
    size
    styles : list of Tensor, shape (1, 3, H_s, W_s), values in [0, 1]
        The styles at this scale; their strengths are averaged.

    Returns
    -------
    Tensor, shape (1, 1, H, W)
        Grey, so that it tints nothing.
    """
    noise = torch.randn((1, 1, *size), generator=torch.Generator().manual_seed(_SEED))
    noise = _finest(noise.to(styles[0]))
    strengths = [_finest(style.mean(1, keepdim=True)).std() for style in styles]
    return noise * (torch.stack(strengths).mean() / noise.std())


def _finest(plane: Tensor) -> Tensor:
    """Subtract the mean over 3 x 3 pixels; beyond the border nothing is counted."""
    mean = functional.avg_pool2d(plane, 3, stride=1, padding=1, count_include_pad=False)
    return plane - mean
