"""A napari window under a script's hands: wait, answer dialogs, photograph."""

import io
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari._qt.utils import QImg2array
from napari.settings import get_settings
from PIL import Image
from qtpy.QtCore import QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_nst.plugin.dock.widget import StyleTransferWidget

LIMIT_BYTES = 300_000
LIMIT_S = 900
SETTLE_MS = 1500
_POLL_MS = 50


class Screen:
    """A viewer with the dock, and a folder for its photographs.

    Parameters
    ----------
    folder
        Gets the pictures.
    size_px
        Width and height of the window.
    theme
        "dark" or "light".
    """

    def __init__(self, folder: Path, size_px: tuple[int, int], theme: str) -> None:
        get_settings().appearance.theme = theme
        self.folder = folder
        self.viewer = napari.Viewer(title="napari-nst", show_welcome_screen=False)
        self.window: QWidget = self.viewer.window._qt_window
        self.window.resize(*size_px)
        _, dock = self.viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
        self.dock: StyleTransferWidget = dock

    def wait(self, true: Callable[[], bool], what: str) -> None:
        """Let napari work until something holds."""
        for _ in range(LIMIT_S * 1000 // _POLL_MS):
            if true():
                return
            QTest.qWait(_POLL_MS)
        raise SystemExit(f"waited {LIMIT_S} s in vain: {what}")

    def answer(self, act: Callable[[QWidget], None]) -> None:
        """Do something with the next dialog that opens, as soon as it is there."""

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if dialog is None:
                QTimer.singleShot(_POLL_MS, look)
            else:
                QTest.qWait(SETTLE_MS)
                act(dialog)

        QTimer.singleShot(_POLL_MS, look)

    def shoot(self, name: str) -> None:
        """Photograph the screen, menus and dialogs over the window included."""
        QTest.qWait(SETTLE_MS)
        for notice in self.window.findChildren(NapariQtNotification):
            notice.hide()
        screen, frame = self.window.screen(), self.window.frameGeometry()
        assert screen is not None
        shot = screen.grabWindow(0, frame.x(), frame.y(), frame.width(), frame.height())
        picture = QImg2array(shot.toImage())[..., :3]
        (self.folder / f"tutorial-{name}.png").write_bytes(png_within(picture, LIMIT_BYTES))


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
