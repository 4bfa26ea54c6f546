"""How fast a device is: measured once, kept on disk.

The time of a computation is taken to be

    seconds = a · (multiplications + 8 · bytes moved) + 1e-5 · operations

with a of this device, precision and number of threads, from one evaluation of loss and gradient
that is timed at a small size. That moving a byte takes as long as about eight multiplications is
usual for processors; telling the two apart by timing would take longer than a user waits, and
noise would decide.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from napari_nst.config import StyleConfig
from napari_nst.core.device import describe
from napari_nst.core.encoder import Encoder
from napari_nst.core.gradient import loss_and_gradient
from napari_nst.core.ledger import Work
from napari_nst.core.rehearsal import evaluation_work
from napari_nst.core.targets import build_objective
from napari_nst.core.vgg import CONVS, convolutions_to

logger = logging.getLogger(__name__)

_FORMAT = 3
_CONFIG = StyleConfig(
    content_layers=("relu3_2",), style_layers=("relu1_1", "relu2_1", "relu3_1", "relu4_1")
)
"""Down to where every way of convolving has had its share, and no deeper: that takes time."""

_SIDE_PX = 192
_ROUNDS = 2
_ENOUGH_S = 1.0
_BYTE_MULTIPLICATIONS = 8
_OPERATION_S = 1e-5


@dataclass(frozen=True)
class Speed:
    """What a device takes for each kind of work.

    Parameters
    ----------
    multiplication_s
        a of this module's header.
    """

    multiplication_s: float

    def seconds(self, work: Work) -> float:
        """Estimate the time of some work."""
        return self.multiplication_s * _volume(work) + _OPERATION_S * work.operations


def speed_of(device: torch.device, dtype: torch.dtype) -> Speed:
    """Give the device's speed: from disk, else measured now, in about two seconds."""
    key = _key(device, dtype)
    known = _read(key)
    if known is None:
        known = measure(device, dtype)
        _write(key, known)
    return known


def is_known(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the speed is on disk, so that nothing needs to be measured."""
    return _read(_key(device, dtype)) is not None


def measure(device: torch.device, dtype: torch.dtype) -> Speed:
    """Time a trial, and set it against its work."""
    size = (_SIDE_PX, _SIDE_PX)
    trial_s = _fastest_s(_trial(_network(device, dtype), size, device, dtype), device)
    work = evaluation_work(_CONFIG, size, device=device, dtype=dtype)
    rest_s = max(trial_s - _OPERATION_S * work.operations, trial_s / 2)
    speed = Speed(rest_s / _volume(work))
    logger.info("speed of %s in %s: %s; a trial of %.3f s", device, dtype, speed, trial_s)
    return speed


def _network(device: torch.device, dtype: torch.dtype) -> Encoder:
    """Make a network of VGG-19's shape whose features neither vanish nor explode."""
    generator = torch.Generator().manual_seed(0)
    taps = (*_CONFIG.content_layers, *_CONFIG.style_layers)
    tensors: dict[str, Tensor] = {}
    for name in convolutions_to(taps):
        inputs, outputs = CONVS[name]
        weight = torch.rand((outputs, inputs, 3, 3), generator=generator)
        tensors[f"{name}.weight"] = (weight - 0.5).mul_((8 / (3 * inputs)) ** 0.5)
        tensors[f"{name}.bias"] = torch.zeros(outputs)
    return Encoder(tensors, feed="torchvision", taps=taps, device=device, dtype=dtype)


def _trial(
    encoder: Encoder, size: tuple[int, int], device: torch.device, dtype: torch.dtype
) -> Callable[[], object]:
    """Prepare one evaluation of loss and gradient."""
    wide = torch.promote_types(dtype, torch.float32)
    picture = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(1))
    picture = picture.to(device, wide)
    objective = build_objective(encoder, picture, [picture], _CONFIG)
    return lambda: loss_and_gradient(picture, encoder, objective, _CONFIG)


def _fastest_s(run: Callable[[], object], device: torch.device) -> float:
    """Time a trial: the best of some rounds after one that warms up, as far as time allows."""
    durations: list[float] = []
    while len(durations) <= _ROUNDS and sum(durations) < _ENOUGH_S:
        began = time.perf_counter()
        run()
        _wait_for(device)
        durations.append(time.perf_counter() - began)
    return min(durations)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _volume(work: Work) -> float:
    return work.multiplications + _BYTE_MULTIPLICATIONS * work.moved_bytes


def _key(device: torch.device, dtype: torch.dtype) -> str:
    parts = (
        _FORMAT,
        describe(str(device)).name,
        dtype,
        f"{torch.get_num_threads()} threads",
        f"torch {torch.__version__}",
        f"napari-nst {version('napari-nst')}",
    )
    return ", ".join(map(str, parts))


def cache_file() -> Path:
    """Return the file that keeps the speeds of this machine's devices."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-nst", appauthor=False) / "speed.json"


def _read(key: str) -> Speed | None:
    """Read a speed; None if it is not there or the file is not ours."""
    try:
        return Speed(**json.loads(cache_file().read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(key: str, speed: Speed) -> None:
    """Keep a speed; a disk that cannot be written only costs the measurement next time."""
    file = cache_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):
            try:
                known = dict(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                known = {}
            fresh = file.with_suffix(".new")
            fresh.write_text(json.dumps(known | {key: asdict(speed)}, indent=2), encoding="utf-8")
            fresh.replace(file)
    except OSError as error:
        logger.warning("the speed of this device cannot be kept in %s: %s", file, error)
