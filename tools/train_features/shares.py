"""What each style layer pulls at: ``python -m tools.train_features.shares``.

The gradient of one layer's style loss on the picture, and how much of it is left when the
picture is averaged over 8 x 8 blocks: colour and lightness of areas, as against grain.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from napari_nst import StyleConfig
from napari_nst.core.balance import generated_pair
from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.network.encoder import Encoder
from napari_nst.weights import Weights, load
from tools.train_features.evaluate import STYLE_TAPS, table

BLOCK_PX = 8


@dataclass(frozen=True)
class Pull:
    """``strength`` is the gradient's norm, ``coarse`` the share of it that blocks keep, 0 to 1."""

    strength: float
    coarse: float


def coarse_share(gradient: Tensor) -> float:
    """Share of the norm of a gradient, shape (1, c, h, w), that its blocks' means keep."""
    means = F.avg_pool2d(gradient, BLOCK_PX)
    return float(means.norm() * BLOCK_PX / gradient.norm())


def pulls(weights: Weights) -> dict[str, Pull]:
    """Measure each style layer's pull, with weight 1, halfway between the generated pair."""
    content, style = generated_pair()
    encoder = Encoder(weights.tensors, feed=weights.input, taps=(*STYLE_TAPS, "relu4_2"))
    found = {}
    for tap in STYLE_TAPS:
        alone = tuple(float(tap == each) for each in STYLE_TAPS)
        config = StyleConfig.preset("gatys", content_weight=0.0, style_layer_weights=alone)
        objective = build_objective(encoder, content, [style], config)
        step = loss_and_gradient((content + style) / 2, encoder, objective, config)
        found[tap] = Pull(float(step.gradient.norm()), coarse_share(step.gradient))
    return found


def main() -> None:
    """Print both tables for the weights named, each row's strengths as shares of relu1_1's."""
    parser = argparse.ArgumentParser(prog="tools.train_features.shares", description=__doc__)
    parser.add_argument("weights", nargs="*", default=["untrained", "builtin"])
    named = {name: pulls(load(name)) for name in parser.parse_args().weights}
    strengths = {
        f"strength, {name}": {
            tap: pull.strength / found[STYLE_TAPS[0]].strength for tap, pull in found.items()
        }
        for name, found in named.items()
    }
    coarse = {
        f"coarse share, {name}": {tap: pull.coarse for tap, pull in found.items()}
        for name, found in named.items()
    }
    print(table({**strengths, **coarse}))


if __name__ == "__main__":
    main()
