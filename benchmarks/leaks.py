"""Run the dock thirty times and count what is left: tensors, threads, workers, memory.

    xvfb-run -a -s "-screen 0 1280x1024x24" python benchmarks/leaks.py --runs 30

The runs end in turn as they do in life: finished, stopped, and with their layer removed; then
each is deleted, so that nothing may stay. With `--keep` they stay, and their layers with them:
napari's own cost of a layer is measured first, for comparison. Exits with 1 where something leaks.
"""

import argparse
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import torch
from qtpy.QtCore import QEventLoop, QTimer

from napari_nst import samples
from napari_nst.core.memory import give_memory_back
from napari_nst.plugin.dock.widget import StyleTransferWidget
from napari_nst.plugin.runs.viewer_run import Run
from napari_nst.plugin.runs.worker import RunWorker

SETTLED_AT = 5
"""Runs after which caches (of Qt, OpenGL, the allocator) are as large as they will be."""

LIMIT_MB = 50
_PLAIN_LAYERS = 5
ENDS = ("finished", "stopped", "removed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--keep", action="store_true", help="delete no run")
    options = parser.parse_args()

    viewer = napari.Viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    viewer.add_image(samples.photograph("coffee"), name="content")
    viewer.add_image(samples.style("brush strokes"), name="style")
    dock.form.basic["size"].value = options.size
    dock.form.basic["steps"].value = options.steps
    settle()
    per_layer_mb = cost_of_a_layer(viewer) if options.keep else 0.0
    threads = threading.active_count()
    memory_mb: list[float] = []
    layers: list[int] = []
    for number in range(options.runs):
        ended = run_once(dock, viewer, ENDS[number % len(ENDS)])
        if not options.keep:
            dock.session.delete(ended)
        del ended
        memory_mb.append(settle())
        layers.append(len(viewer.layers))
        print(
            f"run {number + 1:3d}  {ENDS[number % len(ENDS)]:<9} {len(tensors()):3d} tensors  "
            f"{len(workers()):2d} workers  {threading.active_count() - threads:+d} threads  "
            f"{memory_mb[-1]:7.1f} MB",
            flush=True,
        )
    settled = min(SETTLED_AT, len(memory_mb)) - 1
    naparis_mb = (layers[-1] - layers[settled]) * per_layer_mb
    growth = memory_mb[-1] - memory_mb[settled] - naparis_mb
    left = len(tensors()), len(workers()), threading.active_count() - threads
    print(f"left: {left[0]} tensors, {left[1]} workers, {left[2]} threads; {growth:+.1f} MB")
    if options.keep:
        print(
            f"beside {naparis_mb:.1f} MB that napari's own layers take ({per_layer_mb:.1f} MB each)"
        )
    viewer.close()
    sys.exit(int(any(count > 0 for count in left) or growth > LIMIT_MB))


def run_once(dock: StyleTransferWidget, viewer: napari.Viewer, end: str) -> Run:
    """Start a run, end it in one of the ways, and give it once it has ended."""
    dock.run()
    run = dock.session.runs[-1]
    ended: list[Run] = []
    run.ended.connect(ended.append)
    if end != "finished":
        spin(lambda: run.live.layer is not None or bool(ended))
        if end == "stopped":
            run.stop()
        elif run.live.layer is not None:
            viewer.layers.remove(run.live.layer)
    spin(lambda: bool(ended))
    return run


def cost_of_a_layer(viewer: napari.Viewer) -> float:
    """Measure the MB of a small layer that no run has made."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    before, added = settle(), []
    for number in range(_PLAIN_LAYERS + 1):
        if number == 1:
            before = settle()  # the first one brings what all share
        added.append(viewer.add_image(pixels, rgb=True))
        settle()
    cost_mb = (settle() - before) / _PLAIN_LAYERS
    for layer in added:
        viewer.layers.remove(layer)
    return cost_mb


def spin(done: Callable[[], bool], *, limit_s: float = 300.0) -> None:
    """Let napari work until something holds.

    In a loop of Qt's own: outside of one, Qt never deletes what is to be deleted later.
    """
    loop, clock, end = QEventLoop(), QTimer(), time.monotonic() + limit_s
    clock.timeout.connect(lambda: loop.quit() if done() or time.monotonic() > end else None)
    clock.start(5)
    loop.exec()
    if not done():
        raise SystemExit(f"a run took longer than {limit_s:.0f} s")


def settle() -> float:
    """Let deferred deletions and pool threads end, collect, and give the resident MB.

    What the C library has freed and only keeps for later is no leak: it is given back first.
    """
    end = time.monotonic() + 0.5
    spin(lambda: time.monotonic() > end)
    for _ in range(3):
        gc.collect()
    give_memory_back()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def tensors() -> list[torch.Tensor]:
    """Give the tensors that are alive."""
    return [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]


def workers() -> list[RunWorker]:
    """Give the workers that are alive."""
    return [each for each in gc.get_objects() if issubclass(type(each), RunWorker)]


if __name__ == "__main__":
    main()
