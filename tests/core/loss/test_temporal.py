"""The temporal term is artistic-videos' formula, and by windows that of the whole picture."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.loss.temporal import TemporalTarget
from napari_nst.core.network.window import halo_px
from napari_nst.settings.config import StyleConfig
from tests.core.loss.test_windows import by_windows, encoder_for, partition, picture

CONFIG = StyleConfig(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


@pytest.fixture
def target() -> TemporalTarget:
    reliability = picture((60, 44), 5, channels=1).round()
    return TemporalTarget(picture((60, 44), 4), reliability)


def test_the_term_is_a_thousand_times_the_mean_of_squares_in_levels(target: TemporalTarget) -> None:
    seen = picture((60, 44)).requires_grad_()
    levels = 255 * (seen - target.picture) * target.reliability
    expected = 1000 * levels.square().mean()
    (slope,) = torch.autograd.grad(expected, seen)
    objective = build_objective(_encoder(), seen.detach(), [picture((48, 48), 2)], CONFIG)
    plain, found = (
        loss_and_gradient(seen.detach(), _encoder(), each, CONFIG)
        for each in (objective, replace(objective, temporal=target))
    )
    assert found.terms["temporal"] == pytest.approx(float(expected.detach()), rel=1e-12)
    torch.testing.assert_close(found.gradient - plain.gradient, slope, rtol=1e-9, atol=1e-9)
    assert not set(plain.terms) & {"temporal"}


def test_on_the_unit_variable_it_pulls_as_hard_beside_the_style(target: TemporalTarget) -> None:
    squares = torch.tensor(3.0)
    assert target.value(squares, 255.0) == pytest.approx(255 * float(target.value(squares, 1.0)))


@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradient_by_windows_equal_those_of_the_whole(
    tiny_tensors: Mapping[str, Tensor], target: TemporalTarget, seed: int
) -> None:
    encoder = encoder_for(CONFIG, tiny_tensors)
    seen = picture((60, 44), 1)
    objective = build_objective(encoder, picture((60, 44)), [picture((48, 48), 2)], CONFIG)
    objective = replace(objective, temporal=target)
    windows = list(partition((60, 44), 16, -(-halo_px(encoder.taps) // 16) * 16, seed))
    whole = loss_and_gradient(seen, encoder, objective, CONFIG)
    parts = by_windows(seen, encoder, objective, CONFIG, windows)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-12)
    assert parts.terms["temporal"] == pytest.approx(whole.terms["temporal"], rel=1e-12)
    error = (parts.gradient - whole.gradient).norm() / whole.gradient.norm()
    assert error < 1e-12


def test_at_another_size_it_asks_for_the_same_picture(target: TemporalTarget) -> None:
    grey = TemporalTarget(torch.full((1, 3, 60, 44), 0.25), torch.ones(1, 1, 60, 44))
    small = grey.resized((30, 22))
    assert small.size == (30, 22)
    torch.testing.assert_close(small.picture, torch.full((1, 3, 30, 22), 0.25))
    assert target.resized((60, 44)) is target


def _encoder():
    from tests.core.textbook import thin_vgg

    return encoder_for(CONFIG, thin_vgg(16))
