"""Files dropped on a widget, or on any field in it."""

from collections.abc import Callable, Collection
from pathlib import Path

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QLineEdit, QWidget

_OF_DROPS = (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop)


class FileDrops(QObject):
    """Takes files that are dropped; text and anything else goes where it went before.

    Parameters
    ----------
    target
        Gets the drops, and with it its line edits, into which Qt would paste a file's path.
    take
        Called with the paths, once the drop is over: the file manager waits until then.
    spared
        Line edits that paths are meant for.
    """

    def __init__(
        self,
        target: QWidget,
        take: Callable[[list[Path]], None],
        *,
        spared: Collection[QLineEdit] = (),
    ) -> None:
        super().__init__(target)
        self._take = take
        target.setAcceptDrops(True)
        for widget in (target, *target.findChildren(QLineEdit)):
            if widget not in spared:
                widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Accept what are files of this computer."""
        if event is None or event.type() not in _OF_DROPS:
            return False
        assert isinstance(event, QDropEvent)
        paths = _files_in(event)
        if not paths:
            return False
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            QTimer.singleShot(0, lambda: self._take(paths))
        return True


def _files_in(event: QDropEvent) -> list[Path]:
    data = event.mimeData()
    urls = [] if data is None else data.urls()
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
