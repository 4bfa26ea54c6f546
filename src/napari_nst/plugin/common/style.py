"""What napari's theme leaves open: quiet folds, a thin bar, one button that stands out."""

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QWidget,
)
from superqt import QCollapsible

ACCENT = "#4f6bd6"
ACCENT_TEXT = "#56b4e9"
_BAD = "#e5604c"
NAME_MARGIN_PX = 6
"""Taken off where names are shortened: napari's style keeps some pixels of a label's width."""
_LEAST_CHARACTERS = 6
"""Of a combo box: in a dock of 320 px the form has room beside a scroll bar."""

_ARROW_PX = 16
_ARROW_COLOUR = "#8a919b"
_FOCUS_STYLE = (
    # An outline would change no size, but Qt draws none around these; each border takes its
    # pixel from napari's padding.
    f"QPushButton:focus {{ border: 1px solid {ACCENT_TEXT}; padding: 3px; }}"
    f"QComboBox:focus {{ border: 1px solid {ACCENT_TEXT}; padding: 2px 9px 2px 7px; }}"
    f"QAbstractSpinBox:focus {{ border: 1px solid {ACCENT_TEXT}; padding: 0px 9px; }}"
    f"QLineEdit:focus {{ border: 1px solid {ACCENT_TEXT}; padding: 1px; }}"
    "QAbstractSpinBox > QLineEdit:focus { border: none; padding: 2px; }"
    f"QCheckBox::indicator:focus {{ border: 1px solid {ACCENT_TEXT}; padding: 0px; }}"
    f"QSlider::handle:horizontal:focus {{ background: {ACCENT_TEXT}; }}"
    f"QTableView::indicator {{ border: 1px solid {_ARROW_COLOUR}; border-radius: 2px; }}"
    f"QTableView::indicator:checked {{ background: {ACCENT}; }}"
)


class Fold(QCollapsible):
    """A section whose folded contents are hidden, so that Tab does not enter them.

    superqt only makes them zero pixels high.
    """

    def __init__(self, title: str) -> None:
        super().__init__(title)
        quiet(self)
        self.content().hide()

    def expand(self, animate: bool = True) -> None:
        """Show the contents, which have a size only then, and unfold."""
        self.content().show()
        super().expand(animate)

    def collapse(self, animate: bool = True) -> None:
        """Fold at once: what is still moving could be tabbed into."""
        super().collapse(animate=False)
        self.content().hide()


class _CalmWheel(QObject):
    """Leaves the wheel to what scrolls around a widget that has not the focus."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Pass a turn of the wheel on to the parent."""
        assert isinstance(watched, QWidget)
        assert event is not None
        if event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()
        return True


def calm(widget: QWidget) -> None:
    """Let the wheel scroll the form over a widget, instead of changing its value unseen."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_CalmWheel(widget))


def fold(title: str) -> Fold:
    """Make a folded section."""
    return Fold(title)


def quiet(section: QCollapsible) -> None:
    """Make a fold's head look like a heading rather than a button."""
    section.setExpandedIcon(_arrow("▾"))
    section.setCollapsedIcon(_arrow("▸"))
    section.setDuration(120)
    section.toggleButton().setStyleSheet(
        "QPushButton, QPushButton:checked, QPushButton:pressed {"
        " background: transparent; border: none; text-align: left; padding: 3px 0px; }"
        "QPushButton:hover { color: palette(highlight); }"
        f"QPushButton:focus {{ border: 1px solid {ACCENT_TEXT}; padding: 2px 0px; }}"
    )
    section.toggleButton().setFixedHeight(24)
    layout = section.layout()
    assert layout is not None
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)


def _arrow(sign: str) -> QIcon:
    """Draw an arrow in a grey that both themes can bear; superqt's own is black on the dark one."""
    pixmap = QPixmap(_ARROW_PX, _ARROW_PX)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setPen(QColor(_ARROW_COLOUR))
    painter.drawText(pixmap.rect(), Qt.AlignmentFlag.AlignCenter, sign)
    painter.end()
    return QIcon(pixmap)


def make_bar() -> QProgressBar:
    """Make a thin progress bar."""
    bar = QProgressBar()
    bar.setTextVisible(False)
    bar.setFixedHeight(6)
    colour_bar(bar, ACCENT)
    return bar


def colour_bar(bar: QProgressBar, colour: str) -> None:
    """Give a bar the colour of a state."""
    bar.setStyleSheet(
        "QProgressBar { border: none; border-radius: 3px; background: rgba(128, 128, 128, 60); }"
        f"QProgressBar::chunk {{ border-radius: 3px; background: {colour}; }}"
    )


def show_focus(dock: QWidget) -> None:
    """Let the dock show where the keyboard is; napari's themes do not."""
    dock.setStyleSheet(_FOCUS_STYLE)


def primary(button: QPushButton) -> None:
    """Make the button that people look for stand out."""
    button.setStyleSheet(
        f"QPushButton:enabled {{ background: {ACCENT}; color: white; font-weight: bold; }}"
        "QPushButton:focus { border: 1px solid white; padding: 3px; }"
    )


def plain(button: QPushButton) -> None:
    """Make a button look like any other again."""
    button.setStyleSheet("")


def frame_bad(box: QWidget, *, bad: bool) -> None:
    """Put a red frame around a box whose text makes no value, or take it away."""
    frame = f"border: 1px solid {_BAD}; padding: 0px 9px;"  # a pixel less than napari's padding
    box.setStyleSheet(f"{type(box).__name__} {{ {frame} }}" if bad else "")


def marked(title: str) -> str:
    """Return a row's title with a dot before it, for a setting that acts on the run at once."""
    return f'<span style="color:{ACCENT_TEXT}">●</span> {title}'


def form_layout() -> QFormLayout:
    """Make the rows of a form, close together."""
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(4)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def beside(first: QWidget, *others: QWidget) -> QHBoxLayout:
    """Put widgets into one row of a form; the first gets the room that is left."""
    row = QHBoxLayout()
    row.setSpacing(4)
    row.addWidget(first, stretch=1)
    for widget in others:
        row.addWidget(widget)
    return row


def narrow(form: QWidget) -> None:
    """Let long layer names be cut off rather than widen the dock."""
    for box in form.findChildren(QComboBox):
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(_LEAST_CHARACTERS)
