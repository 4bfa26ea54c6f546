"""Statistics and gradients by windows are those of the whole picture."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from napari_nst.core.evaluate import loss_and_gradient, value_and_slopes
from napari_nst.core.loss.additive import Sums
from napari_nst.core.loss.objective import Held, Objective
from napari_nst.core.loss.statistics import add_sums_pullback, sums
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.loss.variation import add_variation_pullback, variation, variation_sums
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.window import Box, Window, halo_px
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.vgg_layers import tap_geometry
from tests.core import textbook

Size = tuple[int, int]


def picture(size: Size, seed: int = 0, *, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((1, channels, *size), generator=generator, dtype=torch.float64)


def edges(length: int, step: int, generator: torch.Generator) -> list[int]:
    """Cut a length at some random multiples of a step."""
    inside = [at for at in range(step, length, step) if torch.rand(1, generator=generator) < 0.5]
    return [0, *inside, length]


def partition(size: Size, step: int, halo: int, seed: int) -> Iterator[Window]:
    """Part a picture into rows of windows, each row cut at other columns."""
    generator = torch.Generator().manual_seed(seed)
    rows = edges(size[0], step, generator)
    for top, bottom in pairwise(rows):
        columns = edges(size[1], step, generator)
        for left, right in pairwise(columns):
            yield Window.around(Box(top, bottom, left, right), size, halo_px=halo)


def encoder_for(config: StyleConfig, tensors: Mapping[str, Tensor]) -> Encoder:
    return Encoder(
        tensors,
        feed="torchvision",
        taps=(*config.content_layers, *config.style_layers),
        pooling=config.pooling,
        padding=config.padding,
        dtype=torch.float64,
    )


def outer(image: Tensor, window: Window) -> Tensor:
    return image[..., window.outer.rows, window.outer.columns]


def observed(
    image: Tensor,
    encoder: Encoder,
    objective: Objective,
    config: StyleConfig,
    windows: list[Window],
) -> Sums:
    """Add up the statistics of a picture by windows."""
    found: Sums = {}
    for window in windows:
        encoder.show(outer(image, window), partial(objective.observe, found, window=window), window)
        objective.observe_picture(found, outer(image, window), config, window=window)
    return found


def by_windows(
    image: Tensor,
    encoder: Encoder,
    objective: Objective,
    config: StyleConfig,
    windows: list[Window],
) -> Evaluation:
    """Evaluate loss and gradient as an evaluator by windows would: one pass for the sums, one back.

    The gradients of the windows are added up where their halos overlap.
    """
    with torch.no_grad():
        found = observed(image, encoder, objective, config, windows)
    terms, slopes = value_and_slopes(found, objective, config)
    gradient = torch.zeros_like(image)
    with torch.no_grad():
        for window in windows:
            seen = outer(image, window)
            tape = encoder.forward(seen, lambda _tap, _rows, _features: None, window)
            pullback = partial(objective.pullback, window=window, slopes=slopes)
            own = encoder.backward(tape, pullback)
            objective.pullback_to_picture(own, seen, config, window=window, slopes=slopes)
            outer(gradient, window).add_(own)
    return Evaluation(sum(terms.values()), terms, gradient)


SETTINGS = {
    "gram": {"tv_weight": 1e-3},
    "moments": {"style_loss": "gram_moments", "moments_weight": 10.0, "pooling": "l2"},
    "wasserstein": {"style_loss": "wasserstein", "tv_weight": 2.0, "tv_loss": "l2"},
    "local": {"style_loss": "local_wasserstein", "padding": "replicate", "pooling": "average"},
    "before the ReLU": {"content_layers": ("conv2_2",), "style_layers": ("conv1_1", "conv3_1")},
    "shallow": {"content_layers": ("relu2_1",), "style_layers": ("relu1_2",)},
}


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_loss_and_gradient_by_windows_equal_those_of_the_whole_picture(
    tiny_tensors: Mapping[str, Tensor], changes: dict
) -> None:
    config = StyleConfig(**changes)
    size = (333, 301)
    encoder = encoder_for(config, tiny_tensors)
    content, style, image = (picture(size, seed) for seed in (1, 2, 3))
    objective = build_objective(encoder, content, [style], config)
    halo = halo_px(encoder.taps)
    windows = [
        Window.around(
            Box(top, min(top + 128, size[0]), left, min(left + 128, size[1])), size, halo_px=halo
        )
        for top in range(0, size[0], 128)
        for left in range(0, size[1], 128)
    ]
    whole = loss_and_gradient(image, encoder, objective, config)
    parted = by_windows(image, encoder, objective, config, windows)
    assert parted.loss == pytest.approx(whole.loss, rel=1e-10)
    assert parted.terms == pytest.approx(whole.terms, rel=1e-10)
    error = (parted.gradient - whole.gradient).norm() / whole.gradient.norm()
    assert error < 1e-10


@pytest.mark.parametrize("seed", range(6))
def test_sums_over_any_partition_add_up_to_those_of_the_whole_picture(
    tiny_tensors: Mapping[str, Tensor], seed: int
) -> None:
    config = StyleConfig(tv_weight=1.0, tv_loss="l2", style_layers=("relu1_1", "conv3_2"))
    size = (77, 91)
    encoder = encoder_for(config, tiny_tensors)
    content, style, image = (picture(size, seed) for seed in (1, 2, 3))
    objective = build_objective(encoder, content, [style], config)
    step = max(tap_geometry(tap).stride_px for tap in encoder.taps)
    with torch.no_grad():
        whole = observed(image, encoder, objective, config, [Window.whole(size)])
        windows = list(partition(size, step, halo_px(encoder.taps), seed))
        parted = observed(image, encoder, objective, config, windows)
    assert parted.keys() == whole.keys()
    for key, value in whole.items():
        torch.testing.assert_close(parted[key], value, rtol=1e-11, atol=1e-11)


def test_the_halo_is_the_least_that_the_receptive_field_fits_into() -> None:
    assert halo_px(("relu5_1", "relu1_1")) == 70
    assert halo_px(("relu1_1",)) == 1
    assert halo_px(("relu2_1",)) == 4


def test_blocks_need_less_of_the_halo_the_deeper_they_are() -> None:
    size, inner = (512, 330), Box(160, 320, 160, 330)
    window = Window.around(inner, size, halo_px=halo_px(("relu5_1",)))
    halos = {1: 70, 2: 34, 4: 16, 8: 6, 16: 1}
    for stride, halo in halos.items():
        top, bottom, left, right = (edge // stride for edge in inner)
        assert window.seen(stride) == (top - halo, bottom + halo, left - halo, right)
        assert Window.whole(size).seen(stride) == (0, 512 // stride, 0, 330 // stride)


def test_weights_of_ones_change_nothing_and_zeros_leave_positions_out(
    tiny_tensors: Mapping[str, Tensor],
) -> None:
    config = StyleConfig(content_layers=(), style_layers=("relu1_1", "relu2_1"))
    size = (33, 40)
    encoder = encoder_for(config, tiny_tensors)
    style, image = picture(size, 1), picture(size, 2)
    plain = build_objective(encoder, image, [style], config)
    strides = {tap: tap_geometry(tap).stride_px for tap in encoder.taps}
    shapes = {tap: (1, 1, *(side // stride for side in size)) for tap, stride in strides.items()}
    ones = {tap: Held(torch.ones(shape)) for tap, shape in shapes.items()}
    before = loss_and_gradient(image, encoder, plain, config)
    (everything,) = plain.regions
    weighted = replace(plain, regions=[replace(everything, weights=ones)])
    after = loss_and_gradient(image, encoder, weighted, config)
    assert after.loss == before.loss
    assert torch.equal(after.gradient, before.gradient)

    upper = {tap: torch.zeros(shape) for tap, shape in shapes.items()}
    for tap, weights in upper.items():
        weights[:, :, : 16 // strides[tap]] = 1
    positions = {tap: float(weights.sum()) for tap, weights in upper.items()}
    held = {tap: Held(each) for tap, each in upper.items()}
    region = replace(plain, regions=[replace(everything, weights=held, positions=positions)])
    found = loss_and_gradient(image, encoder, region, config)
    changed = image.clone()
    changed[:, :, 20:] = 0.5  # below what the weighted positions see
    elsewhere = loss_and_gradient(changed, encoder, region, config)
    assert elsewhere.loss == pytest.approx(found.loss, rel=1e-12)
    assert float(found.gradient[:, :, 20:].abs().max()) == 0
    assert float(found.gradient[:, :, :16].abs().min()) > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weighted_sums_and_their_pullback_equal_autograd(dtype: torch.dtype) -> None:
    features = picture((31, 40), 1, channels=64).to(dtype).double()
    weights = picture((31, 40), 2, channels=1).to(dtype).double()
    d_total, d_gram = torch.randn(64).double(), torch.randn(64, 64).double()
    leaf = features.clone().requires_grad_()
    f, w = leaf.flatten(2)[0], weights.flatten()
    wanted = f @ w, (f * w) @ f.T
    ((wanted[0] * d_total).sum() + (wanted[1] * d_gram).sum()).backward()
    narrow = features.to(dtype).contiguous(memory_format=torch.channels_last)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-2
    for found, expected in zip(sums(narrow, weights.to(dtype)), wanted, strict=True):
        assert (found - expected.detach()).norm() < tolerance * expected.detach().norm()
    gradient = torch.zeros_like(narrow)
    add_sums_pullback(gradient, narrow, d_total, d_gram, weights.to(dtype))
    assert (gradient - leaf.grad).norm() < tolerance * leaf.grad.norm()


def plain_variation(image: Tensor, kind: str) -> Tensor:
    if kind == "l2":
        return textbook.nine_point_variation(image)
    return 255 * (image.diff(dim=-1).abs().sum() + image.diff(dim=-2).abs().sum())


@pytest.mark.parametrize("kind", ["l1", "l2"])
@pytest.mark.parametrize("size", [(13, 17), (2, 9), (1, 6), (1, 1)])
def test_total_variation_and_its_gradient_equal_autograd(kind: str, size: Size) -> None:
    image, window = picture(size).requires_grad_(), Window.whole(size)
    expected = plain_variation(image, kind)
    (slope,) = torch.autograd.grad(expected, image)
    found = variation_sums(image.detach(), window, kind).requires_grad_()
    value = variation(found, size, kind, 255.0)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    (slopes,) = torch.autograd.grad(value, found)
    gradient = torch.ones_like(slope)
    add_variation_pullback(gradient, image.detach(), window, kind, slopes)
    torch.testing.assert_close(gradient - 1, slope, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["l1", "l2"])
@pytest.mark.parametrize("halo", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_total_variation_of_windows_with_a_halo_of_a_pixel_adds_up(
    kind: str, halo: int, seed: int
) -> None:
    size = (14, 19)
    image = picture(size)
    whole = variation_sums(image, Window.whole(size), kind)
    slopes = torch.rand_like(whole)
    gradient, parted = torch.zeros_like(image), torch.zeros_like(image)
    add_variation_pullback(gradient, image, Window.whole(size), kind, slopes)
    total = torch.zeros_like(whole)
    for window in partition(size, 1, halo, seed):
        seen = outer(image, window)
        total += variation_sums(seen, window, kind)
        add_variation_pullback(outer(parted, window), seen, window, kind, slopes)
    torch.testing.assert_close(total, whole, rtol=1e-12, atol=0)
    torch.testing.assert_close(parted, gradient, rtol=1e-12, atol=1e-13)
