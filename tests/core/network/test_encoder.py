from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.network import convolution
from napari_nst.core.network.convolution import Convolution
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.preprocess import mean_colour
from napari_nst.errors import ImageError, WeightsError
from napari_nst.weights import load
from tests.core import textbook

TAPS = ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "relu2_1", "conv3_1", "relu4_2", "relu5_1")


@pytest.mark.parametrize("pooling", ["max", "average", "average_x2", "l2"])
@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize("strip_rows", [None, 4, 10])
def test_chain_equals_textbook_autograd(
    tiny_tensors: Mapping[str, Tensor],
    pictures: tuple[Tensor, Tensor, Tensor],
    monkeypatch: pytest.MonkeyPatch,
    pooling: str,
    padding: str,
    strip_rows: int | None,
) -> None:
    if strip_rows:
        monkeypatch.setattr(Convolution, "strip_rows", lambda *_: strip_rows)
    picture = pictures[2].requires_grad_()
    expected = textbook.features(picture, tiny_tensors, pooling=pooling, padding=padding)
    cotangents = {tap: torch.randn_like(expected[tap]) for tap in TAPS}
    torch.stack([(expected[tap] * cotangents[tap]).sum() for tap in TAPS]).sum().backward()
    rows_shown: list[tuple[str, slice]] = []
    encoder = Encoder(
        tiny_tensors,
        feed="torchvision",
        taps=TAPS,
        pooling=pooling,
        padding=padding,
        dtype=torch.float64,
    )
    with torch.no_grad():
        found = encoder.features(picture)
        tape = encoder.forward(picture, lambda *shown: rows_shown.append(shown[:2]))
        for tap in TAPS:
            torch.testing.assert_close(found[tap], expected[tap], rtol=1e-10, atol=1e-10)
            rows = [row for name, rows in rows_shown for row in range(400)[rows] if name == tap]
            assert rows == list(range(expected[tap].shape[-2]))
        gradient = encoder.backward(
            tape,
            lambda tap, rows, _, above: (
                cotangents[tap][:, :, rows] + (0 if above is None else above)
            ),
        )
    torch.testing.assert_close(gradient, picture.grad, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("first", [0, 4, 8])
def test_rows_of_a_convolution_are_those_of_the_whole(dtype: torch.dtype, first: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(16, 8, 3, 3, generator=generator)
    layer = Convolution(weight, weight[:, 0, 0, 0], device=torch.device("cpu"), dtype=dtype)
    whole = torch.randn(1, 8, 12, 9, generator=generator).to(dtype)
    whole = whole.contiguous(memory_format=torch.channels_last)
    window = whole[:, :, max(0, first - 1) : first + 5]
    top = 1 if first == 0 else 0
    with torch.no_grad():
        expected = torch.relu(functional.conv2d(whole, weight.to(dtype), layer._bias, padding=1))
        found = layer.forward(window, (12, 9), top=top, count=4, relu=True)
        torch.testing.assert_close(found, expected[:, :, first : first + 4], rtol=1e-2, atol=1e-2)
        turned = weight.transpose(0, 1).flip(2, 3).to(dtype)
        expected = functional.conv2d(expected, turned, padding=1)
        window = layer.forward(whole, (12, 9), top=1, count=12, relu=True)
        window = window[:, :, max(0, first - 1) : first + 5]
        found = layer.backward(window, (12, 9), top=top, count=4)
        torch.testing.assert_close(found, expected[:, :, first : first + 4], rtol=2e-2, atol=0.5)


@pytest.mark.parametrize("kind", ["torchvision", "caffe", "bytes"])
def test_each_feed_shows_the_network_what_its_source_says(
    tiny_tensors: Mapping[str, Tensor], pictures: tuple[Tensor, Tensor, Tensor], kind: str
) -> None:
    expected = textbook.features(pictures[0], tiny_tensors, kind=kind)["relu2_2"]
    encoder = Encoder(tiny_tensors, feed=kind, taps=("relu2_2",), dtype=torch.float64)
    with torch.no_grad():
        found = encoder.features(pictures[0])["relu2_2"]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_mean_colour_is_the_networks_zero() -> None:
    assert mean_colour("torchvision").flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert (mean_colour("caffe") * 255).flatten().tolist() == pytest.approx(
        [123.68, 116.779, 103.939], rel=1e-5
    )


def test_backward_uses_the_tape_up(
    tiny_tensors: Mapping[str, Tensor], pictures: tuple[Tensor, Tensor, Tensor]
) -> None:
    encoder = Encoder(tiny_tensors, feed="torchvision", taps=TAPS, dtype=torch.float64)
    with torch.no_grad():
        tape = encoder.forward(pictures[0], _look)
        encoder.backward(
            tape, lambda _tap, _rows, features, above: features.clone() if above is None else above
        )
    assert not tape.outputs
    assert not tape.routes


def test_a_picture_too_small_for_the_deepest_layer_is_refused(
    tiny_tensors: Mapping[str, Tensor],
) -> None:
    encoder = Encoder(tiny_tensors, feed="torchvision", taps=("relu5_1",), dtype=torch.float64)
    assert encoder.features(torch.rand(1, 3, 16, 16, dtype=torch.float64))["relu5_1"].numel()
    with pytest.raises(ImageError, match="16x16"):
        encoder.features(torch.rand(1, 3, 9, 30, dtype=torch.float64))


def test_weights_that_end_too_early_are_refused(tiny_tensors: Mapping[str, Tensor]) -> None:
    shallow = {key: value for key, value in tiny_tensors.items() if key[4] < "4"}
    with pytest.raises(WeightsError, match=r"end at conv3_4.*need conv5_1"):
        Encoder(shallow, feed="torchvision", taps=("relu5_1",))


def test_winograd_chain_equals_the_direct_one_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = load("untrained").tensors
    picture = torch.rand(1, 3, 98, 71, generator=torch.Generator().manual_seed(1))
    found = []
    for least_channels in (128, 1 << 20):
        monkeypatch.setattr(convolution, "_WINOGRAD_CHANNELS", least_channels)
        encoder = Encoder(tensors, feed="torchvision", taps=TAPS, pooling="average")
        with torch.no_grad():
            deepest = encoder.features(picture)["relu5_1"]
            tape = encoder.forward(picture, _look)
            gradient = encoder.backward(tape, _ones)
        found.append((deepest, gradient))
    # Roundings move the features a little, and turn a few of the ReLUs over, hence the gradient.
    for fast, exact, bound in zip(*found, (2e-5, 2e-3), strict=True):
        assert 0 < (fast - exact).norm() / exact.norm() < bound


def _look(_tap: str, _rows: slice, _features: Tensor) -> None:
    pass


def _ones(_tap: str, _rows: slice, features: Tensor, above: Tensor | None) -> Tensor:
    return torch.ones_like(features) if above is None else above.add_(1)


def test_bfloat16_features_are_near_float32_ones(
    tiny_tensors: Mapping[str, Tensor], pictures: tuple[Tensor, Tensor, Tensor]
) -> None:
    exact, rough = (
        Encoder(tiny_tensors, feed="torchvision", taps=("relu4_2",), dtype=dtype).features(
            pictures[0].float()
        )["relu4_2"]
        for dtype in (torch.float32, torch.bfloat16)
    )
    error = (rough.float() - exact).norm() / exact.norm()
    assert 0 < error < 0.03
