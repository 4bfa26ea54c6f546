"""Plainly written references: VGG-19 by general autograd, the losses by their formulas."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.vgg import CONVS

MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(1, 3, 1, 1)
CAFFE_MEAN_BGR = torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64).view(1, 3, 1, 1)
BYTE_MEAN = torch.tensor([123.675, 116.28, 103.53], dtype=torch.float64).view(1, 3, 1, 1)


def feed(picture: Tensor, kind: str) -> Tensor:
    if kind == "torchvision":
        return (picture - MEAN) / STD
    if kind == "caffe":
        return 255 * picture.flip(1) - CAFFE_MEAN_BGR
    return 255 * picture - BYTE_MEAN


def pool(flow: Tensor, kind: str) -> Tensor:
    if kind == "max":
        return functional.max_pool2d(flow, 2)
    if kind == "l2":
        return 0.78 * functional.lp_pool2d(flow, 2.0, 2)
    return functional.avg_pool2d(flow, 2) * (2 if kind == "average_x2" else 1)


def features(
    picture: Tensor,
    tensors: Mapping[str, Tensor],
    *,
    kind: str = "torchvision",
    pooling: str = "max",
    padding: str = "zeros",
) -> dict[str, Tensor]:
    flow, found = feed(picture, kind), {}
    for name in CONVS:
        if name[4] != "1" and name[6] == "1":
            flow = pool(flow, pooling)
        mode = "replicate" if name == "conv1_1" and padding == "replicate" else "constant"
        flow = functional.pad(flow, (1, 1, 1, 1), mode=mode)
        flow = functional.conv2d(flow, tensors[f"{name}.weight"], tensors[f"{name}.bias"])
        found[name] = flow
        flow = torch.relu(flow)
        found[f"relu{name[4:]}"] = flow
    return found


def matrix(layer: Tensor) -> Tensor:
    """F, of shape (N, M)."""
    return layer.flatten(2)[0]


def gram_term(picture: Tensor, style: Tensor) -> Tensor:
    """S_l of PRESETS.md: sum of (G/M - A/M_s)^2, over N^4."""
    f, a = matrix(picture), matrix(style)
    difference = f @ f.T / f.shape[1] - a @ a.T / a.shape[1]
    return (difference**2).sum() / f.shape[0] ** 4
