import threading
import time
from collections.abc import Generator
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_nst import StyleConfig, stylize
from napari_nst.core.control import RunControl
from napari_nst.files.json_cache import read_cache
from napari_nst.planning import estimate as estimate_module
from napari_nst.planning import past_runs
from napari_nst.planning.device_speed import speed_of
from napari_nst.planning.estimate import estimate, learn, plan_of
from napari_nst.planning.past_runs import RANGE, RUNS, Correction, OwnTime, add_run, correction_of
from napari_nst.settings.record import SteeringEvent

SHAPE = (48, 64, 3)
CONFIG = StyleConfig(
    style_layers=("relu1_1", "relu2_1"), content_layers=("relu2_2",), size=64, steps=6
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "deep" / "lessons.json"
    monkeypatch.setattr(past_runs, "cache_file", lambda: file)
    return file


@pytest.fixture
def short_runs_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate_module, "LEAST_S", 0.0)
    speed_of(torch.device("cpu"), torch.float32)


def painted(**options: object) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, SHAPE, dtype=np.uint8) for _ in range(2)]
    config = CONFIG.replace(precision="float32")
    stylize(*pictures, config, weights="untrained", device="cpu", **options)  # type: ignore[arg-type]


def correction() -> Correction:
    config = CONFIG.replace(precision="float32")
    return correction_of(plan_of(config, SHAPE, SHAPE, "cpu").correction_key)


seconds = st.floats(1e-3, 1e5)


@given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=12))
def test_the_correction_is_the_median_of_the_last_runs(runs: list[tuple[float, float]]) -> None:
    past_runs.cache_file().unlink(missing_ok=True)
    for measured, estimated in runs:
        add_run("a", measured_s=measured, estimated_s=estimated)
    low, high = RANGE
    ratios = [min(max(measured / estimated, low), high) for measured, estimated in runs]
    assert correction_of("a").ratio == pytest.approx(median(ratios[-RUNS:]))
    assert correction_of("a").runs == min(len(runs), RUNS)
    assert correction_of("b") == Correction()


@given(st.floats(0.3, 10), st.floats(1e-3, 1e3))
def test_one_odd_run_changes_nothing(usual: float, odd: float) -> None:
    past_runs.cache_file().unlink(missing_ok=True)
    for ratio in (usual, usual, odd, usual, usual):
        add_run("a", measured_s=ratio, estimated_s=1.0)
    assert correction_of("a").ratio == pytest.approx(usual)


@pytest.mark.parametrize("measured", [0.0, -1.0, float("nan"), float("inf")])
def test_an_invalid_time_is_ignored(measured: float) -> None:
    add_run("a", measured_s=measured, estimated_s=1.0)
    add_run("a", measured_s=1.0, estimated_s=measured)
    assert correction_of("a") == Correction()


@pytest.mark.parametrize(
    "text", ["", "[]", "\x00", '{"a": 3}', '{"a": ["x", null, true, 1e9, -1, 0]}', '{"a": []}']
)
def test_a_damaged_cache_is_dropped(cache: Path, text: str) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(text, encoding="utf-8")
    assert correction_of("a") == Correction()
    add_run("a", measured_s=2.0, estimated_s=1.0)
    assert correction_of("a") == Correction(2.0, 1)


def test_the_cache_stays_small(cache: Path) -> None:
    for key in range(100):
        for _ in range(RUNS + 1):
            add_run(str(key), measured_s=2.0, estimated_s=1.0)
    kept = read_cache(cache)
    assert len(kept) == 64
    assert "99" in kept
    assert all(len(ratios) == RUNS for ratios in kept.values())


def test_a_disk_that_cannot_be_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setattr(past_runs, "cache_file", lambda: blocked / "lessons.json")
    add_run("a", measured_s=2.0, estimated_s=1.0)
    assert correction_of("a") == Correction()


def test_estimates_are_what_the_last_runs_took() -> None:
    plan = plan_of(CONFIG, SHAPE, SHAPE, "cpu")
    before = estimate(CONFIG, SHAPE, SHAPE, "cpu")
    for _ in range(3):
        add_run(plan.correction_key, measured_s=4.0, estimated_s=1.0)
    after = estimate(CONFIG, SHAPE, SHAPE, "cpu")
    assert after.seconds == pytest.approx(4 * before.seconds)
    assert (before.runs_seen, after.runs_seen) == (0, 3)
    other = CONFIG.replace(style_loss="wasserstein")
    assert estimate(other, SHAPE, SHAPE, "cpu").runs_seen == 0


def test_a_part_of_a_run_is_set_against_its_part_of_the_estimate(
    short_runs_count: None,
) -> None:
    config = CONFIG.replace(pyramid="down_to", min_scale=32, steps=90, precision="float32")
    plan = plan_of(config, SHAPE, SHAPE, "cpu")
    speed = speed_of(plan.device, plan.dtype)
    whole, part = list(plan.shares), [*plan.shares[:-1], 1]
    assert speed.seconds(plan.work_of(whole)) == pytest.approx(speed.seconds(plan.work))
    for taken in (whole, part):
        learn(plan, taken, measured_s=3 * speed.seconds(plan.work_of(taken)))
        assert correction_of(plan.correction_key).ratio == pytest.approx(3)


def test_a_finished_run_counts(short_runs_count: None) -> None:
    painted()
    assert correction().runs == 1


def test_a_steered_run_or_its_replay_does_not_count(short_runs_count: None) -> None:
    painted(events=(SteeringEvent(2, "style_strength", 3.0),))
    assert correction().runs == 0


def test_a_run_too_short_to_tell_does_not_count() -> None:
    speed_of(torch.device("cpu"), torch.float32)
    painted()
    assert correction().runs == 0


def test_pauses_and_the_callers_own_work_do_not_count() -> None:
    control = RunControl()

    def run() -> Generator[int, None, None]:
        for step in range(3):
            time.sleep(0.02)
            yield step
            control.wait_while_paused()

    control.pause()
    own = OwnTime(control)
    timer = threading.Timer(0.5, control.resume)
    timer.start()
    for _ in own.of(run()):
        time.sleep(0.1)
    assert 0.06 <= own.seconds < 0.3
