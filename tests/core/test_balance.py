from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from napari_nst.config import StyleConfig
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
    balance = matched_balance(encoder, config, 12.0)
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
    balance = matched_balance(encoder, config, 12.0)
    assert (balance.content, balance.style) == (1.0, 1.0)


def test_the_generated_pair_is_always_the_same_and_in_range() -> None:
    for one, two in zip(generated_pair(), generated_pair(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
        assert 0 <= float(one.min()) < 0.3
        assert 0.7 < float(one.max()) <= 1
