import pytest
import torch
from torch import Tensor

from napari_nst.core.loss import statistics
from napari_nst.core.loss.statistics import Moments, add_sums_pullback, sums


def _features(seed: int = 0, channels: int = 6, height: int = 9, width: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (1, channels, height, width)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    return features.contiguous(memory_format=torch.channels_last)


def test_sums_over_two_tiles_add_up_to_the_sums_of_the_whole() -> None:
    features = _features()
    whole = sums(features)
    left, right = sums(features[..., :3]), sums(features[..., 3:])
    for total, a, b in zip(whole, left, right, strict=True):
        torch.testing.assert_close(total, a + b)


def test_sums_do_not_depend_on_the_chunk_length(monkeypatch: pytest.MonkeyPatch) -> None:
    features = _features()
    whole = sums(features)
    monkeypatch.setattr(statistics, "_CHUNK_POSITIONS", 10)
    for expected, found in zip(whole, sums(features), strict=True):
        torch.testing.assert_close(found, expected)


def test_low_precision_features_are_summed_in_float32() -> None:
    total, gram = sums(torch.ones(1, 2, 64, 64, dtype=torch.bfloat16))
    assert total.tolist() == [4096, 4096]
    assert gram.dtype == torch.float32
    assert gram.flatten().tolist() == [4096] * 4


def test_low_precision_sums_are_near_those_of_the_same_features_in_float64() -> None:
    features = _features(channels=256, height=61, width=47).relu().to(torch.bfloat16)
    for expected, found in zip(sums(features.double()), sums(features), strict=True):
        assert (found - expected).norm() < 1e-3 * expected.norm()


def test_pullback_of_the_sums_equals_autograd() -> None:
    features = _features().requires_grad_()
    d_total = torch.randn(6, dtype=torch.float64)
    d_gram = torch.randn(6, 6, dtype=torch.float64)
    f = features.flatten(2)[0]
    ((f.sum(1) * d_total).sum() + ((f @ f.T) * d_gram).sum()).backward()
    before = torch.randn_like(features).contiguous(memory_format=torch.channels_last)
    found = before.clone()
    add_sums_pullback(found, features.detach(), d_total, d_gram)
    torch.testing.assert_close(found - before, features.grad)


def test_every_style_loss_is_zero_only_at_the_style_itself() -> None:
    def moments(features: Tensor) -> Moments:
        total, gram = sums(features)
        positions = features.shape[-2] * features.shape[-1]
        return Moments(total / positions, gram / positions)

    style, other = moments(_features(1, 4, 30, 30)), moments(_features(2, 4, 30, 30) + 0.5)
    for loss in (
        statistics.gram_loss,
        statistics.gram_paper_loss,
        statistics.moments_loss,
        statistics.wasserstein_loss,
    ):
        assert float(loss(style, style)) == pytest.approx(0, abs=1e-6)
        assert float(loss(other, style)) > 1e-4


def test_wasserstein_of_diagonal_gaussians_is_the_closed_form() -> None:
    # For commuting covariances W2^2 = |m1 - m2|^2 + sum (s1 - s2)^2; ours is the channels' mean.
    variances = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 1.5, 1.0])
    means = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 1.0, 0.0])
    one, two = (
        Moments(m.double(), (torch.diag(v) + torch.outer(m, m)).double())
        for m, v in zip(means, variances, strict=True)
    )
    expected = (means[0] - means[1]).square().mean() + (
        (variances[0] + 1e-4).sqrt() - (variances[1] + 1e-4).sqrt()
    ).square().mean()
    assert float(statistics.wasserstein_loss(one, two)) == pytest.approx(float(expected), rel=1e-5)
