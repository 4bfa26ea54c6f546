"""The thread of a run, and the translation of what may go wrong in it.

napari's generator workers have four traps that this module closes: a RuntimeError (such
as torch's out of memory) is swallowed, an aborted generator is never closed and keeps its
tensors, a traceback kept by a notification keeps them as well, and a thread that outlives
the interpreter takes the process down with it.
"""

import atexit
import logging
import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from napari.qt.threading import GeneratorWorker
from qtpy.QtCore import QThreadPool

from napari_nst.core.control import RunControl
from napari_nst.core.memory import give_memory_back
from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.common.torch_import import import_torch
from napari_nst.plugin.runs.run_file import RunFile
from napari_nst.runs.frame_gate import Frame, FrameGate, frames
from napari_nst.runs.request import RunRequest
from napari_nst.runs.snapshots import SnapshotStore

if TYPE_CHECKING:
    from napari_nst.api import StyleResult

logger = logging.getLogger(__name__)

_LONGEST_END_MS = 30_000
"""How long Python's end waits for workers; a run of ours ends within an evaluation."""


class EngineWorker(GeneratorWorker):  # type: ignore[misc] # napari ships no types
    """Exhausts a generator that computes in a thread; yields what it yields.

    Parameters
    ----------
    control
        Stops, pauses and steers what computes.
    function, arguments
        Make the generator.
    """

    def __init__(
        self,
        control: RunControl,
        function: Callable[..., Generator[Any, None, Any]],
        *arguments: object,
    ) -> None:
        super().__init__(function, *arguments)
        self._control = control

    def quit(self) -> None:
        """Abort the run: it ends at its next poll and returns nothing."""
        self._control.stop()
        super().quit()

    def work(self) -> Any:  # noqa: ANN401 - what the generator returns
        """Exhaust the generator, close it, and raise only the project's own errors."""
        # A run may be paused for hours: it takes none of the threads that saving, exporting and
        # other viewers' runs need. The pool still waits for it at the end.
        pool = QThreadPool.globalInstance()
        assert pool is not None
        pool.releaseThread()
        try:
            outcome: Any = super().work()
        except Exception as error:  # noqa: BLE001 - a thread's border: all becomes NstError
            outcome = error
        finally:
            self._gen.close()
            give_memory_back()
            pool.reserveThread()
        if isinstance(outcome, Exception):
            raise translated(outcome) from None
        return outcome


@cache
def settle_workers_at_exit() -> None:
    """Let Python stop and await all workers before it ends; safe to repeat.

    `napari.run()` does so when its event loop ends, but a script that ends without one, or
    that closes its viewer first, does not. Qt's objects would then be deleted under a run that
    still emits signals, which aborts the process. Handlers run in reverse order, so this one
    comes before those that PyQt and PySide registered when they were imported.
    """
    atexit.register(_settle_workers)


def _settle_workers() -> None:
    with suppress(RuntimeError):  # another plugin's worker that does not end holds nobody up
        GeneratorWorker.await_workers(_LONGEST_END_MS)


def run_request(
    request: RunRequest,
    control: RunControl,
    gate: FrameGate,
    snapshots: SnapshotStore | None = None,
    file: RunFile | None = None,
) -> "Generator[Frame, None, StyleResult]":
    """Start the engine and hand on its frames. Imports torch, in the run's thread."""
    load_engine()
    from napari_nst.api import iter_stylize

    with ExitStack() as stack:
        options = {} if file is None else stack.enter_context(file.opened(request))
        run = iter_stylize(
            request.content,
            request.styles,
            request.config,
            weights=request.weights,
            device=request.device,
            control=control,
            init=request.init,
            regions=request.regions,
            events=request.events,
            **options,
        )
        result = yield from frames(run, gate, control, snapshots=snapshots, until=request.until)
        is_as_asked = result.record.steps_done == request.until
        if file is not None and (result.reason != "stopped" or is_as_asked):
            file.is_over.set()  # otherwise the viewer has closed, or the user has said so already
    return result


def load_engine() -> None:
    """Import torch and let it use all threads; in the thread of a run, for it takes seconds."""
    import_torch()
    import torch

    torch.set_num_threads(thread_count())


def thread_count() -> int:
    """Return the number of CPU threads of a run: all cores; the GUI needs them only briefly."""
    return os.cpu_count() or 1
