"""What runs on a worker: the network, held once a process, and functions called at windows."""

import platform
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import psutil
import torch
from distributed import Worker, WorkerPlugin, get_worker
from safetensors.torch import load
from torch import Tensor

from napari_nst.core.device import resolve_device, resolve_precision
from napari_nst.core.network.encoder import Encoder, Recipe
from napari_nst.core.network.window import Window
from napari_nst.core.tiling.executor import Targets
from napari_nst.errors import ClusterError, is_out_of_memory
from napari_nst.planning.free_memory import free_bytes

_ENCODERS = 2
"""How many networks a worker keeps ready; a run has one."""

_weights: dict[str, dict[str, Tensor]] = {}
_building = threading.Lock()


@dataclass(frozen=True)
class NetworkKey:
    """Identifies a network: its weights, and what is made of them.

    Parameters
    ----------
    sha256
        Of the weights as they are sent.
    recipe
        Without the weights.
    """

    sha256: str
    recipe: Recipe


class NetworkWeights(WorkerPlugin):
    """Brings weights to every worker once, also to those that join later.

    Parameters
    ----------
    sha256
        Of `blob`.
    blob
        In the format of safetensors.
    """

    idempotent = True

    def __init__(self, sha256: str, blob: bytes) -> None:
        self.name = f"napari-nst-weights-{sha256[:16]}"
        self._sha256 = sha256
        self._blob = blob

    def setup(self, worker: Worker) -> None:
        """Read the weights, which are then in memory once."""
        del worker
        _weights[self._sha256] = load(self._blob)
        self._blob = b""


@dataclass(frozen=True)
class Resident:
    """Tensors that stay on a worker, with their size, which the scheduler reckons with."""

    value: Any
    nbytes: int

    def __sizeof__(self) -> int:
        return self.nbytes


@dataclass(frozen=True)
class WorkerReport:
    """What a worker has.

    Parameters
    ----------
    device
        "cpu", "cuda" or "mps".
    precision
        What "auto" is there.
    free_bytes
        Of the device's memory; on a CPU what Dask lets the worker take counts, too.
    """

    device: str
    precision: str
    free_bytes: int


def report(dask_worker: Worker) -> WorkerReport:
    """Report on the worker that this is called on; Dask passes it by its name."""
    device = resolve_device()
    precision = str(resolve_precision("auto", device)).removeprefix("torch.")
    free, limit = int(free_bytes(device)), dask_worker.memory_manager.memory_limit
    if device.type == "cpu" and limit:
        free = min(free, limit - psutil.Process().memory_info().rss)
    return WorkerReport(device.type, precision, free)


def python_version() -> str:
    """Return Python's version as far as it decides what can be exchanged, "3.11"."""
    return ".".join(platform.python_version_tuple()[:2])


def hold_targets(targets: Targets, nbytes: int) -> Resident:
    """Keep what a window is compared with."""
    return Resident(targets, nbytes)


def hold_part(beside: Resident, part: np.ndarray[Any, Any]) -> Resident:
    """Keep a window's pixels where its targets are, to which this task is sent for that."""
    del beside
    return Resident(unpacked(part, torch.device("cpu")), part.nbytes)


def hold_shared(shared: tuple[object, ...], nbytes: int) -> Resident:
    """Keep what all windows share, such as the slopes; workers fetch it from each other."""
    return Resident(shared, nbytes)


def call(
    function: Callable[..., Any],
    key: NetworkKey,
    window: Window,
    targets: Resident,
    part: Resident,
    shared: Resident,
) -> Any:  # noqa: ANN401 - the function's, packed
    """Call a function at a window, on this worker's device, and pack what it returns."""
    worker = get_worker()
    encoder, lock = _network(key)
    with lock:  # an encoder's buffers serve one window at a time
        torch.set_num_threads(max(1, worker.state.nthreads))
        try:
            near = targets.value.within(window, encoder.device)
            wanted = unpacked(shared.value, encoder.device)
            return packed(function(encoder, near, window, part.value, *wanted))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            height, width = window.outer.size
            raise ClusterError(
                f"the worker {worker.address} has too little memory for a window of "
                f"{width}x{height} px. Choose a smaller tile, or workers with more memory."
            ) from None


@dataclass(frozen=True)
class Bits:
    """A tensor of bfloat16 as an array of its bits: numpy has no such numbers."""

    bits: np.ndarray[Any, Any]


def packed(value: Any) -> Any:  # noqa: ANN401 - nested dictionaries and tuples of tensors
    """Replace tensors by arrays, which travel without copies."""
    if isinstance(value, Tensor):
        near = value.detach().cpu().contiguous()
        is_narrow = near.dtype == torch.bfloat16
        return Bits(near.view(torch.int16).numpy()) if is_narrow else near.numpy()
    if isinstance(value, dict):
        return {key: packed(each) for key, each in value.items()}
    return tuple(map(packed, value)) if type(value) is tuple else value


def unpacked(value: Any, device: torch.device) -> Any:  # noqa: ANN401 - as `packed`
    """Undo `packed`; tensors are on a device, but scalars on the host, as slopes are wanted."""
    if isinstance(value, np.ndarray):
        return torch.tensor(value, device=device if value.ndim else None)
    if isinstance(value, Bits):
        return torch.tensor(value.bits, device=device).view(torch.bfloat16)
    if isinstance(value, dict):
        return {key: unpacked(each, device) for key, each in value.items()}
    return tuple(unpacked(each, device) for each in value) if type(value) is tuple else value


def _network(key: NetworkKey) -> tuple[Encoder, threading.Lock]:
    with _building:
        return _built(key)


@lru_cache(maxsize=_ENCODERS)
def _built(key: NetworkKey) -> tuple[Encoder, threading.Lock]:
    recipe = key.recipe
    encoder = Encoder(
        _weights[key.sha256],
        feed=recipe.feed,
        taps=recipe.taps,
        pooling=recipe.pooling,
        padding=recipe.padding,
        device=resolve_device(),
        dtype=recipe.dtype,
    )
    return encoder, threading.Lock()
