"""From content and styles to the objective of one scale."""

import torch
from torch import Tensor

from napari_nst.config import StyleConfig
from napari_nst.core.encoder import Encoder
from napari_nst.core.objective import PUBLISHED, Balance, Objective
from napari_nst.core.statistics import blend, moments


@torch.no_grad()
def build_objective(
    encoder: Encoder,
    content: Tensor,
    styles: list[Tensor],
    config: StyleConfig,
    *,
    balance: Balance = PUBLISHED,
) -> Objective:
    """Measure the targets at this size.

    Parameters
    ----------
    encoder
        With taps at all content and style layers.
    content : Tensor, shape (1, 3, H, W), values in [0, 1]
    styles : list of Tensor, shape (1, 3, H_s, W_s), values in [0, 1]
        Sizes may differ; their statistics are averaged.
    balance
        Fits the terms to the weights, see `napari_nst.core.balance`.
    """
    features = encoder.features(content)
    shapes = {tap: (f.shape[1], f.shape[2] * f.shape[3]) for tap, f in features.items()}
    contents = {tap: features[tap] for tap in config.content_layers}
    del features
    measured = []
    for style in styles:
        found = encoder.features(style)
        measured.append({tap: moments(found[tap]) for tap in config.style_layers})
    blended = {tap: blend([each[tap] for each in measured]) for tap in config.style_layers}
    return Objective(contents, blended, shapes, balance)
