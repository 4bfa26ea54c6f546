"""One step by windows is one step on the whole picture, whatever the geometry and the settings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_nst.core.control import RunControl, Stopped
from napari_nst.core.loss.objective import PUBLISHED
from napari_nst.core.network.encoder import encoder_for
from napari_nst.core.network.window import windows_of
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.picture import Picture, Pictures
from napari_nst.core.picture_evaluator import PictureEvaluator
from napari_nst.core.store.pixels import HeldPixels
from napari_nst.core.tiling.layout import Layout
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.presets import PRESETS
from napari_nst.settings.regions import Regions

Size = tuple[int, int]
FAST = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SIDES = st.integers(40, 260)
TILES = st.integers(64, 200)
LOSSES = {
    "gram": {"tv_weight": 1e-3},
    "paper": {"style_loss": "gram_paper", "content_loss": "half_sum"},
    "moments": {"style_loss": "gram_moments", "moments_weight": 10.0, "pooling": "l2"},
    "wasserstein": {"style_loss": "wasserstein", "tv_weight": 2.0, "tv_loss": "l2"},
    "local": {"style_loss": "local_wasserstein", "padding": "replicate", "pooling": "average"},
    "average x2": {"pooling": "average_x2", "style_layers": ("conv1_1", "relu2_2", "conv4_3")},
}


def random(size: Size, seed: int) -> Tensor:
    return torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(seed)).double()


def picture(size: Size, seed: int) -> Picture:
    return Picture(random(size, seed).float(), None, np.dtype(np.float32))


def evaluated(
    tensors: Mapping[str, Tensor],
    config: StyleConfig,
    size: Size,
    layout: Layout,
    dtype: torch.dtype = torch.float64,
    styles: int = 1,
    regions: Regions | None = None,
) -> Evaluation:
    """Evaluate a random picture beside a random content, as a run does."""
    encoder = encoder_for(
        config, tensors, feed="torchvision", device=torch.device("cpu"), dtype=dtype
    )
    evaluator = PictureEvaluator(
        Pictures(
            picture(size, 1), [picture((90, 70 + 9 * each), 2 + each) for each in range(styles)]
        ),
        encoder,
        config,
        grey=torch.full((1, 3, 1, 1), 0.5),
        balance=PUBLISHED,
        control=RunControl(),
        layout=layout,
        regions=regions,
    )
    start = random(size, 9)
    evaluator.enter(size, start)
    return evaluator(HeldPixels(start))


def difference(one: Evaluation, other: Evaluation) -> float:
    return float((one.gradient - other.gradient).norm() / other.gradient.norm())


@pytest.mark.parametrize("changes", LOSSES.values(), ids=LOSSES)
@FAST
@given(height=SIDES, width=SIDES, tile=TILES)
def test_in_float64_loss_and_gradient_are_those_of_the_whole_picture(
    tiny_tensors: Mapping[str, Tensor], changes: dict[str, Any], height: int, width: int, tile: int
) -> None:
    config, size = StyleConfig(size=None, **changes), (height, width)
    whole = evaluated(tiny_tensors, config, size, Layout())
    tiled = evaluated(tiny_tensors, config, size, Layout(tile))
    assert tiled.terms == pytest.approx(whole.terms, rel=1e-10)
    assert difference(tiled, whole) < 1e-10


def painted_regions(seed: int, feather_px: float) -> Regions:
    """Paint blobs of four labels, parts of a style, and where the content matters."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 4, (3, 4)).repeat(17, 0).repeat(19, 1)
    parts = np.array([[1, 1, 2], [2, 1, 0]]).repeat(40, 0).repeat(30, 1)
    return Regions(
        labels,
        {1: 0, 2: 1, 3: "keep"},
        rest="blend",
        feather_px=feather_px,
        style_labels=(parts, None),
        content_mask=draw.random((5, 7)),
    )


@pytest.mark.parametrize("changes", LOSSES.values(), ids=LOSSES)
@FAST
@given(height=SIDES, width=SIDES, tile=TILES, seed=st.integers(0, 9))
def test_with_regions_too(
    tiny_tensors: Mapping[str, Tensor],
    changes: dict[str, Any],
    height: int,
    width: int,
    tile: int,
    seed: int,
) -> None:
    config, size = StyleConfig(size=None, blend=(3.0, 1.0), **changes), (height, width)
    regions = painted_regions(seed, feather_px=7.0 * (seed % 2))
    whole, tiled = (
        evaluated(tiny_tensors, config, size, layout, styles=2, regions=regions)
        for layout in (Layout(), Layout(tile))
    )
    assert tiled.terms == pytest.approx(whole.terms, rel=1e-10)
    assert difference(tiled, whole) < 1e-10


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("styles", [1, 2])
def test_every_preset_is_exact_in_float32(
    tiny_tensors: Mapping[str, Tensor], name: str, styles: int
) -> None:
    config = StyleConfig.preset(name, size=None)
    whole, tiled = (
        evaluated(tiny_tensors, config, (237, 203), layout, torch.float32, styles)
        for layout in (Layout(), Layout(96))
    )
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-3)
    # The roots of exact Wasserstein magnify roundings.
    limit = 1e-3 if config.style_loss == "wasserstein" else 1e-4
    assert difference(tiled, whole) < limit


@pytest.mark.parametrize("loss", ["gram", "local_wasserstein"])
def test_in_bfloat16_windows_differ_as_two_orders_of_the_same_sums_do(
    tiny_tensors: Mapping[str, Tensor], loss: str
) -> None:
    config = StyleConfig(size=None, style_loss=loss)
    size, narrow = (237, 203), torch.bfloat16
    exact = evaluated(tiny_tensors, config, size, Layout())
    whole, tiled = (
        evaluated(tiny_tensors, config, size, layout, narrow) for layout in (Layout(), Layout(96))
    )
    rounding = difference(whole, exact)
    assert difference(tiled, exact) < 1.3 * rounding
    assert tiled.loss == pytest.approx(whole.loss, rel=2e-2)


@FAST
@given(height=st.integers(16, 700), width=st.integers(16, 700), tile=st.integers(1, 900))
def test_windows_cover_a_picture_once_and_are_no_larger_than_a_tile(
    height: int, width: int, tile: int
) -> None:
    covered = torch.zeros(height, width, dtype=torch.int)
    for window in windows_of((height, width), ("relu5_1",), tile):
        inner, outer = window.inner, window.outer
        covered[inner.rows, inner.columns] += 1
        assert max(inner.bottom - inner.top, inner.right - inner.left) <= max(16, tile)
        for near, far, side in ((outer.top, inner.top, 0), (outer.left, inner.left, 0)):
            assert near % 2 == 0
            assert near == max(side, far - 70)
    assert bool((covered == 1).all())


def test_a_stop_acts_before_the_next_window(tiny_tensors: Mapping[str, Tensor]) -> None:
    seen = []

    def stop_at_the_fourth() -> None:
        seen.append(1)
        if len(seen) == 4:
            raise Stopped

    with pytest.raises(Stopped):
        evaluated(
            tiny_tensors, StyleConfig(size=None), (200, 200), Layout(64, between=stop_at_the_fourth)
        )
    assert len(seen) == 4
