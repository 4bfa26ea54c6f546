"""Open napari with the widget docked, and drive it as a user would for the demo."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
from qtpy.QtCore import QSize, QTimer
from qtpy.QtWidgets import QWidget

from napari_nst.errors import NstError
from napari_nst.files.images import write_picture
from napari_nst.plugin.form.weights_panel import lacks_weights
from napari_nst.runs.frame_gate import Frame

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_nst.plugin.dock.widget import StyleTransferWidget
    from napari_nst.plugin.runs.viewer_run import ViewerRun

SIZE_PX = 256
STEPS = 120
LIMIT_S = 120
"""A slow machine stops here and keeps what there is, so that the demo always ends."""

SHOT_AT = 0.9
"""Share of the steps after which the screenshot is taken, while the run still goes on."""

_SETTLE_MS = 300
_WINDOW_PX = (1440, 920)
"""Where the screen has room for it."""


def open_gui(pictures: dict[str, np.ndarray]) -> None:
    """Open napari with `pictures` as layers and the widget docked; returns when it closes."""
    viewer, _ = _open()
    for name, pixels in pictures.items():
        viewer.add_image(pixels, name=name, rgb=pixels.ndim == 3)
    napari.run()


def run_demo(save: Path | None, *, say: Callable[[str], None]) -> None:
    """Paint the ready pair in napari.

    Parameters
    ----------
    save
        A folder for result.png and screenshot.png; napari closes when they are written. None
        leaves napari open.
    say
        Gets each line for the user.

    Raises
    ------
    NstError
        If the run failed.
    """
    viewer, widget = _open()
    viewer.open_sample("napari-nst", "sample-pair")
    widget.form.basic["size"].value = SIZE_PX
    widget.form.basic["steps"].value = STEPS
    if lacks_weights(widget.form.weights_choice()):
        widget.form.set_weights("untrained")
        say("No VGG-19 weights here: the demo uses untrained ones (see README, Weights).")
    widget.panel.plot.expand(animate=False)
    widget.run()
    if widget.current is None:
        raise NstError(f"the demo's run did not start: {widget.panel.text.text()}")
    ending = _Ending(viewer, widget.current, save) if save else None
    napari.run()
    if ending:
        ending.report(say)


def _open() -> "tuple[Viewer, StyleTransferWidget]":
    viewer = napari.Viewer(title="napari-nst")
    _, widget = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    fit_to_screen(widget.window())
    return viewer, widget


def fit_to_screen(window: QWidget) -> None:
    """Give a window our size, or as much of it as its screen has room for, title bar included."""
    screen = window.screen()
    assert screen is not None
    room = screen.availableGeometry()
    around = window.frameGeometry().size() - window.size()
    window.resize(QSize(*_WINDOW_PX).boundedTo(room.size() - around))
    if not room.contains(window.frameGeometry()):
        window.move(room.topLeft())


class _Ending:
    """Takes the screenshot, waits for the end, writes the result and closes napari."""

    def __init__(self, viewer: "Viewer", run: "ViewerRun", folder: Path) -> None:
        self._viewer = viewer
        self._run = run
        self._result_file = folder / "result.png"
        self._screenshot_file = folder / "screenshot.png"
        self._weights = ""
        self._shot = False
        run.framed.connect(self._on_frame)
        run.ended.connect(self._on_ended)
        QTimer.singleShot(LIMIT_S * 1000, run.stop)

    def report(self, say: Callable[[str], None]) -> None:
        """Say what came out; raises NstError if nothing did."""
        if not self._weights:
            raise NstError(f"the demo's run left no picture: {self._run.text}")
        say(self._run.text)
        say(f"weights: {self._weights}")
        say(f"result: {self._result_file.resolve()}")
        say(f"screenshot: {self._screenshot_file.resolve()}")

    def _on_frame(self, frame: Frame) -> None:
        if frame.points[-1].iteration >= SHOT_AT * frame.total:
            self._take_shot()

    def _on_ended(self) -> None:
        QTimer.singleShot(_SETTLE_MS, self._finish)  # the dock is laid out anew by then

    def _finish(self) -> None:
        self._take_shot()
        if result := self._run.result:
            write_picture(self._result_file, result.image, record=result.record)
            self._weights = result.record.weights
        self._viewer.close()

    def _take_shot(self) -> None:
        if not self._shot:
            self._shot = True
            path = str(self._screenshot_file)
            self._viewer.window.screenshot(path, canvas_only=False, flash=False)
