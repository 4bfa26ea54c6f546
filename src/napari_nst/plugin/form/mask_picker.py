"""A layer over the content that marks parts of it: chosen, or added with the brush in the hand."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import ComboBox
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFormLayout

from napari_nst.plugin.common.style import beside
from napari_nst.plugin.fields.setting_widgets import prepare
from napari_nst.plugin.gallery.signs import SignButton, cross
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.extents import look_at
from napari_nst.plugin.layers.visible_picture import MARKS
from napari_nst.plugin.masks.label_image import grid_size, label_layers

if TYPE_CHECKING:
    from napari.layers import Labels, Layer, Shapes
    from napari.utils import DirectLabelColormap
    from napari.viewer import Viewer

    from napari_nst.plugin.form.layer_pickers import LayerPickers

_OPACITY = 0.5
_BRUSH_SHARE = 1 / 12
"""Of the content's shorter side."""


class MaskPicker(QObject):
    """Holds the box of the layers to choose from, and the button that takes the choice back.

    Signals: `beginning` before the brush is taken, `chosen` when the layer is another one or none,
    `painted` when it changes.

    Parameters
    ----------
    viewer
        Gets the layer to paint on.
    pickers
        Know the content.
    title
        What the layer is called: "Regions".
    tips
        The tooltips of box and button.
    choices
        Returns the layers to choose from.
    colormap
        Of a layer that is added; by default a colour for each label.
    """

    beginning = Signal()
    chosen = Signal()
    painted = Signal()

    def __init__(
        self,
        viewer: "Viewer",
        pickers: "LayerPickers",
        title: str,
        tips: tuple[str, str],
        *,
        choices: "Callable[[Viewer], list[Any]]" = label_layers,
        colormap: "DirectLabelColormap | None" = None,
    ) -> None:
        super().__init__()
        self._viewer, self._pickers, self._title = viewer, pickers, title
        self._layers, self._colormap = choices, colormap
        self._watched: Layer | None = None
        self.box = ComboBox(
            name=title.lower(),
            label=title,
            choices=self._choices,
            nullable=True,
            tooltip=f"<p>{tips[0]}</p>",
        )
        self.off_button = SignButton(cross, name=f"No {title.lower()}", tip=tips[1])
        self.box.changed.connect(self._on_layer)
        self.off_button.clicked.connect(self.end)

    @property
    def layer(self) -> Any:  # noqa: ANN401 - of the kinds that `choices` returns
        """The layer; None where there is none."""
        return self.box.value

    def begin(self) -> None:
        """Take the brush; the first time, add a layer to paint on.

        Raises
        ------
        ImageError
            If the content cannot be seen.
        """
        from napari.layers import Labels, Shapes

        self.beginning.emit()
        if self.layer is None:
            layer = self._add_layer()
            self.box.reset_choices()
            self.box.value = layer
        layer = self.layer
        layer.visible = True
        if isinstance(layer, Labels):
            look_at(self._viewer, layer)
        self._viewer.layers.selection.active = layer
        if isinstance(layer, (Labels, Shapes)):
            layer.mode = "paint" if isinstance(layer, Labels) else "add_polygon"

    def end(self) -> None:
        """Choose no layer; that of now stays, hidden."""
        if self.layer is not None:
            self.layer.visible = False
        self.box.value = None

    def add_to(self, rows: QFormLayout) -> None:
        """Append box and button to a form."""
        rows.addRow(self.box.label, beside(self.box.native, self.off_button))
        prepare(self.box)

    def _add_layer(self) -> "Labels":
        place = self._pickers.content_placement()
        size, content = grid_size(place), self._pickers.content_layer()
        name = "canvas" if content is None else full_name(content)
        layer = self._viewer.add_labels(
            place.expand(np.zeros(size, np.uint8)),
            name=f"{self._title}: {name}",
            opacity=_OPACITY,
            metadata={MARKS: self._title.lower()},
            **({} if self._colormap is None else {"colormap": self._colormap}),
            **place.arguments(size),
        )
        layer.brush_size = max(2, round(min(size) * _BRUSH_SHARE))
        layer.selected_label = 1
        return layer

    def _choices(self, _: Any = None) -> list[tuple[str, Any]]:  # noqa: ANN401 - magicgui's widget
        return [(full_name(layer), layer) for layer in self._layers(self._viewer)]

    def _on_layer(self, layer: "Labels | Shapes | None") -> None:
        """Watch the layer that was chosen."""
        if layer != self._watched:
            for each, on in ((self._watched, False), (layer, True)):
                for name in ("paint", "labels_update", "data", "set_data"):
                    event = getattr(each.events, name, None) if each is not None else None
                    if event is not None:
                        (event.connect if on else event.disconnect)(self._on_painted)
            self._watched = layer
        self.chosen.emit()

    def _on_painted(self, _: object = None) -> None:
        self.painted.emit()
