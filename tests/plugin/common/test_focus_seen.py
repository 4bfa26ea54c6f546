"""Where the keyboard is can be seen, and shows without moving anything."""

import numpy as np
import pytest
from napari._qt.utils import QImg2array
from qtpy.QtWidgets import QApplication

pytestmark = pytest.mark.gui


def photo(widget):
    return QImg2array(widget.grab().toImage())[..., :3].astype(int)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_has_the_keyboard_looks_otherwise_and_keeps_its_size(
    make_napari_viewer_proxy, qtbot, theme
):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.theme = theme
    for name in ("harbour", "waves"):
        viewer.add_image(np.zeros((16, 20, 3), np.uint8), name=name)
    _, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    qtbot.waitUntil(dock.isVisible)
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
    for name, widget in watched.items():
        widget.clearFocus()
        qtbot.wait(30)
        before, hint = photo(widget), widget.sizeHint()
        widget.setFocus()
        qtbot.waitUntil(lambda widget=widget: QApplication.focusWidget() is widget)
        qtbot.wait(30)
        after = photo(widget)
        assert widget.sizeHint() == hint, name
        assert after.shape == before.shape, name
        changed = (abs(after - before).max(axis=-1) > 60).sum()
        assert changed > 40, name
