from pathlib import Path

import pytest
import torch

from napari_nst.core import speed as module
from napari_nst.core.ledger import Work
from napari_nst.core.speed import Speed, is_known, speed_of

CPU = torch.device("cpu")
TRUE = Speed(multiplication_s=3e-12, operation_s=4e-6)
WORKS = [Work(1e9, 1e8, 300), Work(1e12, 5e10, 500)]


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


def test_the_speeds_behind_exact_timings_are_found() -> None:
    found = module._solve(WORKS, [TRUE.seconds(work) for work in WORKS])
    assert found.multiplication_s == pytest.approx(TRUE.multiplication_s)
    assert found.operation_s == pytest.approx(TRUE.operation_s)


@pytest.mark.parametrize("noise", [0.1, 500])
def test_noise_makes_no_speed_negative(noise: float) -> None:
    small_s, large_s = (TRUE.seconds(work) for work in WORKS)
    found = module._solve(WORKS, [small_s * noise, large_s])
    assert min(found.multiplication_s, found.operation_s) >= 0
    assert found.seconds(WORKS[1]) == pytest.approx(large_s)


def test_a_device_is_measured_once(cache: Path, measured: list[torch.dtype]) -> None:
    assert not is_known(CPU, torch.float32)
    assert speed_of(CPU, torch.float32) == speed_of(CPU, torch.float32) == TRUE
    assert measured == [torch.float32]
    assert is_known(CPU, torch.float32)


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
