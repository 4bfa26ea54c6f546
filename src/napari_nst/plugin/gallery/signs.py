"""Signs drawn in code, in the colour of the theme's text."""

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPalette, QPen, QPixmap, QPolygonF
from qtpy.QtWidgets import QPushButton

_SIDE_PX = 16
_WIDTH_PX = 28
_PEN_PX = 1.2
_DENSITY = 2
_GREY = "#8a919b"


class SignButton(QPushButton):
    """A narrow button with a sign; an icon would keep the colour of the theme that it began in.

    Parameters
    ----------
    draw
        Draws the sign on a square of 16 px.
    name
        What screen readers call the button.
    tip
        Its tooltip.
    """

    def __init__(self, draw: Callable[[QPainter], None], *, name: str, tip: str) -> None:
        super().__init__()
        self._draw = draw
        self.setFixedWidth(_WIDTH_PX)
        self.setAccessibleName(name)
        self.setToolTip(f"<p>{tip}</p>")

    def sizeHint(self) -> QSize:
        """Be as high as the field beside it."""
        return QSize(_WIDTH_PX, self.fontMetrics().height() + 8)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the sign over the button."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.ButtonText), _PEN_PX))
        painter.translate((self.width() - _SIDE_PX) / 2, (self.height() - _SIDE_PX) / 2)
        self._draw(painter)
        painter.end()


def folder(painter: QPainter) -> None:
    """Draw a folder, for a file to be looked for."""
    corners = ((1.5, 13), (1.5, 3.5), (6, 3.5), (7.5, 5.5), (14.5, 5.5), (14.5, 13))
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))


def gallery(painter: QPainter) -> None:
    """Draw four pictures."""
    for x in (2, 9):
        for y in (2, 9):
            painter.fillRect(QRectF(x, y, 5, 5), painter.pen().color())


def dots(painter: QPainter) -> None:
    """Draw three dots, for a menu."""
    for y in (3, 8, 13):
        painter.setBrush(painter.pen().color())
        painter.drawEllipse(QPointF(8, y), 1, 1)


def mask(painter: QPainter) -> None:
    """Draw a picture of which a round part is marked."""
    painter.drawRect(QRectF(1.5, 2.5, 13, 11))
    painter.setBrush(painter.pen().color())
    painter.drawEllipse(QPointF(8, 8), 3, 3)


def cross(painter: QPainter) -> None:
    """Draw a cross, for what is taken away."""
    painter.drawLine(QPointF(4, 4), QPointF(12, 12))
    painter.drawLine(QPointF(12, 4), QPointF(4, 12))


def blank_icon(side_px: int, sign: str) -> QIcon:
    """Draw a frame with a sign, where there is no picture, in a grey that both themes can bear."""
    pixmap = QPixmap(side_px * _DENSITY, side_px * _DENSITY)
    pixmap.setDevicePixelRatio(_DENSITY)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setPen(QPen(QColor(_GREY), _PEN_PX))
    painter.drawRect(QRectF(1, 1, side_px - 2, side_px - 2))
    painter.drawText(QRectF(0, 0, side_px, side_px), Qt.AlignmentFlag.AlignCenter, sign)
    painter.end()
    return QIcon(pixmap)
