"""Where the keyboard is can be seen, and shows without moving anything."""

import numpy as np
import pytest
from napari._qt.utils import QImg2array
from qtpy.QtGui import QGuiApplication

pytestmark = pytest.mark.gui


def photo(widget):
    return QImg2array(widget.grab().toImage())[..., :3].astype(int)


def test_what_has_the_keyboard_looks_otherwise_and_keeps_its_size(
    make_napari_viewer_proxy, qtbot, settled
):
    viewer = make_napari_viewer_proxy(show=True)
    for name in ("harbour", "waves"):
        viewer.add_image(np.zeros((16, 20, 3), np.uint8), name=name)
    _, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    basic = {name: widget.native for name, widget in dock.form.basic.items()}
    watched = {
        "run": dock.panel.run,
        "preview": dock.panel.preview,
        "preset": dock.form.preset,
        "colors": basic["colors"],
        "size": basic["size"],
        "slider": dock.form.strength_slider,
        "head": dock.form.folded.toggleButton(),
    }
    dock.activateWindow()
    for theme in ("dark", "light"):
        viewer.theme = theme
        settled(dock)
        for name, widget in watched.items():
            widget.clearFocus()
            QGuiApplication.sync()
            before, hint = photo(widget), widget.sizeHint()
            widget.setFocus()
            qtbot.waitUntil(widget.hasFocus)
            QGuiApplication.sync()
            after = photo(widget)
            assert widget.sizeHint() == hint, (theme, name)
            assert after.shape == before.shape, (theme, name)
            changed = (abs(after - before).max(axis=-1) > 60).sum()
            assert changed > 40, (theme, name)
