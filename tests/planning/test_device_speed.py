from pathlib import Path

import pytest
import torch

from napari_nst.planning import device_speed as module
from napari_nst.planning.device_speed import Speed, measure, speed_of
from napari_nst.planning.dry_run import evaluation_work
from napari_nst.planning.op_counter import Work

CPU = torch.device("cpu")
TRUE = Speed(3e-12)
MEASURE = measure  # the suite replaces the module's own


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "deep" / "speed.json"
    monkeypatch.setattr(module, "cache_file", lambda: file)
    return file


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """Count the measurements, which give TRUE."""
    asked: list[torch.dtype] = []

    def measure(_: torch.device, dtype: torch.dtype) -> Speed:
        asked.append(dtype)
        return TRUE

    monkeypatch.setattr(module, "measure", measure)
    return asked


def test_time_is_that_of_multiplications_bytes_and_calls() -> None:
    assert TRUE.seconds(Work(1e12, 0, 0)) == pytest.approx(3)
    assert TRUE.seconds(Work(0, 1e12, 0)) == pytest.approx(24)
    assert TRUE.seconds(Work(0, 0, 1e5)) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_real_measurement_explains_the_trial_it_took(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SIDE_PX", 64)
    monkeypatch.setattr(module, "_fastest_s", lambda run, _: (run() and 0.5, True))
    work = evaluation_work(module._CONFIG, (64, 64), device=CPU, dtype=dtype)
    assert MEASURE(CPU, dtype).seconds(work) == pytest.approx(0.5, rel=1e-6)


def test_a_device_is_measured_once(cache: Path, measured: list[torch.dtype]) -> None:
    assert speed_of(CPU, torch.float32) == speed_of(CPU, torch.float32) == TRUE
    assert measured == [torch.float32]


def test_a_speed_found_on_a_busy_processor_is_measured_again_after_a_while(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_doubted", {})
    speeds = iter([Speed(9e-12, is_sure=False), TRUE])
    monkeypatch.setattr(module, "measure", lambda *_: next(speeds))
    assert [speed_of(CPU, torch.float32).is_sure for _ in range(2)] == [False, False]
    assert not cache.is_file()
    monkeypatch.setattr(module, "_DOUBTED_FOR_S", 0.0)
    assert speed_of(CPU, torch.float32) == speed_of(CPU, torch.float32) == TRUE


@pytest.mark.parametrize(
    ("share", "seconds", "is_sure"), [(1.0, 3.0, True), (0.9, 3.0, True), (0.1, 0.3, False)]
)
def test_a_trial_that_waited_for_other_work_is_told_by_the_processors_time(
    share: float, seconds: float, is_sure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(module.time, "perf_counter", lambda: now)
    threads = torch.get_num_threads()
    monkeypatch.setattr(module.time, "process_time", lambda: now * share * threads)

    def trial() -> None:
        nonlocal now
        now += 3.0

    found, sure = module._fastest_s(trial, CPU)
    assert (found, sure) == (pytest.approx(seconds), is_sure)


def test_another_precision_is_measured_for_itself(cache: Path, measured: list[torch.dtype]) -> None:
    speed_of(CPU, torch.float32)
    speed_of(CPU, torch.bfloat16)
    speed_of(CPU, torch.float32)
    assert measured == [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("text", ["", "[]", '{"other": 1}', "\x00"])
def test_a_damaged_cache_is_measured_anew(
    cache: Path, measured: list[torch.dtype], text: str
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text(text, encoding="utf-8")
    assert speed_of(CPU, torch.float32) == TRUE
    assert speed_of(CPU, torch.float32) == TRUE
    assert len(measured) == 1


def test_a_disk_that_cannot_be_written_only_costs_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[torch.dtype]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setattr(module, "cache_file", lambda: blocked / "speed.json")
    assert speed_of(CPU, torch.float32) == TRUE
    assert speed_of(CPU, torch.float32) == TRUE
    assert len(measured) == 2
