import pytest
import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.grain import grain


def random_picture(seed: int, strength: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + strength * (torch.rand((1, 3, 60, 80), generator=generator) - 0.5)


def finest_std(picture: Tensor) -> float:
    grey = picture.mean(1, keepdim=True)
    mean = functional.avg_pool2d(grey, 3, stride=1, padding=1, count_include_pad=False)
    return float((grey - mean).std())


def test_grain_is_as_strong_as_the_styles_finest_detail_on_average() -> None:
    strong, weak = random_picture(1), random_picture(2, 0.2)
    assert float(grain((50, 70), [strong]).std()) == pytest.approx(finest_std(strong), rel=1e-5)
    both = grain((50, 70), [strong, weak])
    assert float(both.std()) == pytest.approx((finest_std(strong) + finest_std(weak)) / 2, rel=1e-5)


def test_a_style_without_fine_detail_brings_no_grain() -> None:
    ramp = torch.linspace(0, 1, 80).expand(1, 3, 60, 80)
    assert float(grain((50, 70), [ramp]).abs().max()) < 0.02
    assert not grain((50, 70), [torch.full((1, 3, 60, 80), 0.3)]).abs().max() > 1e-6


def test_grain_is_grey_repeats_and_moves_no_large_mass() -> None:
    style = random_picture(1)
    first = grain((48, 64), [style])
    assert first.shape == (1, 1, 48, 64)
    assert torch.equal(first, grain((48, 64), [style]))
    masses = functional.avg_pool2d(first, 8)
    white = float(first.std()) / 8  # of the mean of 64 independent values
    assert float(masses.std()) < 0.5 * white
