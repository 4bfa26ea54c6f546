import gc
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch

from napari_nst import RunControl, RunRecord, StyleConfig, iter_stylize, stylize
from napari_nst.core import picture_evaluator
from napari_nst.core import run as run_module
from napari_nst.core.network import encoder as encoder_module
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.errors import ConfigError, ImageError, NstError, WeightsError
from napari_nst.settings.fields import StyleLoss
from napari_nst.settings.presets import (
    BUILTIN_LAYER_WEIGHTS,
    BUILTIN_RATIO,
    PRESETS,
    REFERENCE_RATIO,
)
from napari_nst.weights import Weights, load
from tests.api.settings import LAYERS, shallow


def test_a_run_lowers_the_loss_and_changes_the_picture(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    result = stylize(content, style, shallow(steps=15), weights=weights, device="cpu")
    assert result.reason == "finished"
    assert result.image.shape == content.shape
    assert result.image.dtype == np.uint8
    assert result.history[-1].loss < result.history[0].loss
    assert len(result.history) == 16
    assert (result.image != content).mean() > 0.5


def test_a_picture_in_its_own_style_stays_as_it_is(content: np.ndarray, weights: Weights) -> None:
    result = stylize(content, content, shallow(), weights=weights)
    np.testing.assert_array_equal(result.image, content)


def test_the_contents_detail_comes_back_at_each_finer_scale(
    content: np.ndarray, weights: Weights
) -> None:
    config = shallow(pyramid="down_to", min_scale=16, scale_ratio=2.0, steps=3)
    blurred, whole = (
        stylize(content, content, config.replace(scale_detail=share), weights=weights).image
        for share in (0.0, 1.0)
    )
    # At each scale the content in its own style is where the optimiser stays.
    np.testing.assert_array_equal(whole, content)
    assert np.abs(blurred.astype(int) - content).mean() > 10


def test_a_run_without_settings_is_the_preset_default(
    content: np.ndarray, style: np.ndarray, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = PRESETS["default"] | LAYERS | {"size": None, "min_scale": 16, "scale_steps": (3, 2)}
    small |= {"content_layer_weights": (), "style_layer_weights": ()}
    monkeypatch.setitem(PRESETS, "default", small)
    result = stylize(content, style, weights=weights)
    assert result.record.config == StyleConfig.preset("default")
    assert [point.scale for point in result.history] == [0] * 3 + [1] * 3
    assert result.reason == "finished"


def test_steps_count_through_the_scales_and_terms_add_up(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    config = shallow(
        pyramid="down_to", min_scale=28, scale_ratio=2.0, scale_steps=(2, 1), tv_weight=1e-3
    )
    steps = list(iter_stylize(content, style, config, weights=weights))
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6]
    assert [(s.scale.index, s.scale.width) for s in steps] == [(0, 28)] * 4 + [(1, 56)] * 2
    for step in steps:
        assert step.total == 6
        assert set(step.terms) == {"content", "style", "tv"}
        assert sum(step.terms.values()) == pytest.approx(step.loss)


def test_the_loss_is_read_before_the_step_and_the_picture_after_it(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    config = shallow(init="content")
    run = iter_stylize(content, style, config, weights=weights)
    first = next(run)
    assert first.terms["content"] == pytest.approx(0, abs=1e-9 * first.loss)
    next(run)
    third = next(run)
    picture = third.image()
    fourth = next(run)
    again = stylize(content, style, shallow(steps=1), weights=weights, init=picture)
    assert again.history[0].terms["style"] == pytest.approx(fourth.terms["style"], rel=0.05)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_float32_runs_repeat_bit_for_bit(
    content: np.ndarray, style: np.ndarray, weights: Weights, optimizer: str
) -> None:
    config = shallow(optimizer=optimizer, init="noise", seed=5)
    one, two = (stylize(content, style, config, weights=weights) for _ in range(2))
    np.testing.assert_array_equal(one.image, two.image)
    assert [p.loss for p in one.history] == [p.loss for p in two.history]
    other = stylize(content, style, config.replace(seed=6), weights=weights)
    assert (other.image != one.image).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_result_is_of_the_contents_kind(
    content: np.ndarray, style: np.ndarray, weights: Weights, dtype: str
) -> None:
    as_kind = {
        "uint8": content,
        "uint16": content.astype(np.uint16) * 257,
        "float32": (content / 255).astype(np.float32),
    }[dtype]
    result = stylize(as_kind, style, shallow(steps=1), weights=weights)
    assert result.image.dtype == np.dtype(dtype)


def test_size_sets_the_longest_side_and_keeps_the_aspect(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    result = stylize(content, style, shallow(size=80, steps=1), weights=weights)
    assert result.image.shape == (57, 80, 3)


def test_opacity_is_kept(content: np.ndarray, style: np.ndarray, weights: Weights) -> None:
    opacity = np.full((*content.shape[:2], 1), 90, np.uint8)
    result = stylize(
        np.concatenate([content, opacity], 2), style, shallow(steps=1), weights=weights
    )
    assert result.image.shape == (40, 56, 4)
    assert (result.image[..., 3] == 90).all()


def test_two_equal_styles_are_one_style(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    one = stylize(content, style, shallow(steps=2), weights=weights)
    two = stylize(content, [style, style], shallow(steps=2), weights=weights)
    np.testing.assert_allclose(two.image.astype(int), one.image.astype(int), atol=1)


def test_stop_ends_the_run_with_the_picture_so_far(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    control = RunControl()
    run = iter_stylize(content, style, shallow(steps=50), weights=weights, control=control)
    next(run)
    step = next(run)
    picture, record = step.image(), step.record()
    control.stop()
    with pytest.raises(StopIteration) as end:
        next(run)
    result = end.value.value
    assert result.reason == "stopped"
    assert result.record.steps_done == 2
    np.testing.assert_array_equal(result.image, picture)
    assert record == result.record, "the step could have told"


def test_stop_before_the_first_step_gives_the_start(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    control = RunControl()
    control.stop()
    result = stylize(content, style, shallow(), weights=weights, control=control)
    assert result.reason == "stopped"
    np.testing.assert_array_equal(result.image, content)


def test_a_paused_run_waits_and_goes_on(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    control = RunControl()
    run = iter_stylize(content, style, shallow(steps=2), weights=weights, control=control)
    next(run)
    control.pause()
    timer = threading.Timer(0.2, control.resume)
    timer.start()
    assert next(run).seconds >= 0.2
    timer.join()


def test_steering_is_recorded_and_repeats_bit_for_bit(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    def steered() -> Iterator[np.ndarray]:
        control = RunControl()
        run = iter_stylize(content, style, shallow(steps=8), weights=weights, control=control)
        while True:
            try:
                if next(run).iteration == 3:
                    control.steer(style_strength=4.0)
            except StopIteration as end:
                return end.value

    original = steered()
    assert [(e.step, e.field, e.value) for e in original.record.events] == [
        (3, "style_strength", 4.0)
    ]
    record = RunRecord.from_json(original.record.to_json())
    replayed = stylize(content, style, record.config, weights=weights, events=record.events)
    np.testing.assert_array_equal(replayed.image, original.image)
    assert replayed.record.events == original.record.events
    plain = stylize(content, style, record.config, weights=weights)
    assert (plain.image != original.image).any()


def test_a_diverging_run_ends_with_the_last_good_picture(
    content: np.ndarray, style: np.ndarray, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, calls = picture_evaluator.loss_and_gradient, []

    def breaks_at_the_fourth(picture: torch.Tensor, *rest: object) -> Evaluation:
        found = genuine(picture, *rest)
        calls.append(picture)
        if len(calls) == 4:
            return Evaluation(float("nan"), found.terms, found.gradient * float("nan"))
        return found

    monkeypatch.setattr(picture_evaluator, "loss_and_gradient", breaks_at_the_fourth)
    result = stylize(content, style, shallow(), weights=weights)
    assert result.reason == "diverged"
    assert len(result.history) == 4
    good = (calls[2][0].permute(1, 2, 0).clamp(0, 1) * 255).round().numpy()
    np.testing.assert_array_equal(result.image, good.astype(np.uint8))


@pytest.mark.parametrize("balance", ["matched", "published"])
def test_lbfgs_leaps_only_where_the_originals_course_is_kept(
    content: np.ndarray, style: np.ndarray, weights: Weights, balance: str
) -> None:
    config = shallow(init="noise", balance=balance, steps=8, learning_rate=30.0)
    shown = [
        step.image().astype(float) for step in iter_stylize(content, style, config, weights=weights)
    ]
    lengths = [np.sqrt(((b - a) ** 2).mean()) / 255 for a, b in pairwise(shown)]
    assert (max(lengths) < 0.052) == (balance == "matched")


def test_the_record_survives_json_and_says_what_was_decided(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    record = stylize(content, style, shallow(steps=1), weights=weights, device="cpu").record
    assert RunRecord.from_json(record.to_json()) == record
    assert record.resolved["device"] == "cpu"
    assert record.resolved["precision"] == "float32"
    assert record.resolved["scales"] == [[40, 56]]
    assert record.hashes["weights"] == weights.sha256
    assert record.weights == "untrained"
    assert record.reason == "finished"


@pytest.mark.parametrize("name", ["gatys", "seed"])
def test_matched_balance_does_not_depend_on_the_scale_of_the_weights(
    content: np.ndarray, style: np.ndarray, weights: Weights, name: str
) -> None:
    louder = dict(weights.tensors) | {
        key: 10 * weights.tensors[key] for key in ("conv1_1.weight", "conv1_1.bias")
    }
    loud = Weights("loud", louder, "torchvision", "0", None)
    config = StyleConfig.preset(name, size=None, steps=3, precision="float32", **LAYERS)
    plain, scaled = (stylize(content, style, config, weights=w) for w in (weights, loud))
    assert [p.loss for p in scaled.history] == pytest.approx(
        [p.loss for p in plain.history], rel=1e-2
    )


def test_weights_act_on_a_matched_run(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    config = shallow(steps=1, balance="matched", init="noise")

    def terms(**changes: float) -> dict[str, float]:
        run = stylize(content, style, config.replace(**changes), weights=weights)
        return run.history[0].terms

    plain = terms()
    assert terms(style_weight=2e3)["style"] == pytest.approx(2 * plain["style"], rel=1e-5)
    assert terms(content_weight=3.0)["content"] == pytest.approx(3 * plain["content"], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("builtin", {}, list(BUILTIN_LAYER_WEIGHTS)),
        ("builtin", {"style_layer_weights": (1.0,) * 5}, [1.0] * 5),
        ("builtin", {"balance": "published"}, []),
        ("untrained", {}, []),
    ],
)
def test_the_builtin_features_get_the_layer_weights_that_suit_them(
    content: np.ndarray, style: np.ndarray, name: str, changes: dict, expected: list[float]
) -> None:
    config = StyleConfig(size=None, steps=1, precision="float32", **changes)
    record = stylize(content, style, config, weights=name).record
    assert record.resolved["style_layer_weights"] == expected
    assert record.config == config


def test_bfloat16_paints_nearly_the_same_picture(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    settings = {"optimizer": "adam", "learning_rate": 3.0, "steps": 12}
    exact = stylize(content, style, shallow(**settings), weights=weights)
    rough = stylize(content, style, shallow(precision="bfloat16", **settings), weights=weights)
    assert rough.record.resolved["precision"] == "bfloat16"
    assert rough.history[-1].loss == pytest.approx(exact.history[-1].loss, rel=0.02)


def test_bfloat16_keeps_the_covariances_of_noise_invertible() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 192, 192, 3), np.uint8)
    changes = {"style_loss": "wasserstein", "optimizer": "adam", "learning_rate": 0.02, "steps": 1}
    config = StyleConfig(size=None, precision="bfloat16", **changes)
    assert stylize(noise[0], noise[1], config, weights="builtin").reason == "finished"


def test_bad_input_is_refused_before_anything_runs(content: np.ndarray) -> None:
    with pytest.raises(ImageError, match="content has shape"):
        iter_stylize(content[0, 0], content)
    with pytest.raises(ImageError, match="style has dtype"):
        iter_stylize(content, content.astype(np.int64))
    with pytest.raises(ImageError, match="no style"):
        iter_stylize(content, [])


def test_errors_of_the_run_are_the_projects_own(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    with pytest.raises(ImageError, match="too small"):
        stylize(content[:9, :9], style, StyleConfig(size=None), weights=weights)
    with pytest.raises(NstError):
        stylize(content, style, shallow(), weights=weights, device="cuda:77")
    with pytest.raises(WeightsError):
        stylize(content, style, shallow(), weights="/no/such/file.safetensors")
    with pytest.raises(ConfigError):
        stylize(content, style, StyleConfig(content_layers=("relu6_1",)), weights=weights)


def test_the_builtin_features_have_a_balance_of_their_own_unlike_the_same_numbers_from_a_file(
    content: np.ndarray, style: np.ndarray
) -> None:
    ours = load("builtin")
    plain = replace(ours, name="my-own")
    config = StyleConfig(size=None, steps=1, precision="float32", style_layer_weights=(1.0,) * 5)
    own, usual = (
        stylize(content, style, config, weights=w).record.resolved["balance"] for w in (ours, plain)
    )
    assert own["content"] == pytest.approx(usual["content"] * REFERENCE_RATIO / BUILTIN_RATIO)
    assert own["style"] == pytest.approx(usual["style"])


def test_an_ended_run_leaves_no_network_or_optimiser_to_the_garbage_collector(
    content: np.ndarray, style: np.ndarray, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref] = []
    for module, name in ((encoder_module, "Encoder"), (run_module, "Descent")):
        genuine = getattr(module, name)

        def keep(*args: object, _genuine: type = genuine, **settings: object) -> object:
            built = _genuine(*args, **settings)
            made.append(weakref.ref(built))
            return built

        monkeypatch.setattr(module, name, keep)
    gc.collect()
    gc.disable()
    try:
        stylize(content, style, shallow(steps=2), weights=weights)
        early = iter_stylize(content, style, shallow(steps=4), weights=weights)
        next(early)
        early.close()
        del early
        assert len(made) == 4
        assert [each() for each in made] == [None] * 4
    finally:
        gc.enable()


@pytest.mark.parametrize("style_loss", get_args(StyleLoss))
def test_a_style_alone_is_painted_from_noise_by_every_loss(
    style: np.ndarray, weights: Weights, style_loss: str
) -> None:
    config = shallow(
        steps=6, style_loss=style_loss, content_weight=0.0, init="noise", noise_std=40.0
    )
    result = stylize(style, style, config, weights=weights)
    assert result.history[-1].loss < 0.9 * result.history[0].loss
    assert result.history[0].terms["content"] == 0
