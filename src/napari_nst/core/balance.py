"""Fit the terms to weights that a preset was not published with.

With mean activation a at a tap, the content term grows with a² and the style term with a⁴, so
published constants mean nothing on other weights. There both terms get a factor, such that on a
generated pair, halfway between its content and its style,

- |∇style| / |∇content| equals the preset's reference ratio;
- the style term's mean slope on the optimised variable is of the size that published constants
  give on Caffe's VGG-19: L-BFGS has absolute thresholds, and takes no steps far below it.

For the loss "local_wasserstein" each layer, of content and of style, first gets the factor that
makes its own gradient on that pair 1 long. Layer weights are then shares of the pull, and mean the
same on any weights, whatever the scale of a layer's activations.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.objective import PUBLISHED, Balance, Objective, layer_name
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.network.encoder import Encoder
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.fields import VARIABLE_MAXIMUM

PICTURE_PX = 128
"""Side of the generated pair."""

_SEED = 20
_CELLS = 9
_STYLE_SLOPE = 0.5


_Key = tuple[str, torch.dtype, torch.device, float, StyleConfig]
_known: dict[_Key, Balance] = {}


def matched_balance(
    encoder: Encoder, config: StyleConfig, reference_ratio: float, *, weights_hash: str
) -> Balance:
    """Find, once per weights and settings, the factors that give the preset's gradients.

    Parameters
    ----------
    encoder
        The network in use.
    config
        Weights and losses; steering and strength do not enter.
    reference_ratio
        |∇style| / |∇content| halfway between the generated content and style.
    weights_hash
        Identifies the encoder's weights.

    Returns
    -------
    Balance
        1 for a term that has no gradient, and for content where style has none.
    """
    plain = config.of_one_style.replace(
        style_strength=1.0, tv_weight=0.0, size=None, steps=None, seed=0
    )
    key = (weights_hash, encoder.dtype, encoder.device, reference_ratio, plain)
    if key not in _known:
        _known[key] = _match(encoder, plain, reference_ratio)
    return _known[key]


def _match(encoder: Encoder, plain: StyleConfig, reference_ratio: float) -> Balance:
    content, style = generated_pair()
    wide = torch.float64 if encoder.dtype == torch.float64 else torch.float32
    content, style = (picture.to(encoder.device, wide) for picture in (content, style))
    objective = build_objective(encoder, content, [style], plain)
    halfway = (content + style) / 2
    layers = _layer_factors(halfway, encoder, objective, plain) if is_by_layer(plain) else {}
    objective = replace(objective, balance=Balance(layers=layers))
    contentless, styleless = plain.replace(content_weight=0.0), plain.replace(style_weight=0.0)
    d_style = loss_and_gradient(halfway, encoder, objective, contentless).gradient
    d_content = loss_and_gradient(halfway, encoder, objective, styleless).gradient
    slope = float(d_style.abs().mean()) / VARIABLE_MAXIMUM[plain.variable]
    style_norm, content_norm = float(d_style.norm()), float(d_content.norm())
    # Not whether any slope is there: with weights of 1e-30 their mean is 0 all the same.
    if not all(0 < each < math.inf for each in (slope, style_norm)):
        return Balance(layers=layers) if layers else PUBLISHED
    style_factor = _STYLE_SLOPE / slope
    if not 0 < content_norm < math.inf:
        return Balance(1.0, style_factor, layers)
    norms = style_norm / content_norm
    return Balance(style_factor * norms / reference_ratio, style_factor, layers)


def is_by_layer(config: StyleConfig) -> bool:
    """Return whether single layers are fitted too, not only the whole terms."""
    return config.style_loss == "local_wasserstein"


def evaluations(config: StyleConfig) -> int:
    """Return how often loss and gradient are evaluated to fit the terms."""
    return 2 + is_by_layer(config) * len(config.taps)


def _layer_factors(
    picture: Tensor, encoder: Encoder, objective: Objective, plain: StyleConfig
) -> dict[str, float]:
    """Find the factors that make each layer's gradient at a picture 1 long."""
    config = plain.replace(
        content_weight=1.0, style_weight=1.0, content_layer_weights=(), style_layer_weights=()
    )
    alone = {
        layer_name("content", tap): replace(objective, content={tap: target}, regions=())
        for tap, target in objective.content.items()
    } | {
        layer_name("style", tap): replace(
            objective, content={}, regions=[replace(region, style={tap: target})]
        )
        for region in objective.regions
        for tap, target in region.style.items()
    }
    norms = {
        name: float(loss_and_gradient(picture, encoder, layer, config).gradient.norm())
        for name, layer in alone.items()
    }
    return {name: 1 / norm for name, norm in norms.items() if 0 < norm < math.inf}


def generated_pair() -> tuple[Tensor, Tensor]:
    """Draw a content of flat regions with edges and a style of fine coloured grain.

    Returns
    -------
    content, style : Tensor, shape (1, 3, 128, 128), values in [0, 1]
        Always the same.
    """
    generator = torch.Generator().manual_seed(_SEED)
    rough = torch.rand((1, 3, _CELLS, _CELLS), generator=generator)
    regions = functional.interpolate(rough, (PICTURE_PX, PICTURE_PX), mode="nearest")
    shading = functional.interpolate(
        torch.rand((1, 3, 3, 3), generator=generator), (PICTURE_PX, PICTURE_PX), mode="bilinear"
    )
    content = 0.7 * regions + 0.3 * shading
    grain = sum(
        functional.interpolate(
            torch.rand((1, 3, side, side), generator=generator),
            (PICTURE_PX, PICTURE_PX),
            mode="bicubic",
        )
        for side in (8, 24, 64)
    )
    assert isinstance(grain, Tensor)
    style = ((grain / 3 - 0.5) * 2.5 + 0.5).clamp(0, 1)
    return content, style
