"""Traps 1-4 and 8 of napari's threads, with the engine replaced by fakes."""

import gc
import logging
import threading
import time
import weakref

import numpy as np
import pytest
from napari.qt.threading import FunctionWorker
from qtpy.QtCore import QThreadPool

from napari_nst.core.control import RunControl
from napari_nst.errors import ConfigError, DeviceError, DeviceMemoryError, NstError
from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.runs.worker import EngineWorker, run_request
from napari_nst.runs.frame_gate import FrameGate
from napari_nst.runs.request import RunRequest
from napari_nst.settings.config import StyleConfig
from tests.plugin.fakes import FakeStep

pytestmark = pytest.mark.gui

PICTURE = np.zeros((8, 10, 3), np.uint8)


@pytest.fixture
def make_worker(qtbot):
    """Make a worker that records what it signals; all threads end with the test."""
    workers = []

    def make():
        request = RunRequest(PICTURE, (PICTURE,), StyleConfig(), "untrained")
        control = RunControl()
        worker = EngineWorker(control, run_request, request, control, FrameGate())
        worker.seen = {name: [] for name in ("yielded", "returned", "errored", "finished")}
        worker.yielded.connect(worker.seen["yielded"].append)
        worker.returned.connect(worker.seen["returned"].append)
        worker.errored.connect(worker.seen["errored"].append)
        worker.finished.connect(lambda: worker.seen["finished"].append(True))
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        worker.quit()
    qtbot.waitUntil(lambda: all(worker.seen["finished"] for worker in workers))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), DeviceMemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), DeviceMemoryError),
        (MemoryError(), DeviceMemoryError),
        (RuntimeError("wrapped C/C++ object has been deleted"), NstError),
        (ValueError("broken"), NstError),
        (ConfigError("size is at least 16; got 3"), ConfigError),
    ],
)
def test_trap_1_a_runtime_error_in_the_thread_surfaces(
    engine, make_worker, qtbot, error, kind, caplog
):
    caplog.set_level(logging.CRITICAL)
    engine(9, fail_at=2, error=error)
    worker = make_worker()
    worker.start()
    qtbot.waitUntil(lambda: worker.seen["finished"] == [True])
    (surfaced,) = worker.seen["errored"]
    assert isinstance(surfaced, kind)
    assert not isinstance(surfaced, RuntimeError)
    assert not worker.is_running


def test_trap_2_a_run_given_up_is_closed_and_frees_its_tensors(make_worker, qtbot, monkeypatch):
    alive = []

    def run(*_, control, **__):
        tensor = np.zeros(100_000)
        alive.append(weakref.ref(tensor))
        while not control.stopped:
            time.sleep(0.001)
        yield FakeStep(1, 2)
        yield tensor  # never reached: what keeps it alive until the generator is closed

    monkeypatch.setattr("napari_nst.api.iter_stylize", run)
    worker = make_worker()
    worker.start()
    qtbot.waitUntil(lambda: bool(alive))
    worker.quit()
    qtbot.waitUntil(lambda: worker.seen["finished"] == [True])
    gc.collect()
    assert alive[0]() is None


def test_trap_2_an_error_kept_by_napari_keeps_no_tensors(caplog):
    caplog.set_level(logging.CRITICAL)
    alive = []

    def deepest():
        tensor = np.zeros(100_000)
        alive.append(weakref.ref(tensor))
        raise RuntimeError("CUDA out of memory")

    def engine():
        try:
            deepest()
        except RuntimeError as error:
            raise DeviceMemoryError("too large") from error

    try:
        engine()
    except DeviceMemoryError as error:
        kept = translated(error)
    assert alive[0]() is None
    assert str(kept) == "too large"


def test_trap_3_ten_thousand_fast_steps_neither_recurse_nor_flood(engine, make_worker, qtbot):
    engine(10_000)
    worker = make_worker()
    worker.start()
    qtbot.waitUntil(lambda: worker.seen["finished"] == [True], timeout=30_000)
    assert worker.seen["returned"]
    assert not worker.seen["errored"]
    assert len(worker.seen["yielded"]) == 1, "no frame follows one that is not consumed"


def test_trap_4_a_stop_ends_the_run_at_once_and_keeps_its_result(engine, make_worker, qtbot):
    closed = []
    engine(10_000, wait_s=0.01, closed=closed)
    worker = make_worker()
    worker.start()
    qtbot.waitUntil(lambda: len(worker.seen["yielded"]) == 1)
    asked = time.perf_counter()
    worker._control.stop()
    qtbot.waitUntil(lambda: worker.seen["finished"] == [True])
    assert time.perf_counter() - asked < 0.5
    (result,) = worker.seen["returned"]
    assert result.reason == "stopped"
    assert len(closed) == 1


def test_trap_4_a_paused_run_can_be_given_up(engine, make_worker, qtbot):
    engine(10_000, wait_s=0.01)
    worker = make_worker()
    worker._control.pause()
    worker.start()
    qtbot.wait(50)
    worker.quit()
    qtbot.waitUntil(lambda: worker.seen["finished"] == [True])
    assert not worker.seen["returned"]


def test_a_paused_run_leaves_the_threads_to_other_workers(engine, make_worker, qtbot):
    engine(10**6, wait_s=0.001)
    pool = QThreadPool.globalInstance()
    before = pool.maxThreadCount()
    pool.setMaxThreadCount(1)
    try:
        first, second, saved = make_worker(), make_worker(), []
        first.start()
        qtbot.waitUntil(lambda: bool(first.seen["yielded"]))
        first._control.pause()
        save = FunctionWorker(lambda: "saved")
        save.returned.connect(saved.append)
        save.start()
        qtbot.waitUntil(lambda: saved == ["saved"])
        second.start()
        qtbot.waitUntil(lambda: bool(second.seen["yielded"]))
        first.quit()
        second.quit()
        qtbot.waitUntil(lambda: bool(first.seen["finished"] and second.seen["finished"]))
        assert pool.waitForDone(5000)
        assert (pool.maxThreadCount(), pool.activeThreadCount()) == (1, 0)
    finally:
        pool.setMaxThreadCount(before)


def test_trap_8_the_threads_of_torch_are_set_inside_the_run(engine, monkeypatch):
    where = []
    monkeypatch.setattr("torch.set_num_threads", lambda n: where.append(threading.get_ident()))
    engine(1)
    request = RunRequest(PICTURE, (PICTURE,), StyleConfig(), "untrained")
    thread = threading.Thread(target=lambda: next(run_request(request, RunControl(), FrameGate())))
    thread.start()
    thread.join()
    assert where == [thread.ident]


def test_a_torch_that_cannot_be_loaded_names_the_way_out(caplog):
    caplog.set_level(logging.CRITICAL)
    error = OSError("[WinError 1114] Error loading torch\\lib\\c10.dll")
    surfaced = translated(error)
    assert isinstance(surfaced, DeviceError)
    assert "napari-nst gui" in str(surfaced)
