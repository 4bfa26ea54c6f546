"""Weights made ready for settings: the network, and the factors that fit the loss to it."""

from dataclasses import dataclass

import torch

from napari_nst.core.balance import matched_balance
from napari_nst.core.device import resolve_precision
from napari_nst.core.loss.objective import PUBLISHED, Balance
from napari_nst.core.loss.targets import StyleTargets
from napari_nst.core.network.encoder import Encoder, encoder_for
from napari_nst.core.network.preprocess import FeedKind
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.presets import (
    BUILTIN_LAYER_WEIGHTS,
    NATIVE_WEIGHTS,
    PRESETS,
    matched_ratio,
)
from napari_nst.weights import Weights


@dataclass(frozen=True)
class Network:
    """An encoder, the styles that it has measured, and the settings that it was made for."""

    encoder: Encoder
    style_targets: StyleTargets
    feed: FeedKind
    made_for: tuple[object, ...]


def network_for(
    config: StyleConfig, weights: Weights, device: torch.device, last: Network | None
) -> Network:
    """Return the last network if it is what the settings ask for, else create it."""
    in_bytes = config.feed == "bytes" and weights.input == "torchvision"
    feed: FeedKind = "bytes" if in_bytes else weights.input
    dtype = resolve_precision(config.precision, device)
    layers = config.content_layers, config.style_layers
    made_for = (feed, *layers, config.pooling, config.padding, device, dtype)
    if last is not None and last.made_for == made_for:
        return last
    encoder = encoder_for(config, weights.tensors, feed=feed, device=device, dtype=dtype)
    return Network(encoder, StyleTargets(encoder), feed, made_for)


def suited(config: StyleConfig, weights: Weights) -> StyleConfig:
    """Give the built-in features the layer weights that suit them, unless others are asked for."""
    is_plain = not config.style_layer_weights and config.style_loss.startswith("gram")
    is_usual = config.style_layers == StyleConfig().style_layers
    if weights.name == "builtin" and config.balance != "published" and is_plain and is_usual:
        return config.replace(style_layer_weights=BUILTIN_LAYER_WEIGHTS)
    return config


def balance_of(config: StyleConfig, weights: Weights, encoder: Encoder) -> Balance:
    """Return the factors that fit the settings' loss to the weights; measured where needed."""
    native = NATIVE_WEIGHTS.get(config.name)
    is_native = native in (weights.name, weights.input)
    if config.balance == "published" or (config.balance == "auto" and is_native):
        return PUBLISHED
    preset = StyleConfig.preset(config.name) if config.name in PRESETS else StyleConfig()
    own = {"content_weight": preset.content_weight, "style_weight": preset.style_weight}
    # Matched at the preset's own weights: those asked for then act on top of it.
    ratio = matched_ratio(weights.name, config.name)
    return matched_balance(encoder, config.replace(**own), ratio, weights_hash=weights.sha256)
