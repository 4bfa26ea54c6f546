"""L is symmetric, positive definite and local, and L-BFGS with it steps in z."""

import pytest
import torch
from torch import Tensor

from napari_nst.core.optim.descent import Descent
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.optim.lbfgs import LBFGS
from napari_nst.core.optim.preconditioner import Smoothing, smoothed
from napari_nst.core.store.store import InMemory
from napari_nst.settings.config import StyleConfig

SHAPE = (1, 3, 6, 7)


KINDS = ("binomial", "wide")


def matrix(kind: Smoothing) -> Tensor:
    """L as a matrix, from its products with every unit vector."""
    units = torch.eye(6 * 7, dtype=torch.float64).view(1, -1, 6, 7)
    return smoothed(units, kind).reshape(6 * 7, -1)


@pytest.mark.parametrize(("kind", "largest"), [("binomial", 1.3), ("wide", 2.6)])
def test_it_is_symmetric_and_positive_definite(kind: Smoothing, largest: float) -> None:
    found = matrix(kind)
    torch.testing.assert_close(found, found.T, rtol=0, atol=1e-15)
    eigenvalues = torch.linalg.eigvalsh(found)
    assert float(eigenvalues.min()) > 0.29
    assert largest * 0.6 < float(eigenvalues.max()) <= largest * 1.01


def test_the_wide_one_reaches_further_at_coarse_scales_only() -> None:
    for side, reach in ((399, 6), (400, 1)):
        dot = torch.zeros(1, 1, 15, side)
        dot[..., 7, 200] = 1
        columns = smoothed(dot, "wide").sum((0, 1, 2)).nonzero().flatten()
        assert (int(columns.min()), int(columns.max())) == (200 - reach, 200 + reach)


def test_it_is_the_stencil_and_reads_one_pixel_around() -> None:
    dot = torch.zeros(1, 1, 5, 5)
    dot[..., 2, 2] = 16
    rows = [[0] * 5, [0, 1, 2, 1, 0], [0, 2, 4 + 16 * 0.3, 2, 0], [0, 1, 2, 1, 0], [0] * 5]
    torch.testing.assert_close(smoothed(dot)[0, 0], torch.tensor(rows))


def test_a_flat_picture_keeps_being_flat_up_to_the_border() -> None:
    torch.testing.assert_close(smoothed(torch.ones(SHAPE)), torch.full(SHAPE, 1.3))


def wavy(picture: Tensor) -> Evaluation:
    """A loss that bends fifty times as much along neighbours' differences as along their sums."""
    right = picture[..., 1:] - picture[..., :-1]
    below = picture[..., 1:, :] - picture[..., :-1, :]
    gradient = 2 * (picture - 0.5)
    gradient[..., 1:] += 12 * right
    gradient[..., :-1] -= 12 * right
    gradient[..., 1:, :] += 12 * below
    gradient[..., :-1, :] -= 12 * below
    loss = float((picture - 0.5).square().sum() + 6 * right.square().sum())
    return Evaluation(loss + 6 * float(below.square().sum()), {}, gradient)


@pytest.mark.parametrize("kind", KINDS)
def test_lbfgs_with_it_is_lbfgs_on_the_other_variable(kind: Smoothing) -> None:
    start = torch.rand(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    options = {
        "learning_rate": 1.0,
        "history": 4,
        "tolerance_grad": -1.0,
        "tolerance_change": -1.0,
    }
    variable, latent = start.clone(), torch.zeros_like(start)
    ours = LBFGS(variable, **options, store=InMemory(), smoothing=kind)
    plain = LBFGS(latent, **options, store=InMemory())

    def of_latent() -> tuple[float, Tensor]:
        found = wavy(start + smoothed(latent, kind))
        return found.loss, smoothed(found.gradient, kind)

    for _ in range(12):
        found = wavy(variable)
        ours.step(lambda found=found: (found.loss, found.gradient))
        plain.step(of_latent)
        torch.testing.assert_close(variable, start + smoothed(latent, kind), rtol=1e-9, atol=1e-12)


def test_the_same_minimum_is_found_in_fewer_steps() -> None:
    start = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(1)).double()
    config = StyleConfig(variable="unit", lbfgs_history=5)
    needed = {}
    for kind in ("none", *KINDS):
        descent = Descent(
            start, config.replace(lbfgs_preconditioner=kind), lambda seen: wavy(seen.at())
        )
        losses = [descent.step().loss for _ in range(60)]
        assert losses[-1] < 1e-6 * losses[0]
        torch.testing.assert_close(descent.picture, torch.full_like(start, 0.5), rtol=0, atol=1e-3)
        needed[kind] = next(i for i, loss in enumerate(losses) if loss < 1e-4 * losses[0])
    assert max(needed[kind] for kind in KINDS) < 0.8 * needed["none"]


def test_no_step_of_the_picture_is_longer_than_the_longest() -> None:
    start = torch.rand(SHAPE, generator=torch.Generator().manual_seed(2)).double()
    config = StyleConfig(variable="unit", lbfgs_preconditioner="binomial")
    descent, lengths = Descent(start, config, lambda seen: wavy(seen.at()), longest=0.02), []
    for _ in range(30):
        before = descent.picture
        descent.step()
        lengths.append(float((descent.picture - before).square().mean().sqrt()))
    assert max(lengths) == pytest.approx(0.02)
