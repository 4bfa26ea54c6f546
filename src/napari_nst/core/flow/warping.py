"""Warp pictures along a flow, and find where the flow can be relied on.

With ŵ the flow from a frame to another, and w̃(x) = w(x + ŵ(x)) the flow back from there, a pixel is
unreliable (Ruder, Dosovitskiy & Brox 2016, equations 8 and 9, after Sundaram et al. 2010) where

    |w̃ + ŵ|² >= 0.01 (|w̃|² + |ŵ|²) + 0.5           it is hidden in the other frame
    |∇û|² + |∇v̂|² > 0.01 |ŵ|² + 0.002               it is on a motion edge

and, here too, where it comes from beyond the other frame's border.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.flow.optical import Flow

Mask = npt.NDArray[np.bool_]


def warp(picture: Tensor, flow: Flow) -> Tensor:
    """Return what a flow sees of another picture: at each pixel x that one's value at x + flow.

    Bicubic, where artistic-videos is bilinear: a frame is warped once for every frame after it, and
    each bilinear step takes contrast off the finest strokes.

    Parameters
    ----------
    picture : Tensor, shape (1, C, H, W)
    flow : array, shape (2, H, W), in px
        Beyond the border it reads the nearest pixel.
    """
    height, width = picture.shape[-2:]
    rows, columns = np.mgrid[:height, :width].astype(np.float32) + flow
    sides = (columns * 2 + 1) / width - 1, (rows * 2 + 1) / height - 1
    grid = torch.from_numpy(np.stack(sides, -1))[None].to(picture)
    found = functional.grid_sample(
        picture, grid, mode="bicubic", padding_mode="border", align_corners=False
    )
    return found.clamp(float(picture.min()), float(picture.max()))


def reliable(there: Flow, back: Flow) -> Mask:
    """Find the pixels whose flow can be relied on.

    Parameters
    ----------
    there : array, shape (2, H, W), in px
        From the frame to the other one.
    back : array, shape (2, H, W), in px
        From the other one to the frame.

    Returns
    -------
    array, shape (H, W), bool
    """
    returning = np.asarray(warp(torch.from_numpy(back)[None], there)[0])
    lengths = np.square(returning).sum(0) + np.square(there).sum(0)
    is_hidden = np.square(returning + there).sum(0) >= 0.01 * lengths + 0.5
    slopes = sum(np.square(each) for part in there for each in np.gradient(part))
    is_edge = slopes > 0.01 * np.square(there).sum(0) + 0.002
    _, height, width = there.shape
    rows, columns = np.mgrid[:height, :width] + there
    is_inside = (rows > -0.5) & (rows < height - 0.5) & (columns > -0.5) & (columns < width - 0.5)
    found: Mask = ~(is_hidden | is_edge) & is_inside
    return found


def warping_error(here: Tensor, there: Tensor, flow: Flow, mask: Mask) -> float:
    """Compute how much two results flicker (Lai et al. 2018, equation 9).

    The mean of squares of the difference between a result and the other one warped to it, where
    the flow of the *input* frames can be relied on; 0 where it never can.

    Parameters
    ----------
    here, there : Tensor, shape (1, 3, H, W), values in [0, 1]
    flow, mask
        From `here` to `there`; of `optical_flow` and `reliable`.
    """
    squares = np.asarray((here - warp(there, flow)).square().mean(1)[0])
    return float(squares[mask].mean()) if mask.any() else 0.0
