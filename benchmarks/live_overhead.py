"""Measure what watching costs: the same run in the dock with its live layer, and headless.

    xvfb-run -a -s "-screen 0 1280x1024x24" python benchmarks/live_overhead.py --size 512

Live and headless runs alternate in one process, so that whatever else the machine does meets
both. Compared is the median time of a step, from the second on: the first also prepares.
"""

import argparse
from itertools import pairwise
from statistics import median

import napari
import numpy as np
import torch
from qtpy.QtCore import QEventLoop

from napari_nst import StyleConfig, samples, stylize
from napari_nst.api import StyleResult
from napari_nst.plugin.dock.widget import StyleTransferWidget
from napari_nst.plugin.runs.worker import thread_count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preset", default="gatys", help="gatys: all steps at full size")
    options = parser.parse_args()

    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    _, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    content, style = samples.photograph("astronaut"), samples.style("brush strokes")
    viewer.add_image(content, name="content")
    viewer.add_image(style, name="style")
    dock.form.apply(StyleConfig.preset(options.preset, size=options.size, steps=options.steps))
    dock.panel.plot.expand(animate=False)
    torch.set_num_threads(thread_count())
    live: list[float] = []
    headless: list[float] = []
    for number in range(options.rounds):
        result, pictures = run_live(dock)
        live += steps_s(result)
        headless += steps_s(stylize(content, style, dock.form.config(), weights="builtin"))
        print(
            f"round {number + 1}: live {median(live):.3f} s a step ({pictures} pictures), "
            f"headless {median(headless):.3f} s",
            flush=True,
        )
    print(f"live / headless: {median(live) / median(headless):.3f} (medians of {len(live)} steps)")
    print(f"by totals: {np.sum(live) / np.sum(headless):.3f}")
    viewer.close()


def run_live(dock: StyleTransferWidget) -> tuple[StyleResult, int]:
    """Run in the dock as a user would, and count the pictures that were shown."""
    dock.form.set_weights("builtin")
    dock.run()
    run, pictures = dock.session.runs[-1], []
    run.framed.connect(lambda frame: pictures.append(frame.picture is not None))
    loop = QEventLoop()
    run.ended.connect(loop.quit)
    loop.exec()
    assert run.result is not None, run.text
    return run.result, sum(pictures)


def steps_s(result: StyleResult) -> list[float]:
    """Give the seconds between the points of a run, the last of which is no step."""
    return [after.seconds - before.seconds for before, after in pairwise(result.history[:-1])]


if __name__ == "__main__":
    main()
