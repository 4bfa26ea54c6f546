import pytest
import torch
from torch import Tensor

from napari_nst.core.loss import matrix_root
from napari_nst.core.loss.matrix_root import matrix_square_root


def test_matrix_square_root_squares_to_the_matrix_and_has_its_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    half = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    matrix = half @ half.T + torch.eye(5, dtype=torch.float64)
    root = matrix_square_root(matrix)
    torch.testing.assert_close(root @ root, matrix, rtol=1e-8, atol=1e-8)
    matrix.requires_grad_()
    values, vectors = torch.linalg.eigh(matrix)
    exact = vectors @ torch.diag(values.sqrt()) @ vectors.T
    slope = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    slope = slope + slope.T
    (expected,) = torch.autograd.grad((exact * slope).sum(), matrix)
    (found,) = torch.autograd.grad((matrix_square_root(matrix) * slope).sum(), matrix)
    torch.testing.assert_close(found, (expected + expected.T) / 2, rtol=1e-6, atol=1e-6)


def test_matrix_square_root_takes_exactly_twelve_iterations() -> None:
    # A rank-deficient matrix does not converge in 12: the truncation is part of the formula.
    vector = torch.arange(1.0, 9.0, dtype=torch.float64)
    matrix = torch.outer(vector, vector) + 1e-4 * torch.eye(8, dtype=torch.float64)
    norm = matrix.norm()
    y, z, eye = matrix / norm, torch.eye(8, dtype=torch.float64), torch.eye(8).double()
    for _ in range(12):
        t = (3 * eye - z @ y) / 2
        y, z = y @ t, t @ z
    torch.testing.assert_close(matrix_square_root(matrix), y * norm.sqrt())


def covariance(channels: int, rank: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(channels + rank)
    features = torch.rand((channels, rank), generator=generator, dtype=torch.float64)
    features = (features - 0.4).clamp(min=0)
    floor = 1e-4 * torch.eye(channels, dtype=torch.float64)
    return (features @ features.T / rank + floor).to(dtype)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-3), (torch.float64, 1e-9)])
@pytest.mark.parametrize(("channels", "rank"), [(1, 1), (64, 64), (64, 9), (256, 48)])
def test_eigenvalues_and_products_give_the_same_root_and_gradient(
    channels: int, rank: int, dtype: torch.dtype, bound: float
) -> None:
    generator = torch.Generator().manual_seed(1)
    slope = torch.randn((channels, channels), generator=generator, dtype=torch.float64).to(dtype)
    roots, gradients = [], []
    for way in (matrix_root._ByEigenvalues, matrix_root._ByProducts):
        matrix = covariance(channels, rank, dtype).requires_grad_()
        roots.append(way.apply(matrix))
        gradients += torch.autograd.grad((roots[-1] * slope).sum(), matrix)
    for found, expected in (roots, gradients):
        assert (found - expected).norm() <= bound * expected.norm()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_the_root_of_a_matrix_that_is_not_finite_is_not_finite(bad: float) -> None:
    matrix = covariance(4, 4, torch.float32)
    matrix[1, 2] = bad
    matrix.requires_grad_()
    root = matrix_square_root(matrix)
    (gradient,) = torch.autograd.grad(root.sum(), matrix)
    assert root.isnan().all()
    assert gradient.isnan().all()
