"""Icons drawn in a grey that both themes can bear."""

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

_SIDE_PX = 16
_DENSITY = 2
_COLOUR = "#a8adb5"


def folder_icon() -> QIcon:
    """Draw a folder, for a file to be looked for."""
    pixmap, painter = _canvas()
    corners = ((1.5, 13), (1.5, 3.5), (6, 3.5), (7.5, 5.5), (14.5, 5.5), (14.5, 13))
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
    painter.end()
    return QIcon(pixmap)


def grid_icon() -> QIcon:
    """Draw four pictures, for a gallery."""
    pixmap, painter = _canvas()
    for x in (2, 9):
        for y in (2, 9):
            painter.fillRect(QRectF(x, y, 5, 5), QColor(_COLOUR))
    painter.end()
    return QIcon(pixmap)


def blank_icon(side_px: int, sign: str) -> QIcon:
    """Draw a frame with a sign, where there is no picture."""
    pixmap, painter = _canvas(side_px)
    painter.drawRect(QRectF(1, 1, side_px - 2, side_px - 2))
    painter.drawText(QRectF(0, 0, side_px, side_px), Qt.AlignmentFlag.AlignCenter, sign)
    painter.end()
    return QIcon(pixmap)


def _canvas(side_px: int = _SIDE_PX) -> tuple[QPixmap, QPainter]:
    pixmap = QPixmap(side_px * _DENSITY, side_px * _DENSITY)
    pixmap.setDevicePixelRatio(_DENSITY)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(_COLOUR), 1.2))
    return pixmap, painter
