"""Drive the plugin through the tutorial in a real napari, and photograph each step.

    scripts/with-display.sh .venv/bin/python docs/make_screenshots.py [FOLDER]

writes tutorial-*.png, by default into docs/images. Without VGG-19 weights on this computer the
untrained ones paint.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from PIL import Image
from qtpy.QtTest import QTest

from napari_nst.plugin.progress import RunState
from napari_nst.plugin.weights_panel import lacks_weights
from napari_nst.plugin.widget import StyleTransferWidget

WINDOW_PX = (1280, 800)
SIZE_PX = 256
STEPS = 40
LIMIT_BYTES = 300_000
LIMIT_S = 600
SETTLE_MS = 800


class Tour:
    """A scripted newcomer before a viewer.

    Parameters
    ----------
    folder
        Gets the pictures.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = napari.Viewer(title="napari-nst", show_welcome_screen=False)
        self.viewer.window.resize(*WINDOW_PX)
        _, dock = self.viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
        self.dock: StyleTransferWidget = dock

    def go(self) -> None:
        """Take all pictures, in the tutorial's order."""
        self.shoot("start")
        self.open_pair()
        self.shoot("pair")
        self.run(until=STEPS // 2)
        self.shoot("running")
        self.finish()
        self.change_style()
        self.dock.panel.plot.collapse(animate=False)
        self.dock.studio.section.expand(animate=False)
        self.dock.studio.compare.enter(self.compared())
        self.shoot("compare")
        self.dock.studio.compare.comparison.leave()
        self.scrub()
        self.shoot("history")
        self.viewer.close()

    def open_pair(self) -> None:
        """Open the sample pair and choose a small size, for a run of a minute."""
        self.viewer.open_sample("napari-nst", "sample-pair")
        self.viewer.canvas.grid.enabled = True
        form = self.dock.form
        form.basic["size"].set(SIZE_PX)
        form.basic["steps"].set(STEPS)
        if lacks_weights(form.weights_choice()):
            form.set_weights("untrained")
        self.viewer.reset_view()

    def run(self, *, until: int) -> None:
        """Start a run, and wait for one of its steps."""
        self.dock.panel.plot.expand(animate=False)
        self.dock.run()
        self.wait(lambda: self.steps_taken() >= until)
        self.viewer.reset_view()

    def finish(self) -> None:
        """Wait for the end of the run."""
        self.wait(lambda: self.dock.current is not None and not self.dock.current.state.active)
        assert self.dock.current is not None
        if self.dock.current.state is RunState.FAILED:
            raise SystemExit(self.dock.current.text)
        self.viewer.canvas.grid.enabled = False

    def change_style(self) -> None:
        """Paint the same content bolder, in a second run."""
        self.dock.form.basic["style_strength"].set(8.0)
        self.run(until=1)
        self.finish()

    def compared(self) -> list[napari.layers.Layer]:
        """Give the content and the results of all runs."""
        results = [run.live.layer for run in self.dock.session.runs]
        layers = [self.dock.form.pickers.content.value, *results]
        return [layer for layer in layers if layer is not None]

    def scrub(self) -> None:
        """Show the history of the last run, half way."""
        assert self.dock.current is not None
        self.dock.studio.section.collapse(animate=False)
        stack = self.dock.moments.show_stack(self.dock.current)
        for layer in self.viewer.layers:
            layer.visible = layer == stack
        self.viewer.dims.set_current_step(0, len(stack.data) // 2)
        self.viewer.reset_view()

    def steps_taken(self) -> int:
        """Count the steps of the run that computes."""
        run = self.dock.current
        return run.points[-1].iteration if run is not None and run.points else 0

    def wait(self, true: Callable[[], bool]) -> None:
        """Let napari work until something holds."""
        for _ in range(LIMIT_S * 10):
            if true():
                return
            QTest.qWait(100)
        raise SystemExit(f"this took longer than {LIMIT_S} s")

    def shoot(self, name: str) -> None:
        """Photograph the window once it is laid out."""
        QTest.qWait(SETTLE_MS)
        for notice in self.viewer.window._qt_window.findChildren(NapariQtNotification):
            notice.hide()
        shot = self.viewer.window.screenshot(canvas_only=False, flash=False)
        path = self.folder / f"tutorial-{name}.png"
        path.write_bytes(png_within(np.asarray(shot)[..., :3], LIMIT_BYTES))


def png_within(picture: np.ndarray, limit_bytes: int) -> bytes:
    """Write a PNG of 256 colours, shrunk until it is small enough.

    Parameters
    ----------
    picture : array, shape (H, W, 3), uint8
        The picture.
    limit_bytes
        The largest length.
    """
    page = Image.fromarray(picture)
    while True:
        buffer = io.BytesIO()
        page.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= limit_bytes:
            return buffer.getvalue()
        page = page.resize((page.width * 9 // 10, page.height * 9 // 10), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    target.mkdir(parents=True, exist_ok=True)
    Tour(target).go()
