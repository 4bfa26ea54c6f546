"""One control for one field of StyleConfig: title, help, bounds and choices come from it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_args, get_origin

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QSpinBox,
    QWidget,
)
from superqt import QLargeIntSpinBox

from napari_nst.config import StyleConfig, choices, setting_type
from napari_nst.errors import ConfigError

if TYPE_CHECKING:
    from qtpy.QtCore import SignalInstance

_INT_MAX = 2**31 - 1
_METADATA = {setting.name: setting.metadata for setting in fields(StyleConfig)}


@dataclass(frozen=True)
class Control:
    """A widget that edits one setting.

    Parameters
    ----------
    name
        The field of StyleConfig.
    title
        What the form calls it.
    widget
        What the form shows.
    get
        Reads the value; raises ConfigError if the text makes none.
    set
        Shows a value.
    """

    name: str
    title: str
    widget: QWidget
    get: Callable[[], Any]
    set: Callable[[Any], None]


def make_control(name: str, *, absent: str = "as in the preset") -> Control:
    """Make the control that fits a setting's type.

    Parameters
    ----------
    name
        A field of StyleConfig.
    absent
        The word for None, where the setting may be None.
    """
    annotation = setting_type(name)
    meta = _METADATA[name]
    control = _control_for(name, annotation, meta["title"], absent)
    control.widget.setToolTip(f"<p>{meta['help']}</p>")
    control.widget.setAccessibleName(meta["title"])
    control.widget.setObjectName(name)
    if not isinstance(control.widget, QLineEdit):
        control.widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return control


def edits(control: Control) -> "SignalInstance":
    """Give the signal that a control's value was changed; of a text, when it is done."""
    widget = control.widget
    if isinstance(widget, QLineEdit):
        return widget.editingFinished
    if isinstance(widget, QComboBox):
        return widget.currentIndexChanged
    assert isinstance(widget, (QSpinBox, QDoubleSpinBox))
    return widget.valueChanged


def _control_for(name: str, annotation: Any, title: str, absent: str) -> Control:  # noqa: ANN401 - a type
    if choices(name):
        return _choice(name, title)
    if get_origin(annotation) is tuple:
        return _listing(name, title, get_args(annotation)[0])
    if type(None) in get_args(annotation):
        return _optional_int(name, title, absent)
    if annotation is int:
        return _large_int(name, title)
    if annotation is float:
        return _number(name, title)
    raise TypeError(f"no control edits {name} of type {annotation}")


class CalmComboBox(QComboBox):
    """Scrolls the form, not its own value, when the wheel turns over it unfocused."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Turn the value if the box has the focus."""
        _wheel_if_focused(self, super().wheelEvent, event)


class _CalmSpinBox(QSpinBox):
    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel_if_focused(self, super().wheelEvent, event)


class _CalmNumberBox(QDoubleSpinBox):
    """Shows 0.0001 and 1e+06 as short as they are."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        _wheel_if_focused(self, super().wheelEvent, event)

    def textFromValue(self, value: float) -> str:
        return f"{value:.10g}"


def _wheel_if_focused(
    widget: QWidget,
    turn: Callable[[QWheelEvent | None], None],
    event: QWheelEvent | None,
) -> None:
    if widget.hasFocus():
        turn(event)
    elif event is not None:
        event.ignore()


def _choice(name: str, title: str) -> Control:
    box = CalmComboBox()
    labels = _METADATA[name]["labels"]
    for value in choices(name):
        box.addItem(labels.get(value, value), value)
    return Control(
        name, title, box, box.currentData, lambda value: box.setCurrentIndex(box.findData(value))
    )


def _listing(name: str, title: str, kind: type) -> Control:
    """Edit a tuple as words with commas between."""
    line = QLineEdit()
    kept: dict[str, tuple[Any, ...]] = {}

    def get() -> tuple[Any, ...]:
        if line.text() in kept:
            return kept[line.text()]
        words = [word.strip() for word in line.text().split(",") if word.strip()]
        try:
            return tuple(kind(word) for word in words)
        except ValueError as error:
            raise ConfigError(f"{title}: {error}. Write numbers with commas between.") from error

    def put(values: tuple[Any, ...]) -> None:
        line.setText(", ".join(f"{value:g}" if kind is float else str(value) for value in values))
        line.setCursorPosition(0)
        kept[line.text()] = values  # the text rounds; an untouched setting stays exact

    return Control(name, title, line, get, put)


def _optional_int(name: str, title: str, absent: str) -> Control:
    """Edit a whole number or None, which is the place below the least number."""
    meta = _METADATA[name]
    none = int(meta["minimum"]) - 1
    box = _CalmSpinBox()
    box.setRange(none, int(meta["maximum"] or _INT_MAX))
    box.setSpecialValueText(absent)
    box.setSuffix(f" {meta['unit']}" if meta["unit"] else "")
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    return Control(
        name,
        title,
        box,
        lambda: None if box.value() == none else box.value(),
        lambda value: box.setValue(none if value is None else value),
    )


def _large_int(name: str, title: str) -> Control:
    meta = _METADATA[name]
    box = QLargeIntSpinBox()
    low, high = int(meta["minimum"] or 0), int(meta["maximum"] or 2**63 - 1)
    box.setRange(low, high)  # type: ignore[no-untyped-call] # superqt's
    return Control(name, title, box, box.value, box.setValue)


def _number(name: str, title: str) -> Control:
    meta = _METADATA[name]
    box = _CalmNumberBox()
    box.setDecimals(12)
    low, high = meta["minimum"], meta["maximum"]
    box.setRange(-1e12 if low is None else low, 1e12 if high is None else high)
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    kept: dict[float, float] = {}

    def get() -> float:
        shown = box.value()
        return kept.get(shown, shown)

    def put(value: float) -> None:
        box.setValue(value)
        kept[box.value()] = value  # the box rounds; an untouched setting stays exact

    return Control(name, title, box, get, put)
