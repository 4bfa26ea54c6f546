"""Masks, and what regions weigh: shares of pixels, their sums, and their gradients."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_nst.core.control import RunControl
from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.masks import Mask, label_mask, level_mask
from napari_nst.core.loss.objective import PUBLISHED
from napari_nst.core.loss.targets import Part, measured, objective_of
from napari_nst.core.network.encoder import encoder_for
from napari_nst.core.picture import Picture, Pictures
from napari_nst.core.picture_evaluator import PictureEvaluator
from napari_nst.core.store.pixels import HeldPixels
from napari_nst.core.store.store import InMemory
from napari_nst.core.tiling.layout import Layout
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.regions import Regions

LABELS = np.random.default_rng(0).integers(0, 4, (9, 13)).astype(np.uint8)
SIZE = (75, 91)
EVERY = slice(0, SIZE[0])
EXACT = {"feed": "torchvision", "device": torch.device("cpu"), "dtype": torch.float64}


def random(size: tuple[int, int], seed: int) -> Tensor:
    return torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(seed)).double()


def mask_of(labels: list[int], feather_px: float = 0.0) -> Mask:
    found = label_mask(LABELS, labels, SIZE, feather_px=feather_px)
    assert found is not None
    return found


@pytest.mark.parametrize("feather_px", [0.0, 0.5, 9.0])
def test_the_shares_of_all_labels_sum_to_one_in_pixels_and_positions(feather_px: float) -> None:
    masks = [mask_of([label], feather_px) for label in range(4)]
    for stride in (1, 2, 16):
        whole = sum(mask.pooled(stride, InMemory()) for mask in masks)
        assert isinstance(whole, Tensor)
        assert whole.shape == (1, 1, SIZE[0] // stride, SIZE[1] // stride)
        torch.testing.assert_close(whole, torch.ones_like(whole))
    two = masks[0].rows(EVERY) + masks[2].rows(EVERY)
    torch.testing.assert_close(mask_of([0, 2], feather_px).rows(EVERY), two)


@pytest.mark.parametrize("feather_px", [0.0, 9.0])
def test_rows_are_those_of_the_whole(feather_px: float) -> None:
    mask = mask_of([1, 3], feather_px)
    whole = mask.rows(EVERY)
    for rows in (slice(0, 1), slice(20, 43), slice(74, 75)):
        torch.testing.assert_close(mask.rows(rows), whole[..., rows, :])


def test_at_its_own_size_a_mask_is_as_painted_and_all_labels_are_none() -> None:
    size = LABELS.shape[0], LABELS.shape[1]
    mask = label_mask(LABELS, [2], size)
    assert mask is not None
    np.testing.assert_array_equal(mask.rows(slice(0, 9))[0, 0].numpy(), LABELS == 2)
    assert label_mask(LABELS, [0, 1, 2, 3], SIZE) is None
    levels = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_allclose(level_mask(levels, (1, 3)).rows(slice(0, 1))[0, 0], [[0, 0.2, 1]])


def test_the_moments_of_a_part_are_weighted_means(tiny_tensors: Mapping[str, Tensor]) -> None:
    config = StyleConfig(content_layers=(), style_layers=("relu1_1", "relu2_1"))
    encoder = encoder_for(config, tiny_tensors, **EXACT)
    style, mask = random(SIZE, 1), mask_of([1])
    found = measured(encoder, HeldPixels(style), config, None, mask)
    seen: dict[str, list[Tensor]] = {tap: [] for tap in config.style_layers}
    encoder.show(style, lambda tap, rows, features: seen[tap].append(features.clone()))
    for tap, stride in (("relu1_1", 1), ("relu2_1", 2)):
        weights = mask.pooled(stride, InMemory()).double().flatten()
        values = torch.cat(seen[tap], 2)[0].flatten(1)
        weights = weights[: values.shape[1]]
        torch.testing.assert_close(found[tap].mean, values @ weights / weights.sum())
        torch.testing.assert_close(found[tap].second, (values * weights) @ values.T / weights.sum())


@pytest.mark.parametrize("loss", ["gram", "gram_moments", "local_wasserstein"])
def test_the_gradient_with_regions_is_the_slope_of_the_loss(
    tiny_tensors: Mapping[str, Tensor], loss: str
) -> None:
    config = StyleConfig(
        content_layers=("relu2_2",),
        style_layers=("relu1_1", "relu3_1"),
        style_loss=loss,
        moments_weight=5.0,
        content_weight=10.0,
    )
    encoder = encoder_for(config, tiny_tensors, **EXACT)
    styles = [measured(encoder, HeldPixels(random((60, 70), seed)), config) for seed in (1, 2)]
    parts = [Part(styles, (0.3, 0.7), mask_of([1], 4)), Part(styles, (1.0, 0.0), mask_of([0, 3]))]
    mask = level_mask(LABELS * 60, SIZE)
    content = HeldPixels(random(SIZE, 3))
    objective = objective_of(encoder, content, parts, config, content_mask=mask)
    picture, along = random(SIZE, 4), random(SIZE, 5) - 0.5
    gradient = loss_and_gradient(picture, encoder, objective, config).gradient
    step = 1e-6
    higher, lower = (
        loss_and_gradient(picture + sign * step * along, encoder, objective, config).loss
        for sign in (1, -1)
    )
    wanted = (higher - lower) / (2 * step)
    assert float((gradient * along).sum()) == pytest.approx(wanted, rel=1e-4)


def evaluated(
    tensors: Mapping[str, Tensor], config: StyleConfig, start: Tensor, regions: Regions | None
) -> Tensor:
    """Return a run's gradient at a picture whose content is a grey."""
    size = start.shape[-2], start.shape[-1]
    encoder = encoder_for(config, tensors, **EXACT)
    grey = Picture(torch.full((1, 3, *size), 0.5), None, np.dtype(np.float32))
    style = Picture(random((64, 64), 7).float(), None, np.dtype(np.float32))
    evaluator = PictureEvaluator(
        Pictures(grey, [style]),
        encoder,
        config,
        grey=torch.full((1, 3, 1, 1), 0.5),
        balance=PUBLISHED,
        control=RunControl(),
        layout=Layout(),
        regions=regions,
    )
    evaluator.enter(size, start)
    return evaluator(HeldPixels(start)).gradient


SHALLOW = StyleConfig(size=None, content_layers=(), style_layers=("relu1_1", "relu2_1"))


@pytest.mark.parametrize("loss", ["gram", "local_wasserstein"])
def test_a_mask_moved_by_16_px_moves_its_effect_by_16_px(
    tiny_tensors: Mapping[str, Tensor], loss: str
) -> None:
    config = SHALLOW.replace(style_loss=loss)
    start = random((16, 16), 1).repeat(1, 1, 6, 8)
    labels = np.zeros((96, 128), int)
    labels[21:50, 30:61] = 1
    first, second = (
        evaluated(tiny_tensors, config, start, Regions(each, {1: 0}, rest="keep"))
        for each in (labels, np.roll(labels, (16, 32), (0, 1)))
    )
    assert float(first.abs().max()) > 0
    torch.testing.assert_close(
        first.roll((16, 32), (2, 3)), second, rtol=1e-9, atol=1e-9 * float(first.abs().max())
    )


def test_a_pixel_is_pulled_as_much_whatever_the_area_of_its_region(
    tiny_tensors: Mapping[str, Tensor],
) -> None:
    start = random((256, 256), 1)  # the same everywhere, statistically
    plain = evaluated(tiny_tensors, SHALLOW, start, None)[..., :14, :].norm()
    for height in (16, 64, 192):
        labels = (np.arange(256) < height).astype(int)[:, None].repeat(256, 1)
        regions = Regions(labels, {1: 0}, rest="keep")
        found = evaluated(tiny_tensors, SHALLOW, start, regions)[..., :14, :].norm()
        assert float(found) == pytest.approx(float(plain), rel=0.15)


@pytest.mark.parametrize("size", [(48, 80), (15, 25), (45, 40), (30, 50)])
def test_a_mask_that_wraps_is_resized_across_its_seam(size: tuple[int, int]) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (30, 50)).astype(np.uint8)
    # Half of it, or the next shift that is whole pixels before and after resizing:
    shifts = [
        (source // math.gcd(source, after), after // math.gcd(source, after))
        for source, after in zip(levels.shape, size, strict=True)
    ]
    times = [max(1, math.gcd(a, b) // 2) for a, b in zip(levels.shape, size, strict=True)]
    before = [shift[0] * count for shift, count in zip(shifts, times, strict=True)]
    after = [shift[1] * count for shift, count in zip(shifts, times, strict=True)]
    rolled = level_mask(np.roll(levels, before, (0, 1)), size, wraps=True)
    mask = level_mask(levels, size, wraps=True)
    whole = mask.rows(slice(0, size[0]))
    torch.testing.assert_close(rolled.rows(slice(0, size[0])), whole.roll(after, (2, 3)))
    torch.testing.assert_close(mask.rows(slice(3, 9)), whole[..., 3:9, :])
    inside = (..., slice(4, -4), slice(4, -4))
    plain = level_mask(levels, size).rows(slice(0, size[0]))
    torch.testing.assert_close(whole[inside], plain[inside])


def test_regions_that_wrap_have_no_edge_in_their_pooled_weights() -> None:
    """A region across the seam weighs as the same region in the middle."""
    labels = np.zeros((30, 50), np.uint8)
    labels[:7] = labels[-8:] = 1  # in the middle once it is rolled by half
    size = (48, 80)
    pooled, middle = (
        label_mask(np.roll(labels, by, 0), [1], size, wraps=True).pooled(2, InMemory())  # type: ignore[union-attr]
        for by in (0, 15)
    )
    torch.testing.assert_close(pooled.roll(12, 2), middle)
    assert torch.equal(pooled[:, :, [0, -1]], torch.ones_like(pooled[:, :, [0, -1]]))


def test_the_feather_of_a_mask_that_wraps_is_moved_with_it() -> None:
    labels = np.random.default_rng(1).integers(0, 2, SIZE).astype(np.uint8)
    first, moved = (
        label_mask(np.roll(labels, by, (0, 1)), [1], SIZE, feather_px=9, wraps=True)
        for by in ((0, 0), (31, 40))
    )
    assert first is not None
    assert moved is not None
    torch.testing.assert_close(first.rows(EVERY).roll((31, 40), (2, 3)), moved.rows(EVERY))
    torch.testing.assert_close(moved.rows(slice(70, 75)), moved.rows(EVERY)[..., 70:75, :])
