import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from napari_nst.core.network.encoder import encoder_for
from napari_nst.errors import DeviceMemoryError, TooLargeError
from napari_nst.planning import remedies as remedies_module
from napari_nst.planning.dry_run import _canonical, _scale_cost, _weights, dry_run
from napari_nst.planning.estimate import MARGIN, estimate, largest_fitting_size, plan_of
from napari_nst.planning.layout import layout_of, step_factor
from napari_nst.planning.op_counter import OpCounter
from napari_nst.planning.remedies import fitting_layout, ran_out, remedies
from napari_nst.planning.text import style_pixels_words
from napari_nst.settings.config import StyleConfig

CPU = torch.device("cpu")
SHAPE = (600, 800, 3)
GB = 10**9


def peak(config: StyleConfig, shape: tuple[int, ...] = SHAPE) -> int:
    return plan_of(config, shape, shape, "cpu").peak_bytes


@pytest.mark.parametrize("preset", ["gatys", "crowsonkb"])
def test_other_sizes_lie_on_the_line_through_the_two_of_the_dry_run(preset: str) -> None:
    config, size = StyleConfig.preset(preset), (448, 480)
    options = {"device": CPU, "dtype": torch.float32}
    expected = dry_run(config, size, (size,), **options).at(size[0] * size[1])
    with OpCounter() as counter:
        plain = _canonical(config)
        encoder = encoder_for(plain, _weights(plain), feed="torchvision", **options)
        encoder.features(torch.empty((1, 3, 320, 320), device="meta"))
        exact = _scale_cost(counter, encoder, plain, size, (size,))
    assert expected.stepping_bytes == pytest.approx(exact.stepping_bytes, rel=0.08)
    assert expected.entering_bytes == pytest.approx(exact.entering_bytes, rel=0.08)
    assert expected.step.multiplications == pytest.approx(exact.step.multiplications, rel=0.08)


def test_a_step_that_lbfgs_remembers_costs_two_pictures() -> None:
    config = StyleConfig(size=1024, steps=200, lbfgs_history=100, precision="float32")
    more = peak(config) - peak(config.replace(lbfgs_history=10))
    assert more == pytest.approx(90 * 24 * 768 * 1024, rel=0.01)


def test_history_costs_nothing_before_it_is_filled() -> None:
    few = StyleConfig(size=1024, steps=10, lbfgs_history=100)
    assert peak(few) == peak(few.replace(lbfgs_history=10))


def test_adam_needs_less_than_lbfgs() -> None:
    config = StyleConfig(size=1024)
    assert peak(config.replace(optimizer="adam")) < peak(config)


def test_a_photograph_counts_even_where_the_result_is_small() -> None:
    small = StyleConfig(size=128, steps=2)
    photograph = peak(small, (5000, 6000, 3))
    assert photograph > peak(small, (800, 600, 3)) + 5000 * 6000 * 12
    assert peak(small, (50_000, 60_000, 3)) < photograph  # read by pieces


def test_reduced_precision_halves_what_the_network_holds() -> None:
    config = StyleConfig(size=2048, optimizer="adam")
    half = peak(config.replace(precision="bfloat16"))
    assert half < 0.75 * peak(config.replace(precision="float32"))


def test_time_grows_with_steps_and_area() -> None:
    seconds = [
        estimate(StyleConfig(size=size, steps=steps), SHAPE, [SHAPE], "cpu").seconds
        for size, steps in ((512, 100), (512, 200), (1024, 200))
    ]
    assert 1.8 < seconds[1] / seconds[0] < 2.3
    assert 3.5 < seconds[2] / seconds[1] < 4.5


def test_an_estimate_says_how_many_style_pixels_make_a_pixel() -> None:
    config = StyleConfig(size=128, style_scales=(1.0, 0.25), precision="float32")
    found = estimate(config, (300, 400), [(256, 200), (256, 200)], "cpu")
    assert found.style_pixels == (2.0, 8.0)
    assert style_pixels_words(found) == "2 and 8 style pixels per pixel"
    assert style_pixels_words(replace(found, style_pixels=(1.0,))) == "1 style pixel per pixel"
    assert style_pixels_words(replace(found, style_pixels=(1, 0.25, 150.4))) == (
        "1, 0.25 and 150 style pixels per pixel"
    )


def test_an_estimate_says_steps_and_size_of_the_result() -> None:
    expected = estimate(StyleConfig(size=400, steps=7), SHAPE, SHAPE, "cpu")
    assert (expected.steps, expected.size) == (7, (300, 400))
    assert expected.free_bytes > 0


@pytest.mark.parametrize("preset", ["gatys", "crowsonkb", "spst"])
def test_the_largest_size_fits_and_the_next_one_does_not(preset: str) -> None:
    config = StyleConfig.preset(preset, size=8192)
    style = (6144, 8192, 3)  # fitted to each size alike, so that one dry run serves them all
    size = largest_fitting_size(config, SHAPE, style, "cpu", free=6 * GB)
    assert size is not None
    here, above = (
        plan_of(config.replace(size=each), SHAPE, style, "cpu").peak_bytes
        for each in (size, size + 16)
    )
    assert here * MARGIN <= 6 * GB < above * MARGIN


def test_a_size_that_fits_is_its_own_largest() -> None:
    assert largest_fitting_size(StyleConfig(size=100), SHAPE, SHAPE, "cpu", free=9 * GB) == 100


def test_nothing_fits_into_nothing() -> None:
    assert largest_fitting_size(StyleConfig(), SHAPE, SHAPE, "cpu", free=0) is None


def test_what_does_not_fit_whole_is_done_in_the_largest_windows_that_fit() -> None:
    plan = plan_of(StyleConfig(size=4096, precision="float32"), SHAPE, SHAPE, "cpu")
    whole = layout_of(plan, 500 * GB)
    assert (whole.tile_px, whole.in_files) == (None, False)
    budgets = [40 * GB, 12 * GB, 4 * GB, 2 * GB]
    layouts = [layout_of(plan, budget) for budget in budgets]
    assert [each.in_files for each in layouts] == [False, True, True, True]
    tiles = [each.tile_px for each in layouts]
    assert None not in tiles
    assert tiles == sorted(tiles, reverse=True)
    for layout, budget in zip(layouts, budgets, strict=True):
        assert layout.peak_bytes <= budget
        assert (layout.disk_bytes > 0) == layout.in_files


def test_windows_take_longer_and_the_smaller_the_longer() -> None:
    taps, size = StyleConfig().taps, (6000, 8000)
    factors = [step_factor(size, taps, tile) for tile in (None, 2048, 1024, 512, 256)]
    assert factors[0] == 1.0
    assert factors == sorted(factors)


def test_without_windows_a_run_is_refused_with_what_would_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remedies_module, "budget_bytes", lambda *_: 8 * GB)
    plan = plan_of(StyleConfig(size=2048, precision="float32", tile=0), SHAPE, SHAPE, "cpu")
    with pytest.raises(TooLargeError, match=r"without windows .* 7.3 GB may be used") as caught:
        fitting_layout(plan)
    assert caught.value.remedies[0].label.startswith("windows of")
    for remedy in caught.value.remedies:
        fitting_layout(plan_of(plan.config.replace(**remedy.changes), SHAPE, SHAPE, "cpu"))


def test_the_search_of_torch_is_not_done_in_files() -> None:
    config = StyleConfig.preset("gordicaleksa", size=16384)
    layout = layout_of(plan_of(config, SHAPE, SHAPE, "cpu"), 4 * GB)
    assert not layout.in_files
    assert layout.peak_bytes > 4 * GB


def test_a_run_that_fits_is_let_in() -> None:
    fitting_layout(plan_of(StyleConfig(size=64, steps=1), SHAPE, SHAPE, "cpu"))


def test_after_memory_ran_out_less_is_offered_than_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remedies_module, "free_bytes", lambda _: 500 * GB)
    plan = plan_of(StyleConfig(size=1024), SHAPE, SHAPE, "cpu")
    error = ran_out(plan)
    assert isinstance(error, DeviceMemoryError)
    assert "1024x768 px" in str(error)
    assert {"size"} in [set(remedy.changes) for remedy in error.remedies]
    for remedy in error.remedies:
        milder = replace(plan, config=plan.config.replace(**remedy.changes))
        assert layout_of(milder, 0.9 * plan.peak_bytes).peak_bytes < 0.9 * plan.peak_bytes


def test_adam_is_offered_with_a_rate_that_suits_the_variable() -> None:
    plan = plan_of(StyleConfig.preset("seed", size=1024, lbfgs_history=100), SHAPE, SHAPE, "cpu")
    adam = next(each for each in remedies(plan, 500 * GB) if "optimizer" in each.changes)
    assert adam.changes == {"optimizer": "adam", "learning_rate": 0.02}


def test_estimating_leaves_torchs_compiler_alone() -> None:
    code = (
        "import sys; from napari_nst.planning.estimate import plan_of;"
        "from napari_nst import StyleConfig;"
        "plan = plan_of(StyleConfig.preset('crowsonkb'), (90, 90), (90, 90), 'cpu');"
        "plan.peak_bytes, plan.work; print(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch._dynamo", "sympy", "triton"} & set(out.stdout.split())


def test_a_picture_that_wraps_is_planned_with_its_halo() -> None:
    plain, circular = (
        plan_of(StyleConfig(size=256, padding=padding), (256, 256), (256, 256), "cpu")
        for padding in ("zeros", "circular")
    )
    factor = step_factor((256, 256), circular.config.taps, None, wraps=True)
    assert 1.5 < factor < (256 + 2 * 80) ** 2 / 256**2  # deep layers need less of the halo
    ratio = circular.work.multiplications / plain.work.multiplications
    assert ratio == pytest.approx(factor, rel=0.05)
    assert circular.peak_bytes > plain.peak_bytes
    windows, whole = layout_of(circular, 0).peak_bytes, circular.peak_bytes
    assert windows < whole
