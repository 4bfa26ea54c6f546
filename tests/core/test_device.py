import pytest
import torch

from napari_nst.core import device as module
from napari_nst.core.device import describe, resolve_device, resolve_precision
from napari_nst.errors import DeviceError

CPU = torch.device("cpu")


def test_auto_takes_a_gpu_only_where_there_is_one() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    if not torch.backends.mps.is_available():
        assert resolve_device("auto").type == expected


@pytest.mark.parametrize("name", ["abacus", "cuda:99", ""])
def test_absent_devices_are_refused(name: str) -> None:
    with pytest.raises(DeviceError, match="choose auto"):
        resolve_device(name)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx512_f": True}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_auto_precision_follows_the_processors_units(
    capabilities: dict[str, bool], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("float64", CPU) == torch.float64


def test_the_report_names_the_processor() -> None:
    report = describe("cpu")
    assert report.kind == "CPU"
    assert report.name


def test_an_idle_gpu_is_pointed_out_with_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", None)
    advice = describe("cpu").advice
    assert advice is not None
    assert "pip install" in advice
