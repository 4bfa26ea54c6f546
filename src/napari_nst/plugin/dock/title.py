"""The title of the dock: napari's own names the plugin twice, or by its package."""

from functools import partial

from qtpy.QtWidgets import QDockWidget, QLabel

TITLE = "Neural Style Transfer"


def keep_title(dock: QDockWidget) -> None:
    """Give a dock our title, now and whenever napari makes its title bar anew."""
    if dock.windowTitle() == TITLE:
        return
    names = {dock.windowTitle()}
    dock.setWindowTitle(TITLE)
    _rename(dock, names)
    for moved in (dock.topLevelChanged, dock.dockLocationChanged):
        moved.connect(partial(_rename, dock, names))


def _rename(dock: QDockWidget, names: set[str], _: object = None) -> None:
    bar = dock.titleBarWidget()
    for label in [] if bar is None else bar.findChildren(QLabel):
        if label.text() in names:
            label.setText(TITLE)
