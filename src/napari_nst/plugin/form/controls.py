"""One control for one field of StyleConfig: title, help, bounds and choices come from it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_args, get_origin

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QComboBox, QLineEdit, QWidget

from napari_nst.errors import ConfigError
from napari_nst.plugin.form.number_box import NumberBox
from napari_nst.settings.config import StyleConfig, choices, setting_type

if TYPE_CHECKING:
    from qtpy.QtCore import SignalInstance

_MOST = 1e12
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


def make_control(name: str) -> Control:
    """Make the control that fits the type of a setting, a field of StyleConfig."""
    meta = _METADATA[name]
    control = _control_for(name, setting_type(name), meta["title"])
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
    assert isinstance(widget, NumberBox)
    return widget.valueChanged


def shown(control: Control) -> "SignalInstance":
    """Give the signal that a control shows something else, be it a value or not."""
    widget = control.widget
    if isinstance(widget, QComboBox):
        return widget.currentIndexChanged
    line = widget if isinstance(widget, QLineEdit) else widget.findChild(QLineEdit)
    assert line is not None
    return line.textChanged


def _control_for(name: str, annotation: Any, title: str) -> Control:  # noqa: ANN401 - a type
    if choices(name):
        return _choice(name, title)
    if get_origin(annotation) is tuple:
        return _listing(name, title, get_args(annotation)[0])
    kinds = {int, float} & {annotation, *get_args(annotation)}
    if not kinds:
        raise TypeError(f"no control edits {name} of type {annotation}")
    return _number(name, title, whole=int in kinds)


class CalmComboBox(QComboBox):
    """Scrolls the form, not its own value, when the wheel turns over it unfocused."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Turn the value if the box has the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
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
    line, absent = QLineEdit(), _METADATA[name]["absent"]
    line.setPlaceholderText(absent)
    kept: dict[str, tuple[Any, ...]] = {}

    def get() -> tuple[Any, ...]:
        if line.text() in kept:
            return kept[line.text()]
        words = [word.strip() for word in line.text().split(",") if word.strip()]
        if words == [absent]:
            return ()
        try:
            return tuple(kind(word) for word in words)
        except ValueError as error:
            raise ConfigError(f"{title}: {error}. Write numbers with commas between.") from error

    def put(values: tuple[Any, ...]) -> None:
        line.setText(", ".join(f"{value:g}" if kind is float else str(value) for value in values))
        line.setCursorPosition(0)
        kept[line.text()] = values  # the text rounds; an untouched setting stays exact

    return Control(name, title, line, get, put)


def _number(name: str, title: str, *, whole: bool) -> Control:
    meta = _METADATA[name]
    low, high = meta["minimum"], meta["maximum"]
    box = NumberBox(
        title,
        low=-_MOST if low is None else low,
        high=_MOST if high is None else high,
        whole=whole,
        unit=meta["unit"] or "",
        absent=meta["absent"],
    )
    return Control(name, title, box, box.read, box.setValue)
