"""Speed of a device: measured once, stored on disk.

The time of a computation is modelled as

    seconds = a · (multiplications + 8 · bytes moved) + 1e-5 · operations

with a per device, precision and number of threads, from timing one evaluation of loss and gradient
at a small size. Moving a byte takes about as long as eight multiplications on usual processors;
measuring the two separately would take longer than a user waits, and be dominated by noise.

On a busy processor a trial takes many times as long as it would alone. Its CPU time is then well
below the wall time of all threads; in that case the CPU time is used, and the result is kept for
one minute only.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from napari_nst.core.device import describe
from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.network.encoder import Encoder, encoder_for
from napari_nst.files.json_cache import read_cache, write_cache
from napari_nst.planning.dry_run import evaluation_work
from napari_nst.planning.op_counter import Work
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.vgg_layers import CONVS, convolutions_to

logger = logging.getLogger(__name__)

_FORMAT = 4
_CONFIG = StyleConfig(
    content_layers=("relu3_2",), style_layers=("relu1_1", "relu2_1", "relu3_1", "relu4_1")
)
"""Deep enough to use every convolution algorithm; deeper would only take longer."""

_SIDE_PX = 192
_ROUNDS = 2
_ENOUGH_S = 1.0
_BYTE_MULTIPLICATIONS = 8
_OPERATION_S = 1e-5

_FASTEST_S, _SLOWEST_S = 1e-18, 1e-6
"""Plausible range for the time of a multiplication; values outside are rejected."""

_ALONE_SHARE = 0.6
"""Least share of all threads' wall time that a trial gets as CPU time on an idle processor."""

_DOUBTED_FOR_S = 60.0
_doubted: dict[str, tuple[float, "Speed"]] = {}
"""Speeds measured on a busy processor, with the time of measurement."""


@dataclass(frozen=True)
class Speed:
    """Cost of work on a device.

    Parameters
    ----------
    multiplication_s
        a of this module's header.
    is_sure
        Whether the processor was idle when it was timed.
    """

    multiplication_s: float
    is_sure: bool = True

    def seconds(self, work: Work) -> float:
        """Return the estimated time of some work."""
        return self.multiplication_s * _volume(work) + _OPERATION_S * work.operations


def speed_of(device: torch.device, dtype: torch.dtype) -> Speed:
    """Return the device's speed from disk, or measure it in about two seconds."""
    key = speed_key(device, dtype)
    known = _read(key)
    if known is not None:
        return known
    since, doubted = _doubted.get(key, (-_DOUBTED_FOR_S, None))
    if doubted is not None and time.monotonic() - since < _DOUBTED_FOR_S:
        return doubted
    found = measure(device, dtype)
    if found.is_sure:
        _write(key, found)
    else:
        _doubted[key] = time.monotonic(), found
    return found


def known_speed(device: torch.device, dtype: torch.dtype) -> Speed | None:
    """Return the speed that estimates used; None if there was none. Never measures."""
    key = speed_key(device, dtype)
    _, doubted = _doubted.get(key, (0.0, None))
    return _read(key) or doubted


def measure(device: torch.device, dtype: torch.dtype) -> Speed:
    """Time a trial and divide by its work."""
    size = (_SIDE_PX, _SIDE_PX)
    trial = _trial(_network(device, dtype), size, device, dtype)
    trial_s, is_sure = _fastest_s(trial, device)
    work = evaluation_work(_CONFIG, size, device=device, dtype=dtype)
    rest_s = max(trial_s - _OPERATION_S * work.operations, trial_s / 2)
    speed = Speed(rest_s / _volume(work), is_sure)
    logger.info("speed of %s in %s: %s; a trial of %.3f s", device, dtype, speed, trial_s)
    return speed


def _network(device: torch.device, dtype: torch.dtype) -> Encoder:
    """Create a network of VGG-19's shape whose features neither vanish nor explode."""
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}
    for name in convolutions_to(_CONFIG.taps):
        inputs, outputs = CONVS[name]
        weight = torch.rand((outputs, inputs, 3, 3), generator=generator)
        tensors[f"{name}.weight"] = (weight - 0.5).mul_((8 / (3 * inputs)) ** 0.5)
        tensors[f"{name}.bias"] = torch.zeros(outputs)
    return encoder_for(_CONFIG, tensors, feed="torchvision", device=device, dtype=dtype)


def _trial(
    encoder: Encoder, size: tuple[int, int], device: torch.device, dtype: torch.dtype
) -> Callable[[], object]:
    """Prepare one evaluation of loss and gradient."""
    wide = torch.promote_types(dtype, torch.float32)
    picture = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(1))
    picture = picture.to(device, wide)
    objective = build_objective(encoder, picture, [picture], _CONFIG)
    return lambda: loss_and_gradient(picture, encoder, objective, _CONFIG)


def _fastest_s(run: Callable[[], object], device: torch.device) -> tuple[float, bool]:
    """Time a trial: the best of a few rounds after a warm-up, as far as time allows.

    Returns
    -------
    seconds
        Its time, or an estimate of it on an idle processor.
    is_sure
        Whether the processor was idle.
    """
    if device.type != "cpu":  # the first use loads kernels, which takes seconds
        run()
        _wait_for(device)
    durations: list[tuple[float, float]] = []
    while len(durations) <= _ROUNDS and sum(waited for waited, _ in durations) < _ENOUGH_S:
        began, worked = time.perf_counter(), time.process_time()
        run()
        _wait_for(device)
        durations.append((time.perf_counter() - began, time.process_time() - worked))
    waited, worked = min(durations)
    own_s = worked / torch.get_num_threads()
    if device.type == "cpu" and own_s < _ALONE_SHARE * waited:
        return own_s, False
    return waited, True


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _volume(work: Work) -> float:
    return work.multiplications + _BYTE_MULTIPLICATIONS * work.moved_bytes


def speed_key(device: torch.device, dtype: torch.dtype) -> str:
    """Return a key of everything that a speed depends on."""
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
    """Return the file with the speeds of this machine's devices."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-nst", appauthor=False) / "speed.json"


def _read(key: str) -> Speed | None:
    """Read a speed; None if it is missing or invalid."""
    entry = read_cache(cache_file()).get(key)
    taken = entry.get("multiplication_s") if isinstance(entry, dict) else None
    # A wrong type would break the estimate, a wrong magnitude would make all estimates wrong.
    if not isinstance(taken, float) or not _SLOWEST_S > taken > _FASTEST_S:
        return None
    return Speed(taken)


def _write(key: str, speed: Speed) -> None:
    """Store a speed; if the disk cannot be written, it is measured again next time."""
    file = cache_file()
    try:
        write_cache(file, key, asdict(speed))
    except OSError as error:
        logger.warning("the speed of this device cannot be stored in %s: %s", file, error)
