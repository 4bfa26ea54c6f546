"""Measure how long the GUI thread is unresponsive while a run is on.

    xvfb-run -a -s "-screen 0 1280x1024x24" python benchmarks/gui_gaps.py --size 1024

A timer of 5 ms ticks in the GUI thread. A gap is the time between two ticks: how long a click
would have waited. The same is measured first with napari idle, on the same machine. With
`--layers 9` nine layers of that size, the live one among them, are visible in napari's grid.
"""

import argparse
import time

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_nst import samples

TICK_MS = 5


class GapMeter:
    """Collects the gaps between ticks of a timer in the GUI thread."""

    def __init__(self) -> None:
        self.gaps_ms: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def reset(self) -> None:
        self.gaps_ms.clear()
        self._last = time.perf_counter()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps_ms.append((now - self._last) * 1e3)
        self._last = now

    def report(self, name: str) -> None:
        gaps = np.array(self.gaps_ms)
        # Weighted by its length: the wait that a click at a random moment would meet.
        order = np.sort(gaps)
        share = np.cumsum(order) / order.sum()
        felt = order[np.searchsorted(share, 0.95)]
        print(
            f"{name:<10} {len(gaps):6d} ticks   p50 {np.median(gaps):6.1f}   "
            f"p95 {np.percentile(gaps, 95):6.1f}   p99 {np.percentile(gaps, 99):6.1f}   "
            f"max {gaps.max():6.1f} ms   p95 by time {felt:6.1f}"
        )


def enlarged(picture: np.ndarray, size: int) -> np.ndarray:
    """Make a square of uint8 of a size."""
    return np.asarray(Image.fromarray(picture).resize((size, size)))


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--optimizer", default="lbfgs")
    parser.add_argument("--layers", type=int, default=3, help="visible ones, the live one included")
    parser.add_argument("--plot", action="store_true", help="unfold the loss curve")
    options = parser.parse_args()

    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    _, widget = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    viewer.add_image(enlarged(samples.photograph("astronaut"), options.size), name="content")
    viewer.add_image(enlarged(samples.style("brush strokes"), options.size), name="style")
    for number in range(options.layers - 3):
        page = enlarged(samples.photograph("cat"), options.size)
        viewer.add_image(np.roll(page, 97 * number, axis=0), name=f"picture {number + 1}")
    viewer.canvas.grid.enabled = options.layers > 3
    viewer.reset_view()
    widget.form.set_weights("untrained")
    widget.form.basic["size"].value = options.size
    widget.form.basic["steps"].value = options.steps
    widget.form.advanced["optimizer"].value = options.optimizer
    if options.plot:
        widget.panel.plot.expand(animate=False)
    spin(15)  # the badge imports torch

    meter = GapMeter()
    spin(3)
    meter.report("idle")
    meter.reset()
    frames: list[bool] = []
    started = time.perf_counter()
    widget.run()
    widget.current.framed.connect(lambda frame: frames.append(frame.picture is not None))
    while not frames and widget.current.state.active:
        spin(0.05)
    meter.report("preparing")
    meter.reset()
    while widget.current.state.active:
        spin(0.05)
    meter.report("running")
    print(f"{widget.panel.text.text()}  {sum(frames)} pictures, {len(frames)} frames")
    print(f"wall {time.perf_counter() - started:.1f} s")
    viewer.close()


if __name__ == "__main__":
    main()
