import pytest
import torch
from torch import Tensor

from napari_nst.core.optim.descent import Descent, RunningAverage
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.store.pixels import HeldPixels, Pixels
from napari_nst.settings.config import StyleConfig

TARGET = torch.linspace(0.2, 0.8, 3 * 4 * 5).reshape(1, 3, 4, 5).double()
CURVATURE = torch.linspace(1, 9, 3 * 4 * 5).reshape(1, 3, 4, 5).double()


class Bowl:
    """A quadratic loss with known minimum, counting its evaluations."""

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight
        self.count = 0

    def __call__(self, picture: Pixels) -> Evaluation:
        self.count += 1
        rest = picture.at() - TARGET
        loss = self.weight * float((CURVATURE * rest.square()).sum())
        return Evaluation(loss, {"content": loss}, self.weight * 2 * CURVATURE * rest)


def _start() -> Tensor:
    return torch.full_like(TARGET, 0.5)


@pytest.mark.parametrize("line_search", ["none", "strong_wolfe"])
@pytest.mark.parametrize("variable", ["unit", "byte"])
def test_lbfgs_step_by_step_follows_torch_in_one_call(line_search: str, variable: str) -> None:
    maximum = {"unit": 1, "byte": 255}[variable]
    config = StyleConfig(line_search=line_search, variable=variable, lbfgs_history=5)
    bowl = Bowl()
    descent = Descent(_start(), config, bowl)
    for _ in range(7):
        entering = float((CURVATURE * (descent.picture - TARGET).square()).sum())
        assert descent.step().loss == pytest.approx(entering, rel=1e-9)
    reference = (_start() * maximum).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [reference],
        max_iter=7,
        max_eval=1000,
        history_size=5,
        line_search_fn=None if line_search == "none" else line_search,
    )
    plain = Bowl()

    def closure() -> float:
        found = plain(HeldPixels(reference.detach() / maximum))
        reference.grad = found.gradient / maximum
        return found.loss

    optimizer.step(closure)
    torch.testing.assert_close(descent.picture, reference.detach() / maximum, rtol=1e-12, atol=0)
    assert bowl.count <= plain.count + 1


@pytest.mark.parametrize("variable", ["unit", "byte"])
def test_no_step_is_longer_than_the_longest_and_the_minimum_is_found(variable: str) -> None:
    config, longest = StyleConfig(variable=variable), 0.02
    free, held = (
        Descent(_start(), config, Bowl(), longest=length) for length in (float("inf"), longest)
    )
    steps = {free: [], held: []}
    for descent, lengths in steps.items():
        for _ in range(60):
            before = descent.picture
            descent.step()
            lengths.append(float((descent.picture - before).square().mean().sqrt()))
    assert max(steps[free]) > 2 * longest
    assert max(steps[held]) == pytest.approx(longest)
    torch.testing.assert_close(held.picture, TARGET, rtol=0, atol=1e-4)


def test_adam_follows_torch() -> None:
    config = StyleConfig(optimizer="adam", learning_rate=0.05, variable="unit", adam_beta2=0.99)
    descent = Descent(_start(), config, Bowl())
    losses = [descent.step().loss for _ in range(5)]
    reference = _start().requires_grad_()
    optimizer = torch.optim.Adam([reference], lr=0.05, betas=(0.9, 0.99))
    expected = []
    for _ in range(5):
        found = Bowl()(HeldPixels(reference.detach()))
        expected.append(found.loss)
        reference.grad = found.gradient
        optimizer.step()
    assert losses == expected
    torch.testing.assert_close(descent.picture, reference.detach())


def test_clamp_after_steps_keeps_the_picture_in_range() -> None:
    config = StyleConfig(optimizer="adam", learning_rate=3.0, clamp="step", variable="unit")
    descent = Descent(_start(), config, Bowl())
    descent.step()
    assert float(descent.picture.min()) == 0
    assert float(descent.picture.max()) == 1


def test_clamp_in_the_closure_evaluates_only_pictures_in_range() -> None:
    seen = []

    def watch(picture: Pixels) -> Evaluation:
        seen.append((float(picture.at().min()), float(picture.at().max())))
        return Bowl(100.0)(picture)

    descent = Descent(_start() * 3 - 1, StyleConfig(clamp="closure", variable="unit"), watch)
    for _ in range(4):
        descent.step()
    assert all(low >= 0 and high <= 1 for low, high in seen)


def test_the_running_average_is_bias_corrected_and_starts_with_the_start() -> None:
    samples = [torch.full((1, 3, 2, 2), value) for value in (4.0, 1.0, 7.0)]
    average = RunningAverage(samples[0], 0.9)
    torch.testing.assert_close(average.value(samples[0], *average.sums), samples[0])
    for sample in samples[1:]:
        average.add(sample)
    weights = torch.tensor([0.81, 0.9, 1.0])
    expected = (weights * torch.tensor([4.0, 1.0, 7.0])).sum() / weights.sum()
    assert float(average.value(samples[2], *average.sums)[0, 0, 0, 0]) == pytest.approx(
        float(expected)
    )


def test_steering_takes_effect_at_the_next_evaluation_and_resets_lbfgs() -> None:
    bowl = Bowl()
    descent = Descent(_start(), StyleConfig(variable="unit"), bowl)
    for _ in range(3):
        descent.step()
    before = descent.picture
    bowl.weight = 4.0
    descent.steer(StyleConfig(variable="unit", content_weight=4.0))
    fresh = Descent(before, StyleConfig(variable="unit"), Bowl(4.0))
    assert descent.step().loss == pytest.approx(fresh.step().loss)
    torch.testing.assert_close(descent.picture, fresh.picture)


def test_adam_carries_its_moments_to_the_next_scale() -> None:
    config = StyleConfig(optimizer="adam", learning_rate=0.01, variable="unit")
    coarse = Descent(_start(), config, Bowl())
    for _ in range(3):
        coarse.step()
    fine = Descent(_start(), config, Bowl())
    fine.adopt_moments(coarse)
    anew = Descent(_start(), config, Bowl())
    fine.step()
    anew.step()
    assert not torch.allclose(fine.picture, anew.picture)
