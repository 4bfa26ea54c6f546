"""Lanes that carry the colour of areas up through the network.

Trained filters are differences: the colour of an area reaches relu1_1 and goes no further, so no
style layer behind it knows how large areas are coloured, where even untrained ones do. Therefore
the last channels of each layer are spared in the training and opened afterwards. In conv1_1 each
becomes the average, over its 3x3 pixels, of how far the colour lies beyond a threshold in one
direction, ReLU(d · c - t); in every later layer it becomes its own lane in the layer before,
averaged over 3x3 positions where a block begins. Trained channels see no lane, and lanes see none
of them.

The mean activation of a lane, at a tap of N channels of mean 1, is STRENGTH √(N / LANES), so that
the lanes' part of the Gram matrix counts STRENGTH⁴ times the rest. That is so where blocks begin,
which is where presets read style; in the other layers lanes are faint, lest content read there
hold on to its colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from tools.train_features.fold import Tensors, plain_taps
from tools.train_features.network import LANES, normalise

STRENGTH, FAINT = 1.0, 0.05
THRESHOLD = 0.8
"""Thresholds lie evenly from minus to plus this, in standard deviations of ImageNet's colours."""


def open_lanes(tensors: Mapping[str, Tensor], batches: Iterable[Tensor], *, seed: int) -> Tensors:
    """Put the spared channels of every layer to the use of lanes.

    Parameters
    ----------
    tensors
        A plain network, calibrated to mean activations of 1; left as it is.
    batches
        Pictures, each of shape (n, 3, H, W) in [0, 1], on which strength is measured.
    seed
        Of the lanes' directions of colour.
    """
    found = {key: tensor.clone() for key, tensor in tensors.items()}
    names = [key.removesuffix(".weight") for key in tensors if key.endswith(".weight")]
    each, centre = torch.arange(LANES), torch.zeros(3, 3)
    centre[1, 1] = 1
    for name in names:
        weight, bias = (found[f"{name}.{kind}"][-LANES:] for kind in ("weight", "bias"))
        if name == names[0]:
            directions, thresholds = _half_spaces(seed)
            weight[:] = directions[:, :, None, None] / 9
            bias[:] = -thresholds
        else:
            weight[each, each - LANES] = 1 / 9 if name.endswith("_1") else centre
    return _strengthened(found, names, [normalise(batch) for batch in batches])


def _half_spaces(seed: int) -> tuple[Tensor, Tensor]:
    """Draw unit directions of colour, shape (LANES, 3), and their thresholds."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn((LANES, 3), generator=generator)
    thresholds = torch.linspace(-THRESHOLD, THRESHOLD, LANES)
    shuffled = thresholds[torch.randperm(LANES, generator=generator)]
    return directions / directions.norm(dim=1, keepdim=True), shuffled


def _strengthened(found: Tensors, names: list[str], pictures: list[Tensor]) -> Tensors:
    """Bring the lanes to their mean activations: being linear, each by one factor a layer."""
    means = _means(found, pictures)
    before = torch.ones(LANES)
    for name in names:
        strength = STRENGTH if name.endswith("_1") else FAINT
        wanted = strength * (len(means[name]) / LANES) ** 0.5
        gain = wanted / means[name][-LANES:].clamp(min=1e-3)
        found[f"{name}.weight"][-LANES:] *= (gain / before)[:, None, None, None]
        found[f"{name}.bias"][-LANES:] *= gain
        before = gain
    return found


def _means(tensors: Mapping[str, Tensor], pictures: list[Tensor]) -> dict[str, Tensor]:
    """Average each channel of each layer over normalised pictures."""
    sums: dict[str, Tensor] = {}
    with torch.no_grad():
        for batch in pictures:
            for name, tap in plain_taps(tensors, batch).items():
                sums[name] = sums.get(name, torch.zeros(())) + tap.mean((0, 2, 3))
    return {name: total / len(pictures) for name, total in sums.items()}
