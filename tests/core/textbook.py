"""Plainly written references: VGG-19 by general autograd, the losses by their formulas."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.settings.vgg_layers import CONVS

MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(1, 3, 1, 1)
CAFFE_MEAN_BGR = torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64).view(1, 3, 1, 1)
BYTE_MEAN = torch.tensor([123.675, 116.28, 103.53], dtype=torch.float64).view(1, 3, 1, 1)


def thin_vgg(divisor: int) -> dict[str, Tensor]:
    """VGG-19's topology with fewer channels, seeded, float64."""
    generator = torch.Generator().manual_seed(7)
    tensors = {}
    for name, (inputs, outputs) in CONVS.items():
        thin = (outputs // divisor, inputs if inputs == 3 else inputs // divisor, 3, 3)
        spread = (2 / (9 * thin[1])) ** 0.5
        tensors[f"{name}.weight"] = spread * torch.randn(
            thin, generator=generator, dtype=torch.float64
        )
        tensors[f"{name}.bias"] = 0.1 * torch.randn(
            thin[0], generator=generator, dtype=torch.float64
        )
    return tensors


def feed(picture: Tensor, kind: str) -> Tensor:
    if kind == "torchvision":
        return (picture - MEAN.to(picture)) / STD.to(picture)
    if kind == "caffe":
        return 255 * picture.flip(1) - CAFFE_MEAN_BGR.to(picture)
    return 255 * picture - BYTE_MEAN.to(picture)


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
    return network(feed(picture, kind), tensors, pooling=pooling, padding=padding)


def network(
    flow: Tensor, tensors: Mapping[str, Tensor], *, pooling: str = "max", padding: str = "zeros"
) -> dict[str, Tensor]:
    """VGG-19 on what it is fed."""
    found = {}
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


def wasserstein(picture: Tensor, style: Tensor) -> Tensor:
    """W2 of PRESETS.md, with its own 12 iterations of the root and of the root's backward."""
    means = [each.mean(1) for each in (picture, style)]
    spreads = [
        each @ each.T / each.shape[1]
        - torch.outer(mean, mean)
        + 1e-4 * torch.eye(len(mean)).to(mean)
        for each, mean in zip((picture, style), means, strict=True)
    ]
    root = Root.apply(spreads[1])
    cross = Root.apply(root @ spreads[0] @ root)
    spread = (spreads[1] + spreads[0] - 2 * cross).diagonal().mean()
    return functional.mse_loss(*means) + spread


class Root(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        norm, eye = a.pow(2).sum().sqrt(), torch.eye(a.shape[0]).to(a)
        y, z = a / norm, eye
        for _ in range(12):
            t = (3 * eye - z @ y) / 2
            y, z = y @ t, t @ z
        ctx.save_for_backward(y * norm**0.5)
        return y * norm**0.5

    @staticmethod
    def backward(ctx, g):
        (s,) = ctx.saved_tensors
        norm, eye = s.pow(2).sum().sqrt(), torch.eye(s.shape[0]).to(s)
        a, q = s / norm, g / norm
        for _ in range(12):
            q = (q @ (3 * eye - a @ a) - a.T @ (a.T @ q - q @ a)) / 2
            a = a @ (3 * eye - a @ a) / 2
        return q / 2


def nine_point_variation(picture: Tensor) -> Tensor:
    """The TV of style-transfer-pytorch: all nine-point differences of the padded picture."""
    p = functional.pad(picture, (1, 1, 1, 1), mode="replicate")
    height, width = picture.shape[-2:]
    here = p[..., 1 : height + 1, 1 : width + 1]
    d1 = ((p[..., 1 : height + 1, 2:] - here) ** 2).mean()
    d2 = ((p[..., 2:, 1 : width + 1] - here) ** 2).mean()
    d3 = ((p[..., 1:, 1:] - p[..., :-1, :-1]) ** 2).mean()
    d4 = ((p[..., 1:, :-1] - p[..., :-1, 1:]) ** 2).mean()
    return 2 * (d1 / 3 + d2 / 3 + d3 / 12 + d4 / 12)
