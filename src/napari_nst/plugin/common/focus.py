"""The order in which Tab goes through the dock: as one reads it."""

from itertools import pairwise

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget


def chain_as_seen(root: QWidget) -> None:
    """Let Tab go through what is seen of a column of parts: part by part, row by row.

    Qt's own order is that in which widgets got their parents.

    Parameters
    ----------
    root
        Its layout holds the parts; each may scroll for itself.
    """
    layout = root.layout()
    assert layout is not None
    stops: list[QWidget] = []
    for place in range(layout.count()):
        item = layout.itemAt(place)
        part = None if item is None else item.widget()
        if part is not None and part.isVisible():
            stops += _row_by_row(part)
    for before, after in pairwise(stops):
        QWidget.setTabOrder(before, after)


def _row_by_row(part: QWidget) -> list[QWidget]:
    rows: list[list[QWidget]] = []
    bottom = 0
    for stop in sorted(filter(_is_stop, part.findChildren(QWidget)), key=lambda w: _top(w, part)):
        middle = _top(stop, part) + stop.height() // 2
        if not rows or middle > bottom:
            rows.append([])
            bottom = _top(stop, part) + stop.height()
        rows[-1].append(stop)
    return [
        stop for row in rows for stop in sorted(row, key=lambda w: w.mapTo(part, QPoint(0, 0)).x())
    ]


def _is_stop(widget: QWidget) -> bool:
    takes_tab = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    return takes_tab and widget.isVisible() and widget.isEnabled() and widget.focusProxy() is None


def _top(widget: QWidget, part: QWidget) -> int:
    return widget.mapTo(part, QPoint(0, 0)).y()
