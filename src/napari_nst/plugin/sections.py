"""The dock's column: the form and folded sections, scrolling where they find no room."""

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_nst.plugin.looks import fold


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
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._inside.installEventFilter(self)

    def add(self, widget: QWidget) -> None:
        """Append a widget."""
        self._column.insertWidget(self._column.count() - 1, widget)

    def add_section(self, title: str, widget: QWidget) -> QCollapsible:
        """Append a widget, folded away under its title."""
        section = fold(title)
        section.addWidget(widget)
        self.add(section)
        return section

    def sizeHint(self) -> QSize:
        """Ask for the whole height."""
        return self._inside.sizeHint()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Ask anew when something folds or unfolds."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
