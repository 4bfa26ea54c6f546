"""Windows mapped over the workers of a Dask cluster.

Every value that a window needs is the result of a task whose inputs the scheduler has: what a
window is compared with (once per scale), its pixels (once per evaluation), the slopes. So Dask's
own means do the rest: a task runs where its inputs are; what a dead worker held is computed again
elsewhere, a window is taken over by an idle worker where its own is slow, and the copies that this
leaves are dropped. Tasks are not restricted to workers: such a one waits for ever for a worker that
died (https://github.com/dask/distributed/issues/7346). Picture and optimiser are here, so that the
loss of a worker, or of all, costs at most a step.

Results are taken in the windows' order: sums are the same each time.
"""

import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import torch
from distributed import Client, Future, KilledWorker, wait
from safetensors.torch import save

from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.window import Window
from napari_nst.core.tiling.executor import Parts
from napari_nst.distributed import worker
from napari_nst.distributed.worker import NetworkKey, NetworkWeights, WorkerReport
from napari_nst.errors import ClusterError

_POLL_S = 0.1
"""How often a wait looks whether the run is to stop."""

_LOOK_S = 1.0
"""How often it looks whether workers are left."""

_GATHER_S = 60.0
"""After this time a result that a worker has, but does not hand out, is waited for anew."""

_WINDOWS_AHEAD = 4
"""Windows that are sent out for each thread of the cluster before the first is taken back: enough
that a fast worker finds one that a slow worker has not begun."""


@dataclass
class Traffic:
    """Bytes that went out from here and came back, and results taken.

    What workers fetch from each other is not counted.
    """

    sent_bytes: int = 0
    received_bytes: int = 0
    windows: int = 0


class _Held:
    """Values that workers hold at windows of one object, until another takes its place.

    They are released by hand: a future that was waited for may be part of a circle of references.
    """

    def __init__(self) -> None:
        self._owner: ReferenceType[object] | None = None
        self._futures: dict[Window, Future[Any]] = {}

    def of(self, owner: object) -> dict[Window, "Future[Any]"]:
        """Return those of an object, by window."""
        if self._owner is None or self._owner() is not owner:
            self.release()
            self._owner = ref(owner, lambda _: self.release())
        return self._futures

    def release(self) -> None:
        """Let the workers forget them."""
        for future in self._futures.values():
            future.release()
        self._futures.clear()


class DaskExecutor:
    """Computes windows on the workers of a cluster.

    Parameters
    ----------
    client
        Of the cluster.
    reports
        What the workers had when the client connected, by address.
    wait_s
        How long a run waits for a worker where none is left.
    close
        Called by `close`.

    Attributes
    ----------
    traffic
        Counted from the start on.
    """

    def __init__(
        self,
        client: Client,
        reports: dict[str, WorkerReport],
        *,
        wait_s: float = 60.0,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._client = client
        self.reports = reports
        self.traffic = Traffic()
        self._wait_s = wait_s
        self._close = close or client.close
        self._keys: WeakKeyDictionary[Encoder, NetworkKey] = WeakKeyDictionary()
        self._targets, self._parts = _Held(), _Held()
        self._looked_at = self._seen_at = time.monotonic()

    @property
    def address(self) -> str:
        """The scheduler's."""
        assert self._client.scheduler is not None
        return str(self._client.scheduler.address)

    @property
    def precision(self) -> str:
        """What "auto" is on all of the workers."""
        found = {each.precision for each in self.reports.values()}
        return found.pop() if len(found) == 1 else "float32"

    @property
    def description(self) -> dict[str, Any]:
        """Where windows are computed, for a run's record."""
        devices = [each.device for each in self.reports.values()]
        return {"workers": len(devices), "devices": sorted(devices)}

    @property
    def free_bytes(self) -> dict[str, int]:
        """Free memory of each worker's device, by address."""
        return {address: each.free_bytes for address, each in self.reports.items()}

    def close(self) -> None:
        """Leave the cluster; one that was started for this ends."""
        self._targets.release()
        self._parts.release()
        self._close()

    def map(
        self, function: Callable[..., Any], parts: Parts, *shared: object
    ) -> Iterator[tuple[Window, Any]]:
        """Yield each window and the function's value there, in the windows' order.

        Raises
        ------
        ClusterError
            If the scheduler, or all workers for longer than `wait_s`, or a worker's memory is gone.
        """
        pending: deque[tuple[Window, Future[Any]]] = deque()
        common: Future[Any] | None = None
        try:
            key = self._key_of(parts.encoder)
            common = self._submit(worker.hold_shared, worker.packed(shared))
            ahead = _WINDOWS_AHEAD * max(1, sum(self._client.nthreads().values()))
            for window in parts.windows:
                inputs = self._targets_at(window, parts), self._part_at(window, parts), common
                future = self._client.submit(
                    worker.call, function, key, window, *inputs, key=_name(function), pure=False
                )
                pending.append((window, future))
                if len(pending) > ahead:
                    yield self._taken(*pending.popleft(), parts)
            while pending:
                yield self._taken(*pending.popleft(), parts)
        except OSError as error:
            raise self._lost() from error
        finally:
            self._client.cancel([future for _, future in pending])
            if common is not None:
                common.release()

    def _taken(self, window: Window, future: "Future[Any]", parts: Parts) -> tuple[Window, Any]:
        """Wait for a window's result."""
        while True:
            try:
                with self._client.as_current():
                    wait([future], timeout=_POLL_S)
                found = future.result(timeout=_GATHER_S)
            except TimeoutError:
                parts.poll()
                self._look_for_workers()
            except KilledWorker as error:
                raise ClusterError(
                    f"the worker {error.last_worker.address} ended in the middle of a window, as "
                    f"{error.allowed_failures} others before it: probably each has too little "
                    "memory. Choose a smaller tile, or workers with more memory."
                ) from error
            except CancelledError as error:
                raise self._lost() from error
            except ModuleNotFoundError as error:
                raise ClusterError(
                    f"a worker has another installation than this computer: {error}. Install the "
                    "same napari-nst on all of them."
                ) from error
            else:
                self._seen_at = time.monotonic()
                self.traffic.windows += 1
                self.traffic.received_bytes += len(pickle.dumps(found, protocol=5))
                future.release()
                return window, worker.unpacked(found, torch.device("cpu"))

    def _look_for_workers(self) -> None:
        """Raise ClusterError if the scheduler is gone, or there has been no worker for too long."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        if self._client.status != "running":
            raise self._lost()
        if self._client.nthreads():
            self._seen_at = now
        elif now - self._seen_at > self._wait_s:
            raise ClusterError(
                f"the cluster has had no worker for {self._wait_s:g} s. Start workers and resume "
                "the run from its checkpoint; --cluster-wait sets how long it waits for them."
            )

    def _lost(self) -> ClusterError:
        return ClusterError(
            "the connection to the cluster's scheduler is lost. Start it and resume the run from "
            "its checkpoint."
        )

    def _key_of(self, encoder: Encoder) -> NetworkKey:
        """Return what the workers know a network by; its weights go to them once."""
        if encoder not in self._keys:
            blob = save({name: each.contiguous() for name, each in encoder.tensors.items()})
            digest = sha256(blob).hexdigest()
            self._client.register_plugin(NetworkWeights(digest, blob))
            self._keys[encoder] = NetworkKey(digest, encoder.recipe)
        return self._keys[encoder]

    def _targets_at(self, window: Window, parts: Parts) -> "Future[Any]":
        """Return what a window is compared with, which is sent once for all evaluations."""
        held = self._targets.of(parts.targets)
        if window not in held:
            near = parts.targets.within(window, torch.device("cpu"))
            held[window] = self._submit(worker.hold_targets, near)
        return held[window]

    def _part_at(self, window: Window, parts: Parts) -> "Future[Any]":
        """Return a window's pixels, which are sent once for all functions."""
        held = self._parts.of(parts)
        if window not in held:
            part = worker.packed(parts.read(window))
            self.traffic.sent_bytes += part.nbytes
            inputs = self._targets_at(window, parts), part
            held[window] = self._client.submit(
                worker.hold_part, *inputs, key=_name(worker.hold_part), pure=False
            )
        return held[window]

    def _submit(self, hold: Callable[..., Any], value: object) -> "Future[Any]":
        nbytes = len(pickle.dumps(value, protocol=5))
        self.traffic.sent_bytes += nbytes
        return self._client.submit(hold, value, nbytes, key=_name(hold), pure=False)


def _name(function: Callable[..., Any]) -> str:
    """Return a new key; Dask learns how long tasks take by what is before the last dash."""
    return f"{function.__name__}-{uuid.uuid4().hex}"
