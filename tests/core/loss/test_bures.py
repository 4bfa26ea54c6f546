from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.bures import bures_metric, local_wasserstein_loss
from napari_nst.core.loss.statistics import Moments, blend, sums
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.network.encoder import Encoder
from napari_nst.settings.config import StyleConfig

CHANNELS = 6


def moments(seed: int, *, turn: Tensor | None = None) -> Moments:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(CHANNELS, CHANNELS, generator=generator, dtype=torch.float64)
    rows = torch.randn(CHANNELS, 400, generator=generator, dtype=torch.float64)
    features = mixing @ rows + torch.randn(CHANNELS, 1, generator=generator).double()
    features = features if turn is None else turn @ features
    total, gram = sums(features.view(1, CHANNELS, 20, 20))
    return Moments(total / 400, gram / 400)


def exact(picture: Moments, style: Moments, noise: float) -> Tensor:
    """The squared Wasserstein-2 distance with noise of a variance added to both, over N."""

    def root(matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T

    identity = torch.eye(CHANNELS, dtype=torch.float64)
    one, two = (each.covariance + noise * identity for each in (picture, style))
    cross = root(root(two) @ one @ root(two))
    spread = (one + two - 2 * cross).diagonal().sum()
    return ((picture.mean - style.mean).square().sum() + spread) / CHANNELS


def noise_of(style: Moments, content: Moments) -> float:
    return 0.1 * float(((style.covariance + content.covariance) / 2).diagonal().mean())


@pytest.mark.parametrize("share", [0.1, 0.01, 0.001])
def test_near_the_style_it_is_the_exact_distance_to_second_order(share: float) -> None:
    style, other = moments(1), moments(2)
    near = blend([style, other], [0.5, 0.5])
    near = Moments(
        style.mean + share * (near.mean - style.mean),
        style.second + share * (near.second - style.second),
    )
    metric = bures_metric(style, style)
    found = float(local_wasserstein_loss(near, style, metric))
    wanted = float(exact(near, style, noise_of(style, style)))
    assert found == pytest.approx(wanted, rel=3 * share)


def test_the_metric_of_the_middle_is_nearer_to_the_exact_distance_than_that_of_an_end() -> None:
    style, content = moments(1), moments(2)
    near = Moments(style.mean, style.second + 0.3 * (content.second - style.second))
    errors = []
    for end in (near, style):
        found = local_wasserstein_loss(near, style, bures_metric(style, end))
        errors.append(abs(float(found / exact(near, style, noise_of(style, end))) - 1))
    assert errors[0] < 0.3 * errors[1]


def test_it_is_exactly_zero_at_the_style_and_nowhere_else() -> None:
    style, content = moments(1), moments(2)
    metric = bures_metric(style, content)
    assert float(local_wasserstein_loss(style, style, metric)) == 0
    assert float(local_wasserstein_loss(content, style, metric)) > 0.1


def test_turning_the_channels_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(5)
    turn, _ = torch.linalg.qr(torch.randn(CHANNELS, CHANNELS, generator=generator).double())
    values = []
    for each in (None, turn):
        style, content, picture = (moments(seed, turn=each) for seed in (1, 2, 3))
        metric = bures_metric(style, content)
        values.append(float(local_wasserstein_loss(picture, style, metric)))
    assert values[0] == pytest.approx(values[1], rel=1e-9)


@pytest.mark.parametrize("spread", [0.0, 1e-20])
def test_flat_pictures_have_a_finite_metric(spread: float) -> None:
    flat = Moments(torch.zeros(4), torch.full((4, 4), spread))
    metric = bures_metric(flat, flat)
    assert bool(torch.isfinite(metric.vectors).all())
    assert float(metric.sums.min()) > 0
    assert float(local_wasserstein_loss(flat, flat, metric)) == 0


@pytest.mark.parametrize("styles", [1, 2])
def test_gradient_equals_central_differences_through_the_network(
    tiny_tensors: Mapping[str, Tensor], styles: int
) -> None:
    config = StyleConfig.preset("default", content_weight=0.0)
    encoder = Encoder(
        tiny_tensors,
        feed="torchvision",
        taps=config.taps,
        dtype=torch.float64,
    )
    generator = torch.Generator().manual_seed(3)
    shape = (1, 3, 33, 36)
    pictures = [torch.rand(shape, generator=generator).double() for _ in range(2 + styles)]
    picture, content, *of_style = pictures
    objective = build_objective(encoder, content, of_style, config)
    found = loss_and_gradient(picture, encoder, objective, config)
    way = torch.randn(shape, generator=generator).double()
    step = 1e-6
    ahead, behind = (
        loss_and_gradient(picture + sign * step * way, encoder, objective, config).loss
        for sign in (1, -1)
    )
    slope = float((found.gradient * way).sum())
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


def test_statistics_of_any_parts_add_up_to_the_same_loss() -> None:
    generator = torch.Generator().manual_seed(7)
    features = torch.randn(1, CHANNELS, 31, 24, generator=generator, dtype=torch.float64)
    style, content = moments(1), moments(2)
    metric = bures_metric(style, content)
    cuts = sorted(torch.randint(1, 31, (4,), generator=generator).tolist())
    total = torch.zeros(CHANNELS, dtype=torch.float64)
    gram = torch.zeros(CHANNELS, CHANNELS, dtype=torch.float64)
    for first, last in zip([0, *cuts], [*cuts, 31], strict=True):
        part = sums(features[:, :, first:last]) if last > first else (0, 0)
        total, gram = total + part[0], gram + part[1]
    whole = sums(features)
    count = 31 * 24
    losses = [
        float(local_wasserstein_loss(Moments(s / count, g / count), style, metric))
        for s, g in ((total, gram), whole)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
