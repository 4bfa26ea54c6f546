"""Grain: noise as strong as a style's finest detail, added when a picture is enlarged to a scale.

    noise = s_style · n' / s_n',   x' = x - box₃(x)

with n white, box₃ the mean over 3 x 3 pixels, and s the standard deviations of the lightness of the
style's finest detail and of n'. Where an enlarged picture is smooth, all places have the same
gradient, and descent grows a regular weave 4 to 5 px wide there that has the style's covariances;
noise breaks the symmetry, and the descent turns it into strokes.
"""

import math
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from napari_nst.core.network.window import Box
from napari_nst.core.store.noise import normal_noise
from napari_nst.core.store.pixels import HeldPixels, Pixels
from napari_nst.core.store.store import Store
from napari_nst.core.tiling.wrapping import read_wrapped
from napari_nst.settings.pixels import split_rows

_SEED = 0


class Grain:
    """The noise for a picture, grey so that it tints nothing, and the same every time.

    Parameters
    ----------
    size
        (H, W) of the picture.
    styles
        The styles at this scale, on the host; their strengths are averaged.
    shares
        How much each of them counts; they sum to 1.
    store
        Where the noise lies.
    wraps
        Whether the picture wraps.
    """

    def __init__(
        self,
        size: tuple[int, int],
        styles: Sequence[Pixels],
        shares: Sequence[float],
        store: Store,
        *,
        wraps: bool = False,
    ) -> None:
        noise = HeldPixels(normal_noise((1, 1, *size), _SEED, store))
        used = [(style, share) for style, share in zip(styles, shares, strict=True) if share]
        strength = sum(_strength(style) * share for style, share in used)
        self._noise, self._wraps = noise, wraps
        self._factor = strength / (_strength(noise) or 1.0)

    def rows(self, rows: slice) -> Tensor:
        """Return some rows, shape (1, 1, rows, W), float64, on the host."""
        return _finest(self._noise, rows, wraps=self._wraps) * self._factor


def _strength(picture: Pixels) -> float:
    """Measure the standard deviation of a picture's finest detail."""
    count, mean, squares = 0, 0.0, 0.0
    for rows in split_rows(slice(0, picture.size[0]), picture.size[1]):
        part = _finest(picture, rows)
        count += part.numel()
        mean += float(part.sum())
        squares += float(part.square().sum())
    return math.sqrt(max(0.0, (squares - mean**2 / count) / max(1, count - 1)))


def _finest(picture: Pixels, rows: slice, *, wraps: bool = False) -> Tensor:
    """Subtract the mean over 3 x 3 pixels from rows of the lightness.

    Beyond the border nothing is counted, unless the picture wraps.
    """
    height, width = picture.size
    if wraps:
        around = read_wrapped(picture, Box(rows.start - 1, rows.stop + 1, -1, width + 1))
        grey = around.cpu().double().mean(1, keepdim=True)
        return grey[..., 1:-1, 1:-1] - functional.avg_pool2d(grey, 3, stride=1)
    top, bottom = max(0, rows.start - 1), min(height, rows.stop + 1)
    plane = picture.at(Box(top, bottom, 0, width)).cpu().double().mean(1, keepdim=True)
    mean = functional.avg_pool2d(plane, 3, stride=1, padding=1, count_include_pad=False)
    return (plane - mean)[..., rows.start - top : rows.stop - top, :]
