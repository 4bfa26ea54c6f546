from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from napari_nst.config import StyleConfig
from napari_nst.core import balance as balance_module
from napari_nst.core.balance import generated_pair, matched_balance
from napari_nst.core.encoder import Encoder
from napari_nst.core.gradient import loss_and_gradient
from napari_nst.core.targets import build_objective


@pytest.mark.parametrize("name", ["gatys", "crowsonkb", "tutorial"])
def test_the_gradients_have_the_reference_ratio(
    tiny_tensors: Mapping[str, Tensor], name: str
) -> None:
    config = StyleConfig.preset(name, tv_weight=0.0)
    encoder = Encoder(
        tiny_tensors,
        feed="torchvision",
        taps=(*config.content_layers, *config.style_layers),
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
    taps = (*config.content_layers, *config.style_layers)
    encoder = Encoder(tiny_tensors, feed="torchvision", taps=taps, dtype=torch.float64)
    balance = matched_balance(encoder, config, 12.0, weights_hash="tiny")
    assert (balance.content, balance.style) == (1.0, 1.0)


def test_the_balance_is_worked_out_once_for_weights_and_settings(
    tiny_tensors: Mapping[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = StyleConfig()
    taps = (*config.content_layers, *config.style_layers)
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
