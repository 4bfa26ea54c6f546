"""Lanes that carry the colour of areas up through the network.

Trained filters are differences: the colour of an area reaches relu1_1 and goes no further, so no
style layer behind it knows how large areas are coloured, where even untrained ones do. Therefore,
after the training, the few channels of each layer that matter least to the next one are put to
another use. In conv1_1 each becomes the average, over its 3x3 pixels, of how far the colour lies
beyond a threshold in one direction, ReLU(d · c - t); in every later layer it becomes its own lane
in the layer before, averaged over 3x3 positions where a block begins. To the trained channels,
what gave way is its mean: they see no lane, and lanes see none of them.

The mean activation of a lane, at a tap of N channels of mean 1, is STRENGTH √(N / LANES), so that
the lanes' part of the Gram matrix counts STRENGTH⁴ times the rest; less in block 1, whose trained
filters see colour themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from tools.train_features.fold import Tensors, plain_taps
from tools.train_features.network import normalise

LANES = 24
STRENGTH, STRENGTH_BLOCK_1 = 1.0, 0.1
THRESHOLD = 0.8
"""Thresholds lie evenly from minus to plus this, in standard deviations of ImageNet's colours."""


def open_lanes(tensors: Mapping[str, Tensor], batches: Iterable[Tensor], *, seed: int) -> Tensors:
    """Put the least used channels of every layer to the use of lanes.

    Parameters
    ----------
    tensors
        A plain network, calibrated to mean activations of 1; left as it is.
    batches
        Pictures, each of shape (n, 3, H, W) in [0, 1], on which use and strength are measured.
    seed
        Of the lanes' directions of colour.
    """
    found = {key: tensor.clone() for key, tensor in tensors.items()}
    names = [key.removesuffix(".weight") for key in tensors if key.endswith(".weight")]
    pictures = [normalise(each) for each in batches]
    means, energies = _moments(found, pictures)
    below, centre = None, torch.zeros(3, 3)
    centre[1, 1] = 1
    for name, following in zip(names, [*names[1:], None], strict=True):
        use = energies[name].sqrt()
        if following is not None:
            use = use * found[f"{following}.weight"].square().sum((0, 2, 3)).sqrt()
        lanes = use.argsort()[:LANES]
        if following is not None:
            heard = found[f"{following}.weight"]
            found[f"{following}.bias"] += heard[:, lanes].sum((2, 3)) @ means[name][lanes]
            heard[:, lanes] = 0
        weight, bias = found[f"{name}.weight"], found[f"{name}.bias"]
        weight[lanes], bias[lanes] = 0, 0
        if below is None:
            directions, thresholds = _half_spaces(seed)
            weight[lanes] = directions[:, :, None, None].expand(-1, -1, 3, 3) / 9
            bias[lanes] = -thresholds
        else:
            weight[lanes, below] = 1 / 9 if name.endswith("_1") else centre
        below = found[f"{name}.lanes"] = lanes
    return _strengthened(found, names, pictures)


def _half_spaces(seed: int) -> tuple[Tensor, Tensor]:
    """Draw unit directions of colour, shape (LANES, 3), and their thresholds."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn((LANES, 3), generator=generator)
    thresholds = torch.linspace(-THRESHOLD, THRESHOLD, LANES)
    shuffled = thresholds[torch.randperm(LANES, generator=generator)]
    return directions / directions.norm(dim=1, keepdim=True), shuffled


def _strengthened(found: Tensors, names: list[str], pictures: list[Tensor]) -> Tensors:
    """Bring the lanes to their mean activations: being linear, each by one factor a layer."""
    lanes = {name: found.pop(f"{name}.lanes") for name in names}
    means, _ = _moments(found, pictures)
    before = torch.ones(LANES)
    for name in names:
        strength = STRENGTH_BLOCK_1 if name.startswith("conv1") else STRENGTH
        wanted = strength * (len(means[name]) / LANES) ** 0.5
        gain = wanted / means[name][lanes[name]].clamp(min=1e-3)
        found[f"{name}.weight"][lanes[name]] *= (gain / before)[:, None, None, None]
        found[f"{name}.bias"][lanes[name]] *= gain
        before = gain
    return found


def _moments(
    tensors: Mapping[str, Tensor], pictures: list[Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Average each channel of each layer, and its square, over normalised pictures."""
    means: dict[str, Tensor] = {}
    energies: dict[str, Tensor] = {}
    with torch.no_grad():
        for batch in pictures:
            for name, tap in plain_taps(tensors, batch).items():
                for sums, values in ((means, tap), (energies, tap.square())):
                    part = values.mean((0, 2, 3)) / len(pictures)
                    sums[name] = sums[name] + part if name in sums else part
    return means, energies
