"""A slider beside a number box, for shares from 0 to 1."""

from typing import Any

from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QSizePolicy, QSlider

from napari_nst.plugin.common.style import calm

_PLACES = 100
_KEY, _PAGE = 5, 25
_LEAST_PX, _BOX_PX = 50, 92


class ShareSlider(QSlider):
    """Moves a number box, and follows it.

    Parameters
    ----------
    number
        Holds the number; its label and tooltip become the slider's.
    """

    def __init__(self, number: ValueWidget[Any]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, _PLACES)
        self.setSingleStep(_KEY)
        self.setPageStep(_PAGE)
        self.setAccessibleName(f"{number.label}, slider from 0 to 1")
        self.setToolTip(number.tooltip)
        self.setMinimumSize(_LEAST_PX, number.native.sizeHint().height())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        number.native.setFixedWidth(_BOX_PX)
        calm(self)
        number.changed.connect(self._follow)
        self.valueChanged.connect(lambda place: number.set_value(place / _PLACES))
        self._follow(number.value)

    def _follow(self, value: float) -> None:
        # The slider's own number is rounded: to follow it would move the handle under the mouse.
        if value != self.value() / _PLACES:
            with QSignalBlocker(self):
                self.setValue(round(_PLACES * value))
