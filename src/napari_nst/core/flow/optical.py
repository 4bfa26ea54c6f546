"""Optical flow by scikit-image's TV-L1 (Zach, Pock & Bischof 2007).

Chosen by benchmarks/flow.py: of TV-L1, iterative Lucas-Kanade and OpenCV's DIS it errs least, also
at the edges of what moves, and scikit-image is there anyway. DIS is 60 times as fast, but it needs
150 MB more, and opencv-python and opencv-python-headless overwrite each other's files.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_nst.core.resizing import Size, resize

Flow = npt.NDArray[np.float32]
"""Shape (2, H, W): rows, then columns. The pixel at x of one frame is at x + flow of the other."""

LONGEST_PX = 512
"""Larger frames are shrunk to this for their flow: a tenth of a pixel there is still below one."""

_LUMA = (0.299, 0.587, 0.114)


def optical_flow(here: Tensor, there: Tensor) -> Flow:
    """Compute where each pixel of a frame is in another one.

    Parameters
    ----------
    here, there : Tensor, shape (1, 3, H, W), values in [0, 1]

    Returns
    -------
    array, shape (2, H, W), in px
    """
    # skimage takes a tenth of a second to import this, and only sequences need it
    from skimage import registration

    tvl1: Callable[..., npt.NDArray[np.floating]] = registration.optical_flow_tvl1

    size: Size = (here.shape[-2], here.shape[-1])
    factor = max(1.0, max(size) / LONGEST_PX)
    small: Size = (max(1, round(size[0] / factor)), max(1, round(size[1] / factor)))
    greys = [_grey(each, small) for each in (here, there)]
    found = np.asarray(tvl1(*greys), np.float32)
    if small == size:
        return found
    scales = [whole / part for whole, part in zip(size, small, strict=True)]
    flow = torch.from_numpy(found)[None] * torch.tensor(scales).view(1, 2, 1, 1)
    enlarged = torch.nn.functional.interpolate(flow, size, mode="bilinear", align_corners=False)
    return np.asarray(enlarged[0], np.float32)


def _grey(frame: Tensor, size: Size) -> npt.NDArray[np.float32]:
    luma = torch.tensor(_LUMA).view(1, 3, 1, 1)
    grey = (frame.float().cpu() * luma).sum(1, keepdim=True)
    small = grey if tuple(grey.shape[-2:]) == size else resize(grey, size, "bilinear")
    return np.asarray(small[0, 0], np.float32)
