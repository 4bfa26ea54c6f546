import pytest
import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.network.winograd import TURNED_POINTS, convolve, transform_weights

SIZES = [(1, 1), (3, 9), (8, 8), (13, 6)]


def _case(height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(height)
    shapes = ((1, 3, height, width), (5, 3, 3, 3), (5,))
    picture, weight, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes
    )
    return picture.contiguous(memory_format=torch.channels_last), weight, bias


@pytest.mark.parametrize("size", SIZES)
def test_winograd_equals_convolution(size: tuple[int, int]) -> None:
    picture, weight, bias = _case(*size)
    found = convolve(picture, transform_weights(weight), top=1, count=size[0], bias=bias)
    torch.testing.assert_close(found, functional.conv2d(picture, weight, bias, padding=1))
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", SIZES)
def test_the_same_transform_serves_the_turned_kernel(size: tuple[int, int]) -> None:
    _, weight, _ = _case(*size)
    gradient = torch.randn(1, 5, *size, dtype=torch.float64)
    turned = transform_weights(weight).transpose(1, 2)
    found = convolve(
        gradient.contiguous(memory_format=torch.channels_last),
        turned, top=1, count=size[0], points=TURNED_POINTS,
    )  # fmt: skip
    expected = functional.conv_transpose2d(gradient, weight, padding=1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("first", "last"), [(0, 5), (4, 9), (7, 13), (12, 13)])
def test_rows_of_a_picture_equal_those_of_the_whole(first: int, last: int) -> None:
    picture, weight, bias = _case(13, 6)
    top = max(0, first - 1)
    window = picture[:, :, top : last + 1]
    weights = transform_weights(weight)
    found = convolve(window, weights, top=top - (first - 1), count=last - first, bias=bias)
    whole = functional.conv2d(picture, weight, bias, padding=1)
    torch.testing.assert_close(found, whole[:, :, first:last])


def test_float32_stays_within_a_few_roundings() -> None:
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(1, 256, 32, 32, generator=generator)
    weight = torch.randn(64, 256, 3, 3, generator=generator)
    rows = picture.contiguous(memory_format=torch.channels_last)
    found = convolve(rows, transform_weights(weight), top=1, count=32)
    exact = functional.conv2d(picture.double(), weight.double(), padding=1)
    assert (found - exact).norm() / exact.norm() < 1e-5
