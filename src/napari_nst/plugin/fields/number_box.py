"""A box for a number, whose text is the value: nothing typed becomes another number unseen.

Qt's boxes follow the locale, swallow letters ("1e9" becomes 19) and move what is out of bounds
into them. This one reads text as Python does, everywhere alike; what makes no number within the
bounds stays as it was typed, in a red frame, and reading it raises an error that names the field.
"""

import re
from decimal import Decimal, InvalidOperation
from html import escape

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QAbstractSpinBox, QLineEdit, QStyle, QStyleOptionSpinBox

from napari_nst.errors import ConfigError
from napari_nst.plugin.common.style import frame_bad

Number = int | float | None

_HINT_TEXT = "0.00000000"
_MOST_LETTERS = 8
"""That the narrowest box has room for."""
_FIRST_STEP = Decimal("0.01")
"""Up from zero, which has no order of magnitude."""
_DECIMAL_COMMA = re.compile(r"([+-]?(?:0|[1-9]\d*)?),(\d+)")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""May be 1000 or 1.000: read as neither."""


class NumberBox(QAbstractSpinBox):
    """Edits a number by text and arrows.

    Signals: `valueChanged` with the number when another one was typed or set, and with the last
    one when the box is left with a text that makes none; `refused` with a sentence then.

    Parameters
    ----------
    title
        What errors call the field.
    low, high
        The bounds.
    whole
        Whether only integers are allowed.
    unit
        Stands behind the number.
    absent
        The word for None; empty where there must be a number.
    """

    valueChanged = Signal(object)
    refused = Signal(str)

    def __init__(
        self,
        title: str,
        *,
        low: float,
        high: float,
        whole: bool = False,
        unit: str = "",
        absent: str = "",
    ) -> None:
        super().__init__()
        self._title, self._low, self._high = title, low, high
        self._whole, self._unit, self._absent = whole, unit, absent
        self._value: Number = None if absent else low
        self._help: str | None = None
        line = self.lineEdit()
        assert line is not None
        self._line: QLineEdit = line
        self._line.setText(self._text(self._value))
        self._line.textChanged.connect(self._on_text)
        self.editingFinished.connect(self._on_left)

    def read(self) -> Number:
        """Return the number that the text makes.

        Raises
        ------
        ConfigError
            If it makes none, or one out of bounds.
        """
        return self._parse(self._line.text())

    def value(self) -> Number:
        """Return the number that the text made last."""
        return self._value

    def setValue(self, value: Number) -> None:
        """Show a number."""
        self._line.setText(self._text(value))
        self._line.setCursorPosition(0)

    def stepBy(self, steps: int) -> None:
        """Go up or down by a tenth of the number's order of magnitude, within the bounds."""
        try:
            value = self.read()
        except ConfigError:
            value = self._value
        for _ in range(abs(steps)):
            value = self._stepped(value, up=steps > 0)
        self.setValue(value)
        self.selectAll()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Allow steps that stay within the bounds."""
        flags = QAbstractSpinBox.StepEnabledFlag.StepNone
        value = self._value
        if value is None or value < self._high:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        if value is not None and (value > self._low or self._absent):
            flags |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return flags

    def sizeHint(self) -> QSize:
        """Ask for the room of an usual number; Qt would measure the bounds."""
        self.ensurePolished()
        option = QStyleOptionSpinBox()
        self.initStyleOption(option)
        width = self.fontMetrics().horizontalAdvance(_HINT_TEXT)
        inside = QSize(width, self._line.sizeHint().height())
        style = self.style()
        assert style is not None
        return style.sizeFromContents(QStyle.ContentsType.CT_SpinBox, option, inside, self)

    def minimumSizeHint(self) -> QSize:
        """Ask for the same at least."""
        return self.sizeHint()

    def _on_text(self, text: str) -> None:
        try:
            value = self._parse(text)
        except ConfigError:
            return
        self._accept()
        if value != self._value:
            self._value = value
            self.valueChanged.emit(value)

    def _on_left(self) -> None:
        try:
            text = self._text(self.read())
        except ConfigError as error:
            self._refuse(str(error))
            self.valueChanged.emit(self._value)
            self.refused.emit(str(error))
            return
        if text != self._line.text():
            self._line.setText(text)
        self._line.setCursorPosition(0)  # of a number too long for the box its beginning is seen

    def _refuse(self, sentence: str) -> None:
        """Show that the text makes no number, and why."""
        if self._help is None:
            self._help = self.toolTip()
        self.setToolTip(f"<p>{escape(sentence)}</p>")
        frame_bad(self, bad=True)

    def _accept(self) -> None:
        if self._help is not None:
            self.setToolTip(self._help)
            self._help = None
            frame_bad(self, bad=False)

    def _parse(self, text: str) -> Number:
        words = text.strip().removesuffix(self._unit).strip()
        if self._absent and words.lower() in ("", self._absent):
            return None
        try:
            number = Decimal(words if self._whole else _with_point(words))
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite():
            example = "a whole number such as 512" if self._whole else "a number such as 0.5"
            raise ConfigError(f"{self._title}: {example}; got “{words}”")
        if not self._low <= number <= self._high:
            bounds = f"between {self._text(self._low)} and {self._text(self._high)}"
            raise ConfigError(f"{self._title}: a number {bounds}; got {words}")
        if self._whole and number != number.to_integral_value():
            raise ConfigError(f"{self._title}: a whole number; got {words}")
        return int(number) if self._whole else float(number)

    def _text(self, value: Number) -> str:
        """Write a number as short as it is, and never shorter."""
        if value is None:
            return self._absent
        exact = str(int(value)) if self._whole else _exact(float(value))
        return f"{exact} {self._unit}" if self._unit else exact

    def _stepped(self, value: Number, *, up: bool) -> Number:
        if value is None:
            return self._low if up else None
        if not up and value <= self._low:
            return None if self._absent else self._low
        number = Decimal(repr(value))
        step = _FIRST_STEP
        if number:
            # Down from a power of ten the finer step counts: 1, 0.99.
            is_power = number.copy_abs().normalize().as_tuple().digits == (1,)
            shrinks = up == (number < 0)
            step = Decimal(1).scaleb(number.adjusted() - 1 - int(is_power and shrinks))
        step = max(step, Decimal(1)) if self._whole else step
        moved = number + step if up else number - step
        bounded = min(max(moved, Decimal(repr(self._low))), Decimal(repr(self._high)))
        return int(bounded) if self._whole else float(bounded)


def _exact(value: float) -> str:
    """Write a float in the shortest way that is the same float; long round ones as "1e+09"."""
    plain, brief = f"{value:.10g}", f"{value:g}"
    if len(plain) > _MOST_LETTERS and float(brief) == value:
        return brief
    return plain if float(plain) == value else repr(value)


def _with_point(words: str) -> str:
    """Write a decimal comma as a point."""
    if _THOUSANDS.fullmatch(words):
        return words
    return _DECIMAL_COMMA.sub(r"\1.\2", words) if _DECIMAL_COMMA.fullmatch(words) else words
