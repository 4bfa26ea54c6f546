"""Notices when a key that was pressed with modifiers is let go, wherever the focus is."""

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication

_GONE = (QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate)


class HeldKey(QObject):
    """Calls back once, at the next key that is released or when the window is left.

    Neither napari's key bindings nor Qt's shortcuts tell of a release in all of the window.

    Parameters
    ----------
    parent
        The watch ends with it.
    released
        What is called.
    """

    def __init__(self, parent: QObject, released: Callable[[], None]) -> None:
        super().__init__(parent)
        self._released = released
        self._watching = False

    def press(self) -> None:
        """Watch from now on; safe to repeat."""
        application = QApplication.instance()
        if application is not None and not self._watching:
            self._watching = True
            application.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Look for the end; the event goes on as it is."""
        kind = None if event is None else event.type()
        lets_go = (
            kind == QEvent.Type.KeyRelease
            and isinstance(event, QKeyEvent)
            and not event.isAutoRepeat()
        )
        if lets_go or kind in _GONE:
            self._end()
        return False

    def _end(self) -> None:
        application = QApplication.instance()
        if application is not None and self._watching:
            self._watching = False
            application.removeEventFilter(self)
            self._released()
