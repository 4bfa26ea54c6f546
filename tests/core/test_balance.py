from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from napari_nst.core import balance as balance_module
from napari_nst.core.balance import generated_pair, matched_balance
from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.network.encoder import Encoder
from napari_nst.settings.config import StyleConfig


@pytest.mark.parametrize("name", ["gatys", "crowsonkb", "tutorial", "default"])
def test_the_gradients_have_the_reference_ratio(
    tiny_tensors: Mapping[str, Tensor], name: str
) -> None:
    config = StyleConfig.preset(name, tv_weight=0.0)
    encoder = Encoder(
        tiny_tensors,
        feed="torchvision",
        taps=config.taps,
        dtype=torch.float64,
    )
    balance = matched_balance(encoder, config, 12.0, weights_hash="tiny")
    content, style = (picture.double() for picture in generated_pair())
    objective = build_objective(encoder, content, [style], config, balance=balance)
    halfway = (content + style) / 2
    norms = [
        float(loss_and_gradient(halfway, encoder, objective, one).gradient.norm())
        for one in (config.replace(content_weight=0.0), config.replace(style_weight=0.0))
    ]
    assert norms[0] / norms[1] == pytest.approx(12.0, rel=1e-6)


def test_a_run_without_content_has_nothing_to_balance(tiny_tensors: Mapping[str, Tensor]) -> None:
    config = StyleConfig(content_weight=0.0)
    taps = config.taps
    encoder = Encoder(tiny_tensors, feed="torchvision", taps=taps, dtype=torch.float64)
    balance = matched_balance(encoder, config, 12.0, weights_hash="tiny")
    assert balance.content == 1.0
    # The optimiser's thresholds still want slopes of a known size.
    content, style = (picture.double() for picture in generated_pair())
    objective = build_objective(encoder, content, [style], config, balance=balance)
    found = loss_and_gradient((content + style) / 2, encoder, objective, config)
    assert float(found.gradient.abs().mean()) / 255 == pytest.approx(0.5)


def rescaled(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same network with other activations: layers scaled, channels in another order."""
    generator = torch.Generator().manual_seed(11)
    changed: dict[str, Tensor] = {}
    scale, order = 1.0, torch.arange(3)
    for name in [key.removesuffix(".weight") for key in tensors if key.endswith(".weight")]:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        after = float(torch.rand(1, generator=generator)) * 3 + 0.2
        shuffled = torch.randperm(len(bias), generator=generator)
        changed[f"{name}.weight"] = (after / scale * weight[:, order])[shuffled]
        changed[f"{name}.bias"] = (after * bias)[shuffled]
        scale, order = after, shuffled
    return changed


def test_layers_scaled_and_channels_shuffled_paint_the_same_by_local_wasserstein(
    tiny_tensors: Mapping[str, Tensor],
) -> None:
    config = StyleConfig.preset("default")
    content, style = (picture.double() for picture in generated_pair())
    found = []
    for tensors in (tiny_tensors, rescaled(tiny_tensors)):
        taps = config.taps
        encoder = Encoder(tensors, feed="torchvision", taps=taps, dtype=torch.float64)
        balance = matched_balance(encoder, config, 10.0, weights_hash=str(len(found)))
        objective = build_objective(encoder, content, [style], config, balance=balance)
        # On flat regions, as of the content alone, max pooling has ties that rounding decides.
        found.append(loss_and_gradient((content + style) / 2, encoder, objective, config))
    assert found[0].loss == pytest.approx(found[1].loss, rel=1e-6)
    difference = (found[0].gradient - found[1].gradient).norm() / found[0].gradient.norm()
    assert float(difference) < 1e-6


def test_layer_weights_are_shares_of_the_pull(tiny_tensors: Mapping[str, Tensor]) -> None:
    config = StyleConfig.preset("default", content_weight=0.0, style_layer_weights=(1.0,) * 5)
    taps = config.taps
    encoder = Encoder(tiny_tensors, feed="torchvision", taps=taps, dtype=torch.float64)
    balance = matched_balance(encoder, config, 10.0, weights_hash="shares")
    content, style = (picture.double() for picture in generated_pair())
    objective = build_objective(encoder, content, [style], config, balance=balance)
    norms = []
    for position in range(5):
        alone = tuple(float(position == each) for each in range(5))
        only = config.replace(style_layer_weights=alone)
        halfway = (content + style) / 2
        norms.append(float(loss_and_gradient(halfway, encoder, objective, only).gradient.norm()))
    assert norms == pytest.approx([norms[0]] * 5, rel=1e-9)


def test_the_balance_is_worked_out_once_for_weights_and_settings(
    tiny_tensors: Mapping[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = StyleConfig()
    taps = config.taps
    encoder = Encoder(tiny_tensors, feed="torchvision", taps=taps, dtype=torch.float64)
    first = matched_balance(encoder, config, 5.0, weights_hash="once")

    def refuse(*_: object) -> None:
        raise AssertionError("worked out twice")

    monkeypatch.setattr(balance_module, "_match", refuse)
    stronger = config.replace(style_strength=3.0, steps=7, size=64)
    assert matched_balance(encoder, stronger, 5.0, weights_hash="once") == first
    with pytest.raises(AssertionError, match="twice"):
        matched_balance(encoder, config, 5.0, weights_hash="other")


def test_the_generated_pair_is_always_the_same_and_in_range() -> None:
    for one, two in zip(generated_pair(), generated_pair(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
        assert 0 <= float(one.min()) < 0.3
        assert 0.7 < float(one.max()) <= 1
