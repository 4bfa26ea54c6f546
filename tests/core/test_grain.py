from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.grain import Grain
from napari_nst.core.store.pixels import HeldPixels
from napari_nst.core.store.scratch import Scratch
from napari_nst.core.store.store import InMemory, Store


def random_picture(seed: int, strength: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + strength * (torch.rand((1, 3, 60, 80), generator=generator) - 0.5)


def grain(
    size: tuple[int, int], styles: list[Tensor], store: Store | None = None, step: int = 0
) -> Tensor:
    found = Grain(
        size,
        [HeldPixels(each) for each in styles],
        [1 / len(styles)] * len(styles),
        store or InMemory(),
    )
    edges = [*range(0, size[0], step or size[0]), size[0]]
    return torch.cat([found.rows(slice(*each)) for each in pairwise(edges)], dim=2)


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


def test_grain_is_the_same_by_rows_and_in_files(tmp_path: Path) -> None:
    style = random_picture(1)
    whole = grain((48, 64), [style])
    parted = grain((48, 64), [style], Scratch(tmp_path, block_bytes=1000), step=7)
    torch.testing.assert_close(parted, whole, rtol=1e-12, atol=1e-12)
