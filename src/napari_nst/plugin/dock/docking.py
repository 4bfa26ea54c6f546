"""One dock for each viewer, found again whatever its title, and kept while it is closed.

napari makes another plugin widget for each title that a dock is opened by: its menus and its
`add_plugin_dock_widget` use two. The × of a dock takes the widget out of the window and leaves
it to Python. Here a viewer's second widget is its first one, which moves into the new dock; a
closed dock's widget stays in the window, hidden, so that its runs go on and end with the viewer.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from napari.utils.notifications import show_info
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow, QWidget

from napari_nst.runs.progress import RunState

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_nst.plugin.dock.widget import StyleTransferWidget
    from napari_nst.plugin.runs.session import Session

TITLE = "Neural Style Transfer"

_docks: WeakValueDictionary[int, QWidget] = WeakValueDictionary()
"""Docks by the identity of their viewer: viewers compare by their contents."""


class OnePerViewer(type(QWidget)):  # type: ignore[misc] # the binding's own metaclass
    """Metaclass of the dock widget: a viewer that has one gets that one again."""

    def __call__(cls, napari_viewer: "Viewer") -> QWidget:
        """Return the viewer's dock widget, made if there is none."""
        dock = dock_of(napari_viewer)
        if dock is None:
            dock = super().__call__(napari_viewer)
            key = _key(napari_viewer)
            _docks[key] = dock
            dock.destroyed.connect(partial(_forget, key))
        return dock


def dock_of(viewer: "Viewer") -> "StyleTransferWidget | None":
    """Return the dock widget of a viewer, open or closed; None if it was never opened."""
    return cast("StyleTransferWidget | None", _docks.get(_key(viewer)))


def frame_of(dock: QWidget) -> QDockWidget | None:
    """Return the dock that the widget is in; None if it is closed."""
    parent = dock.parentWidget()
    return parent if isinstance(parent, QDockWidget) else None


def main_window_of(widget: QWidget) -> QMainWindow | None:
    """Return the main window that a widget is in, be its dock floating or not."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parentWidget()
    return parent


def keep_title(dock: QDockWidget) -> None:
    """Set our title on a dock, now and whenever napari makes its title bar again.

    napari's own title names the plugin twice, or by its package.
    """
    if dock.windowTitle() == TITLE:
        return
    names = {dock.windowTitle()}
    dock.setWindowTitle(TITLE)
    _rename(dock, names)
    for moved in (dock.topLevelChanged, dock.dockLocationChanged):
        moved.connect(partial(_rename, dock, names))


def tell_of_runs(viewer: "Viewer", session: "Session") -> None:
    """Tell whoever closes the dock that runs go on, or are paused, and how to see them again."""
    run = session.current
    if run is None or not session.busy:
        return
    waiting = len(session.queue.waiting)
    queued = f", and {waiting} more in the queue" if waiting else ""
    # The first words count: napari shows no more of them until it is asked to.
    place = "Layers > Filter > Neural Style Transfer"
    doing = "is paused" if run.state is RunState.PAUSED else "goes on"
    viewer.status = f"{place} opens the dock again. The run {doing}: “{run.name}”{queued}."
    show_info(viewer.status)


_SETTLED_MS = 150
"""By then the window has its new layout, by which napari places notifications."""


class Docking(QObject):
    """Follows the dock widget from dock to dock.

    Signals: `put_away` when the user has closed or hidden the dock.

    Parameters
    ----------
    dock
        The dock widget.
    viewer
        Its viewer.
    """

    put_away = Signal()

    def __init__(self, dock: QWidget, viewer: "Viewer") -> None:
        super().__init__(dock)
        self._dock = dock
        self._viewer = viewer
        self._frame: QDockWidget | None = None
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLED_MS)
        self._settled.timeout.connect(self._tell)
        dock.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep a closed dock, leave one dock only, and tell when it is no longer seen."""
        kind = None if event is None else event.type()
        if kind == QEvent.Type.ParentChange:
            self._follow()
        elif kind == QEvent.Type.Hide and self._frame is not None and self._frame.isHidden():
            self._settled.start()
        return super().eventFilter(watched, event)

    def _follow(self) -> None:
        parent, left = self._dock.parentWidget(), self._frame
        if parent is left:
            return
        self._frame = frame_of(self._dock)
        if left is None:
            return
        # Later: napari is in the midst of it, and after `setParent(None)` the binding still
        # hands the widget to Python, whatever its parent is by then.
        if parent is None:
            QTimer.singleShot(0, partial(self._keep, self._dock, left.parentWidget()))
        elif self._frame is not None:
            QTimer.singleShot(0, partial(self._drop, left))

    def _keep(self, dock: QWidget, window: QWidget | None) -> None:
        """Put a closed dock's widget back into the window, hidden."""
        if not _is_alive(dock) or dock.parentWidget() is not None:
            return
        if window is None or not _is_alive(window):
            dock.deleteLater()
            return
        dock.setParent(window)
        dock.hide()
        self._settled.start()

    def _tell(self) -> None:
        if not self._dock.isVisible():
            self.put_away.emit()

    def _drop(self, frame: QDockWidget) -> None:
        """Remove the dock that the widget has moved out of."""
        if _is_alive(frame) and frame.widget() is None:
            self._viewer.window.remove_dock_widget(frame)


def _is_alive(widget: QWidget) -> bool:
    return bool(isalive(widget))  # type: ignore[no-untyped-call] # qtpy's has no types


def _key(viewer: "Viewer") -> int:
    return id(getattr(viewer, "__wrapped__", viewer))  # a plugin's viewer is napari's proxy


def _forget(key: int, _: Any = None) -> None:  # noqa: ANN401 - Qt's destroyed object
    _docks.pop(key, None)


def _rename(dock: QDockWidget, names: set[str], _: object = None) -> None:
    bar = dock.titleBarWidget()
    for label in [] if bar is None else bar.findChildren(QLabel):
        if label.text() in names:
            label.setText(TITLE)
