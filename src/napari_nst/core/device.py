"""Choose the device and the precision, and describe them to the user."""

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from napari_nst.errors import DeviceError, shown
from napari_nst.settings.fields import Precision

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float64": torch.float64,
}


@dataclass(frozen=True)
class DeviceReport:
    """What computes, in words for a user.

    Parameters
    ----------
    kind
        "CPU" or "GPU".
    name
        The processor's or card's name.
    advice
        What to do where a GPU is idle; None where there is nothing to do.
    """

    kind: str
    name: str
    advice: str | None


def resolve_device(device: str = "auto") -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:1" or "mps" into a device that is there.

    Raises
    ------
    DeviceError
        If the device is unknown or absent.
    """
    if not isinstance(device, (str, torch.device)):  # torch takes 5 for the sixth GPU
        raise DeviceError(
            f"a device is auto, cpu, cuda, cuda:1 or mps; got {shown(device)}. Leave it out "
            "for auto."
        )
    if device == "auto":
        return torch.device(_best_kind())
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise DeviceError(
            f"{device!r} is no device; choose auto, cpu, cuda, cuda:1 or mps"
        ) from error
    if not _is_present(chosen):
        raise DeviceError(f"{device!r} is not present on this machine; choose auto or cpu")
    return chosen


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Turn "auto" into bfloat16 where the hardware has units for it, else float32.

    By capability and never by timing, so that a machine always decides the same.
    """
    if precision != "auto":
        return _DTYPES[precision]
    return torch.bfloat16 if _has_bfloat16_units(device) else torch.float32


def finest_dtype(device: torch.device) -> torch.dtype:
    """Return float64, or float32 on Apple's GPUs, which have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def describe(device: str = "auto") -> DeviceReport:
    """Describe the device that will compute, and what to do if a GPU is idle."""
    chosen = resolve_device(device)
    if chosen.type == "cuda":
        return DeviceReport("GPU", torch.cuda.get_device_name(chosen), None)
    if chosen.type == "mps":
        return DeviceReport("GPU", "Apple Metal", None)
    return DeviceReport("CPU", _processor_name(), _idle_gpu_advice())


def _best_kind() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _is_present(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    return device.type == "cpu" or (device.type == "mps" and torch.backends.mps.is_available())


def _has_bfloat16_units(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
    return False


def _processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _idle_gpu_advice() -> str | None:
    if shutil.which("nvidia-smi") is None:
        return None
    if torch.version.cuda is None:
        return (
            "This machine has an NVIDIA driver, but torch is a CPU build. In napari's Python run: "
            "pip install --force-reinstall torch torchvision "
            "--extra-index-url https://download.pytorch.org/whl/cu126"
        )
    return "An NVIDIA driver is installed, but torch finds no GPU; `nvidia-smi` tells why."
