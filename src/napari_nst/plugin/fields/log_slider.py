"""A slider beside a number box, for factors: twice as much is as far from 1 as half as much."""

import math
from functools import partial
from typing import Any

from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QPoint, QRect, QSignalBlocker, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QLineEdit, QSizePolicy, QSlider, QStyle, QStyleOptionSlider, QWidget

from napari_nst.plugin.common.style import calm

LEAST, MOST = 0.1, 10.0

_PLACES = 100
"""Places from 1 to an end: each is 2.3 % away from the next."""

_TICK_COLOUR = "#8a919b"
_TICK_PX = 4
_DIGITS = 2
_LEAST_PX = 50
_BOX_PX, _WIDEST_PX = 92, 136
_BUTTONS_PX = 66
"""A box's buttons and margins under napari's themes."""
_KEY, _PAGE = 5, 30
"""A key multiplies by 1.12, a page key by 2."""


class LogSlider(QSlider):
    """Moves a number box, and follows it; a number beyond an end leaves it standing there.

    Parameters
    ----------
    number
        Holds the number; its label and tooltip become the slider's.
    """

    def __init__(self, number: ValueWidget[Any]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._box = box = number.native
        self.setRange(place_of(LEAST), place_of(MOST))
        self.setSingleStep(_KEY)
        self.setPageStep(_PAGE)
        self.setAccessibleName(f"{number.label}, slider from {LEAST:g} to {MOST:g}")
        self.setToolTip(number.tooltip)
        self.setMinimumSize(_LEAST_PX, box.sizeHint().height())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        calm(self)
        number.changed.connect(self._follow)
        self.valueChanged.connect(lambda place: number.set_value(value_of(place)))
        self._follow(number.value)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw a tick below 1; Qt draws none under a style sheet."""
        painter = QPainter(self)
        x = self._x_of(place_of(1))
        painter.fillRect(
            QRect(QPoint(x - 1, self.height() - _TICK_PX), QPoint(x, self.height())),
            QColor(_TICK_COLOUR),
        )
        painter.end()
        super().paintEvent(event)

    def _x_of(self, place: int) -> int:
        """Return the middle of the handle when it is at a place."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style = self.style()
        assert style is not None
        part = partial(style.subControlRect, QStyle.ComplexControl.CC_Slider, option)
        groove = part(QStyle.SubControl.SC_SliderGroove, self)
        handle = part(QStyle.SubControl.SC_SliderHandle, self)
        span = groove.width() - handle.width()
        along = QStyle.sliderPositionFromValue(self.minimum(), self.maximum(), place, span)
        return int(groove.left() + along + handle.width() // 2)

    def _follow(self, value: float) -> None:
        self._box.setFixedWidth(_width_for(self._box))
        # The slider's own number is rounded: to follow it would move the handle under the mouse.
        if value != value_of(self.value()):
            with QSignalBlocker(self):
                self.setValue(place_of(value))


def _width_for(box: QWidget) -> int:
    """Return what a box needs for its text, which may be longer than numbers of the slider."""
    line = box.findChild(QLineEdit)
    assert line is not None
    text_px = box.fontMetrics().horizontalAdvance(line.text())
    return min(max(text_px + _BUTTONS_PX, _BOX_PX), _WIDEST_PX)


def value_of(place: int) -> float:
    """Return the number at a place of the slider, rounded to two digits."""
    return float(f"{10 ** (place / _PLACES):.{_DIGITS}g}")


def place_of(value: float) -> int:
    """Return the place of a number, that of an end where the number is beyond it."""
    return round(_PLACES * math.log10(min(max(value, LEAST), MOST)))
