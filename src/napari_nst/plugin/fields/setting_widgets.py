"""The magicgui widget of each field of StyleConfig, made from its annotation and metadata.

A type map of our own says which widget edits which type, and StyleConfig validates. Written by
hand is only what magicgui cannot do:

- numbers: its boxes follow the locale, hold 32 bits, clamp silently and have no word for None;
- tuples: its ListEdit is a box and a button for each item, where a line of text is enough;
- the wheel: its widgets change their value under a form that is scrolled;
- rows (`settings_form`): its Container measures labels in the application's font, and napari's
  theme writes them larger, so that fields would not be aligned; its labels name no widget for
  screen readers;
- the slider of the style strength (`log_slider`): its LogSlider follows the wheel, cuts off what
  is beyond its ends, and marks no middle;
- layers that were renamed or removed (`layer_pickers`): its choices are known by their text.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, cast, get_args

from magicgui.backends._qtpy.widgets import QBaseValueWidget
from magicgui.type_map import TypeMap
from magicgui.widgets import Widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QWidget

from napari_nst.errors import ConfigError
from napari_nst.plugin.common.style import calm
from napari_nst.plugin.fields.number_box import NumberBox
from napari_nst.settings.config import StyleConfig, choices, setting_type

_UNBOUNDED = 1e12
_METADATA = {setting.name: setting.metadata for setting in fields(StyleConfig)}


class Backend(QBaseValueWidget):
    """Let magicgui hold a Qt widget that has `read`, `setValue` and `valueChanged`."""

    def __init__(self, parent: QWidget | None = None, *, native: QWidget) -> None:
        def make(parent: QWidget | None) -> QWidget:
            return native

        # magicgui asks for a class, of which it takes the name and calls it.
        make_as_class = cast("type[QWidget]", make)
        super().__init__(make_as_class, "read", "setValue", "valueChanged", parent=parent)


class NumberEdit(ValueWidget[Any]):
    """Edit a setting that is a number."""

    def __init__(self, *, name: str, is_integer: bool = False, **options: Any) -> None:  # noqa: ANN401 - magicgui's
        meta = _METADATA[name]
        low, high = meta["minimum"], meta["maximum"]
        box = NumberBox(
            meta["title"],
            low=-_UNBOUNDED if low is None else low,
            high=_UNBOUNDED if high is None else high,
            whole=is_integer,
            unit=meta["unit"] or "",
            absent=meta["absent"],
        )
        super().__init__(widget_type=Backend, backend_kwargs={"native": box}, name=name, **options)


class TupleEdit(ValueWidget[Any]):
    """Edit a setting that is a tuple, as text with commas."""

    def __init__(self, *, name: str, annotation: Any, **options: Any) -> None:  # noqa: ANN401 - magicgui's
        line = TupleLine(_METADATA[name]["title"], get_args(annotation)[0])
        line.setPlaceholderText(_METADATA[name]["absent"])
        super().__init__(widget_type=Backend, backend_kwargs={"native": line}, name=name, **options)


class TupleLine(QLineEdit):
    """A line of items with commas between; its placeholder is the word for none.

    Signals: `valueChanged` with the text when the line is left.

    Parameters
    ----------
    title
        What errors call the field.
    kind
        The type of the items.
    """

    valueChanged = Signal(object)

    def __init__(self, title: str, kind: type) -> None:
        super().__init__()
        self._title, self._kind = title, kind
        self._exact: dict[str, tuple[Any, ...]] = {}
        self.editingFinished.connect(lambda: self.valueChanged.emit(self.text()))

    def read(self) -> tuple[Any, ...]:
        """Return the items of the text; raises ConfigError if it has others."""
        if self.text() in self._exact:
            return self._exact[self.text()]
        words = [word.strip() for word in self.text().split(",") if word.strip()]
        if words == [self.placeholderText()]:
            return ()
        try:
            return tuple(self._kind(word) for word in words)
        except ValueError as error:
            raise ConfigError(
                f"{self._title}: {error}. Write numbers with commas between."
            ) from error

    def setValue(self, values: tuple[Any, ...]) -> None:
        """Show items."""
        number = self._kind is float
        self.setText(", ".join(f"{value:g}" if number else str(value) for value in values))
        self.setCursorPosition(0)
        self._exact[self.text()] = values  # the text rounds; an untouched setting stays exact


_TYPES = TypeMap(
    simple_types={int: NumberEdit, float: NumberEdit, tuple: TupleEdit},
    additional_kwargs={int: {"is_integer": True}},
)


def make_widget(name: str) -> ValueWidget[Any]:
    """Create the widget of a field of StyleConfig."""
    meta = _METADATA[name]
    options: dict[str, Any] = {"tooltip": f"<p>{meta['help']}</p>"}
    if values := choices(name):
        options["choices"] = [(meta["labels"].get(value, value), value) for value in values]
    widget = _TYPES.create_widget(
        annotation=setting_type(name), name=name, label=meta["title"], options=options
    )
    assert isinstance(widget, ValueWidget)
    prepare(widget)
    return widget


def metadata_of(name: str) -> Mapping[str, Any]:
    """Return title, help and bounds of a field of StyleConfig."""
    return _METADATA[name]


def prepare(widget: ValueWidget[Any]) -> None:
    """Give a field of the form its name for screen readers, and let the wheel scroll past it."""
    widget.native.setAccessibleName(widget.label)
    widget.native.setObjectName(widget.name)
    calm(widget.native)


def text_line(widget: Widget) -> QLineEdit | None:
    """Return the line that a widget's value is typed in; None for a choice."""
    native = widget.native
    return native if isinstance(native, QLineEdit) else native.findChild(QLineEdit)
