"""From the trained network to a plain VGG-19: fold, calibrate, pack.

Folding. In evaluation, batch normalisation of y = w * x is (y - m) g / s + b with
constants m, s = sqrt(v + eps), g, b per channel: a convolution with weights w g / s
and bias b - m g / s. The channels that were spared in training come back, all zero.

Calibration (Gatys, Ecker & Bethge 2015, section 2, "rescale the weights"). ReLU and max
pooling are positively homogeneous, so weights and biases of layer l divided by a_l, and
the weights of the next layer multiplied by a_l, leave the function as it is up to a
factor at each tap. With a_l the mean activation, every tap has mean 1. Deviation: one
factor a layer, where Gatys et al. have one a filter, which would raise filters that
hardly ever answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_nst.weights import tensors_sha256
from tools.train_features.network import LANES, Trunk, normalise

Tensors = dict[str, Tensor]
"""``"conv1_1.weight"``, shape (out, in, 3, 3), ``"conv1_1.bias"``, shape (out,), ..."""


def fold(trunk: Trunk) -> Tensors:
    """Fold each batch normalisation into the convolution before it, in float64."""
    tensors: Tensors = {}
    for name, conv in trunk.conv.items():
        norm = trunk.norm[name]
        gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        weight = conv.weight.double() * gain[:, None, None, None]
        spared_in = 0 if name == "1_1" else LANES
        weight = F.pad(weight.detach(), (0, 0, 0, 0, 0, spared_in, 0, LANES))
        bias = (norm.bias - norm.running_mean * gain).detach()
        tensors[f"conv{name}.weight"] = weight.contiguous()
        tensors[f"conv{name}.bias"] = F.pad(bias, (0, LANES))
    return tensors


def unfold(trunk: Trunk, tensors: Mapping[str, Tensor], pictures: Tensor) -> None:
    """Give a trunk the features of a plain network, each tap up to a factor: fold's inverse.

    Lanes are left out.
    The normalisations undo what they do to ``pictures``, shape (n, 3, H, W) in [0, 1]. The
    filters get the length that fresh ones have, on which their rate of change depends.
    """
    x, block = normalise(pictures), "1"
    with torch.no_grad():
        for name, conv in trunk.conv.items():
            if name[0] != block:
                x, block = F.max_pool2d(x, 2), name[0]
            width_out, width_in = conv.weight.shape[:2]
            weight = tensors[f"conv{name}.weight"][:width_out, :width_in].to(x)
            bias = tensors[f"conv{name}.bias"][:width_out].to(x)
            x = F.conv2d(x, weight, padding=1)
            variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            gain = variance.sqrt()
            norm, level = trunk.norm[name], gain.mean()
            conv.weight.copy_(weight / weight.flatten(1).norm(dim=1)[:, None, None, None] * 2**0.5)
            norm.weight.copy_(gain / level)
            norm.bias.copy_((mean + bias) / level)
            x = F.relu(x + bias[:, None, None])


def plain_taps(tensors: Mapping[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """Run the plain network on a normalised input, shape (n, 3, H, W).

    Returns every ReLU by its convolution's name, "conv1_1" ... "conv5_1".
    """
    taps: dict[str, Tensor] = {}
    block = "1"
    for key in sorted(tensors):
        name, _, kind = key.partition(".")
        if kind != "weight":
            continue
        if name[4] != block:
            x, block = F.max_pool2d(x, 2), name[4]
        x = F.relu(F.conv2d(x, tensors[key], tensors[f"{name}.bias"], padding=1))
        taps[name] = x
    return taps


def mean_activations(tensors: Mapping[str, Tensor], batches: Iterable[Tensor]) -> dict[str, float]:
    """Average every tap over pictures, shape (n, 3, H, W) in [0, 1], and positions.

    Channels without weights do not count.
    """
    sums: dict[str, float] = {}
    count = 0
    for pictures in batches:
        with torch.no_grad():
            taps = plain_taps(tensors, normalise(pictures))
        count += 1
        for name, tap in taps.items():
            alive = tensors[f"{name}.weight"].flatten(1).any(1)
            sums[name] = sums.get(name, 0.0) + float(tap[:, alive].mean())
    return {name: total / count for name, total in sums.items()}


def calibrate(tensors: Mapping[str, Tensor], means: Mapping[str, float]) -> Tensors:
    """Divide every tap by its mean activation, keeping the function up to that factor."""
    scaled: Tensors = {}
    before = 1.0
    for name, mean in means.items():
        scaled[f"{name}.weight"] = tensors[f"{name}.weight"] * (before / mean)
        scaled[f"{name}.bias"] = tensors[f"{name}.bias"] / mean
        before = mean
    return scaled


def settle_statistics(trunk: Trunk, batches: Iterable[Tensor]) -> None:
    """Measure the normalisations' means and variances anew.

    They become plain averages over batches of pictures, shape (n, 3, H, W) in [0, 1],
    larger than the training's crops.
    """
    for norm in trunk.norm.values():
        norm.reset_running_stats()
        norm.momentum = None
    trunk.train()
    with torch.no_grad():
        for pictures in batches:
            trunk(normalise(pictures))
    trunk.eval()


def pack(tensors: Mapping[str, Tensor], path: Path, *, header: Mapping[str, str]) -> str:
    """Write float16 tensors as safetensors with the header and their hash; return it."""
    from napari_nst.weights._files import write

    half = {key: tensor.half() for key, tensor in tensors.items()}
    write(path, half, header=header)
    return tensors_sha256(half)
