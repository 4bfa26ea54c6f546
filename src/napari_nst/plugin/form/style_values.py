"""Settings with a value for each style, which stays with its style when styles change places."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_nst.plugin.fields.number_box import NumberBox
from napari_nst.plugin.fields.setting_widgets import Backend, metadata_of

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_nst.plugin.form.layer_pickers import LayerPickers

USUAL: dict[str, Any] = {
    "blend": 1.0,
    "style_scales": 1.0,
    "style_rotations": 0.0,
    "style_detail": "all",
}
"""The value of a style of which nothing is said, by setting."""


class StyleValues(QWidget):
    """Hold one setting's values. It is never shown: rows of a list show it, style by style.

    Values for another number of styles than there are wait until there are as many, unless others
    are set before.

    Signals: `valueChanged` with the values when one was changed or all were set.

    Parameters
    ----------
    name
        The setting.
    pickers
        Its styles have the values.
    """

    valueChanged = Signal(object)

    def __init__(self, name: str, pickers: "LayerPickers") -> None:
        super().__init__()
        self._name, self._pickers, self._usual = name, pickers, USUAL[name]
        self._by_style: dict[Image, Any] = {}
        self._waiting: tuple[Any, ...] = ()
        self.boxes: dict[Image, NumberBox] = {}
        pickers.styles_changed.connect(self._on_styles)

    @property
    def each(self) -> list[Any]:
        """The value of each style."""
        return [self.of(style) for style in self._pickers.styles]

    @property
    def is_usual(self) -> bool:
        """Whether the setting says nothing that holds without it, too."""
        values = set(self.each)
        return len(values) <= 1 if self._name == "blend" else values <= {self._usual}

    def of(self, style: "Image") -> Any:  # noqa: ANN401 - the setting's type
        """Return the value of one style."""
        return self._by_style.get(style, self._usual)

    def read(self) -> tuple[Any, ...]:
        """Return the value of each style; none where the setting is not needed.

        Raises
        ------
        ConfigError
            If what is typed for a style makes no value.
        """
        for box in self.boxes.values():
            box.read()
        return () if self.is_usual else tuple(self.each)

    def setValue(self, values: Sequence[Any]) -> None:
        """Show values; where they are not as many as the styles, all have the usual one."""
        before, styles = self.each, self._pickers.styles
        fits = len(values) == len(styles)
        self._by_style = dict(zip(styles, values, strict=True)) if fits else {}
        self._waiting = () if fits else tuple(values)
        if self.each != before:
            self.valueChanged.emit(tuple(self.each))

    def put(self, style: "Image", value: Any) -> None:  # noqa: ANN401 - the setting's type
        """Change the value of one style."""
        self._waiting = ()
        if self.of(style) != value:
            self._by_style[style] = value
            self.valueChanged.emit(tuple(self.each))

    def _on_styles(self) -> None:
        """Forget layers that are gone; show values that waited for so many styles."""
        known = self._pickers.images()
        self._by_style = {each: v for each, v in self._by_style.items() if each in known}
        if self._waiting and len(self._waiting) == len(self._pickers.styles):
            self.setValue(self._waiting)


class StyleEdit(ValueWidget[Any]):
    """Edit a setting with a value for each style, as magicgui has it."""

    def __init__(self, name: str, values: StyleValues) -> None:
        super().__init__(
            widget_type=Backend,
            backend_kwargs={"native": values},
            name=name,
            label=metadata_of(name)["title"],
        )
