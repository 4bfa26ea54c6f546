"""How a network wants its input, for RGB in [0, 1] (docs/presets.md).

- torchvision: ``(rgb - (.485, .456, .406)) / (.229, .224, .225)``
- caffe: BGR of ``255 rgb - (123.68, 116.779, 103.939)``
- bytes: ``255 rgb - (123.675, 116.28, 103.53)``, in RGB order
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.settings.fields import Padding

FeedKind = Literal["torchvision", "caffe", "bytes"]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)
_BYTE_MEAN = (123.675, 116.28, 103.53)


class Preprocessor:
    """Turns pictures into the network's input, and the input's gradient into the picture's.

    Channels stay in RGB order; the encoder flips the weights of networks that want BGR.
    In bfloat16 the input is a rounded part and the remainder, six channels in all, so that the
    small changes that an optimiser makes are not rounded away.

    Parameters
    ----------
    kind
        How the network wants its input.
    padding
        As in StyleConfig; all but "zeros" adds a border of one pixel to the input.
    device, dtype
        Of the input.
    """

    def __init__(
        self, kind: FeedKind, padding: Padding, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._has_border = padding != "zeros"
        self._gain, self._offset = _affine(kind, device)
        self._dtype = dtype

    @property
    def parts(self) -> int:
        """Number of parts of the input, of three channels each."""
        return 2 if self._dtype == torch.bfloat16 else 1

    def to_input(self, picture: Tensor) -> Tensor:
        """Compute the input for a picture of shape (1, 3, H, W), nominally in [0, 1].

        Returns
        -------
        Tensor, shape (1, 3 parts, H, W), or (1, 3 parts, H + 2, W + 2) with a border, channels last
        """
        if self.parts == 2:
            picture = picture.float()
        gain, offset = (each.to(picture.dtype) for each in (self._gain, self._offset))
        wide = torch.addcmul(offset, picture, gain)
        fed = wide.to(self._dtype)
        if self.parts == 2:
            fed = torch.cat([fed, wide.sub_(fed).to(self._dtype)], dim=1)
        fed = fed.contiguous(memory_format=torch.channels_last)
        return functional.pad(fed, (1, 1, 1, 1), mode="replicate") if self._has_border else fed

    def to_picture(self, gradient: Tensor) -> Tensor:
        """Compute ∂loss/∂picture from ∂loss/∂input; shape (1, 3, H, W), float32 or float64."""
        if self._has_border:
            gradient = _fold_border(gradient)
        wide = torch.promote_types(self._dtype, torch.float32)
        found = torch.empty(gradient.shape, dtype=wide, device=gradient.device)
        return found.copy_(gradient).mul_(self._gain.to(wide))


def mean_colour(kind: FeedKind) -> Tensor:
    """Return the RGB colour that the network sees as zero, shape (1, 3, 1, 1), in [0, 1]."""
    gain, offset = _affine(kind, torch.device("cpu"))
    return -offset / gain


def _affine(kind: FeedKind, device: torch.device) -> tuple[Tensor, Tensor]:
    mean, std, maximum = {
        "torchvision": (_IMAGENET_MEAN, _IMAGENET_STD, 1.0),
        "caffe": (_CAFFE_MEAN, (1.0, 1.0, 1.0), 255.0),
        "bytes": (_BYTE_MEAN, (1.0, 1.0, 1.0), 255.0),
    }[kind]
    wide = torch.float32 if device.type == "mps" else torch.float64
    centre, spread = (torch.tensor(v, dtype=wide, device=device) for v in (mean, std))
    shape = (1, 3, 1, 1)
    return (maximum / spread).view(shape), (-centre / spread).view(shape)


def _fold_border(gradient: Tensor) -> Tensor:
    """Back-propagate a replication of the border by one pixel."""
    height, width = gradient.shape[-2] - 2, gradient.shape[-1] - 2
    like = gradient.new_empty((1, gradient.shape[1], height, width))
    folded: Tensor = torch.ops.aten.replication_pad2d_backward(
        gradient.contiguous(), like, [1, 1, 1, 1]
    )
    return folded
