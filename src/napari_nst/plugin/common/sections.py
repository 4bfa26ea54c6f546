"""The dock's column: the form and folded sections, scrolling where they find no room."""

from functools import partial

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_nst.plugin.common import style as looks

_FRAME_PX = 2
"""Of napari's style around a scroll area."""

_LAID_OUT_MS = 200
"""After a fold's animation."""


class Sections(QScrollArea):
    """As high as its contents where there is room; scrolls where there is not."""

    def __init__(self) -> None:
        super().__init__()
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(4)
        self._column.addStretch(1)
        self.setWidget(self._inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._inside.installEventFilter(self)
        self._unfolded: QCollapsible | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_LAID_OUT_MS)
        self._timer.timeout.connect(self._reveal)

    def add(self, widget: QWidget) -> None:
        """Append a widget."""
        self._column.insertWidget(self._column.count() - 1, widget)
        if isinstance(widget, QCollapsible):
            widget.toggleButton().clicked.connect(partial(self._on_click, widget))

    def add_section(self, title: str, widget: QWidget) -> QCollapsible:
        """Append a widget, folded away under its title."""
        section = looks.fold(title)
        section.addWidget(widget)
        self.add(section)
        return section

    def folds(self) -> list[QCollapsible]:
        """Return the folded and unfolded sections, from the top."""
        every = (self._column.itemAt(place) for place in range(self._column.count()))
        return [
            fold
            for each in every
            if each is not None and isinstance(fold := each.widget(), QCollapsible)
        ]

    def sizeHint(self) -> QSize:
        """Ask for the whole height."""
        return self._inside.sizeHint()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Ask anew when something folds or unfolds; no narrower than contents and scroll bar."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            bar = self.verticalScrollBar()
            room = _FRAME_PX + (0 if bar is None else bar.sizeHint().width())
            self.setMinimumWidth(self._inside.minimumSizeHint().width() + room)
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _on_click(self, section: QCollapsible) -> None:
        """Scroll to what the user unfolds, once it is laid out."""
        self._unfolded = section if section.isExpanded() else None
        self._timer.start()

    def _reveal(self) -> None:
        if self._unfolded is not None:
            self.ensureWidgetVisible(self._unfolded, 0, 0)
