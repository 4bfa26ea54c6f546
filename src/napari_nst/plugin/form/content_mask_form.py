"""Where the content's structure matters: a layer to paint on, and how much elsewhere."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.utils import DirectLabelColormap
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QLabel, QSlider, QWidget

from napari_nst.errors import ImageError
from napari_nst.plugin.common.style import beside, calm, form_layout, narrow
from napari_nst.plugin.form.mask_picker import MaskPicker
from napari_nst.plugin.gallery.signs import SignButton, mask
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.masks.label_image import (
    LabelImage,
    LabelReader,
    label_reader,
    present_labels,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_nst.plugin.form.layer_pickers import LayerPickers

_DELAY_MS = 300
"""After the last stroke or choice, before it acts."""
_PERCENT, _ELSEWHERE = 100, 25
_FULL_LEVEL = 255
_PERCENT_PX = 38
_COLOUR = "#f0a030"
"""Unlike the colours of the first regions."""
_TIP = (
    "Paint where the content's shapes must stay, such as a face or letters. Elsewhere the style "
    "is freer."
)
_PICKER_TIPS = (
    "The layer that says where the content's shapes matter: labels, or shapes. What is painted "
    "counts in full.",
    "The shapes matter equally everywhere again; the layer stays, hidden.",
)
_ELSEWHERE_TIP = (
    "How much the content's shapes count where nothing is painted: 100 % is as much as where it "
    "is, 0 % not at all."
)
_HINT = "Paint on the picture, over what must stay recognisable: the brush is ready."


class ContentMaskForm(QWidget):
    """Hidden until a mask is asked for.

    Signals: `beginning` before the brush is taken, `touched` a moment after something was painted
    or chosen.

    Parameters
    ----------
    viewer
        Gets the layer to paint on.
    pickers
        Know the content.
    """

    beginning = Signal()
    touched = Signal()

    def __init__(self, viewer: "Viewer", pickers: "LayerPickers") -> None:
        super().__init__()
        self._viewer = viewer
        colormap = DirectLabelColormap(color_dict={0: "transparent", None: _COLOUR})
        self.picker = MaskPicker(viewer, pickers, "Content mask", _PICKER_TIPS, colormap=colormap)
        self.button = SignButton(mask, name="Content mask", tip=_TIP)
        self.hint = QLabel(_HINT)
        self.hint.setWordWrap(True)
        self.elsewhere = QSlider(Qt.Orientation.Horizontal)
        self.elsewhere.setRange(0, _PERCENT)
        self.elsewhere.setPageStep(_ELSEWHERE)
        self.elsewhere.setValue(_ELSEWHERE)
        self.elsewhere.setToolTip(f"<p>{_ELSEWHERE_TIP}</p>")
        self.elsewhere.setAccessibleName("How much the content's shapes count elsewhere")
        self.percent = QLabel(f"{_ELSEWHERE}%")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self.refresh)
        self._lay_out()
        self.elsewhere.valueChanged.connect(self._on_elsewhere)
        self.picker.beginning.connect(self.beginning)
        self.picker.chosen.connect(self._on_layer)
        self.picker.painted.connect(self._timer.start)
        self.hide()

    def refresh(self) -> None:
        """Show whether something is painted, and tell that it may be something else."""
        if self.picker.layer is None:
            return
        problem, is_painted = "", False
        try:
            is_painted = bool(present_labels(self.picker.layer, self._viewer.dims))
        except ImageError as error:
            problem = str(error)
        self.hint.setText(problem or _HINT)
        self.hint.setVisible(not is_painted)
        self.touched.emit()

    def reader(self, place: Placement) -> LabelReader | None:
        """Take the mask of now, in 256 levels; None where nothing is painted.

        Parameters
        ----------
        place
            Of the content.

        Raises
        ------
        ImageError
            If the layer has labels that are no mask.
        """
        layer, dims = self.picker.layer, self._viewer.dims
        if layer is None or not present_labels(layer, dims):
            return None
        level = round(_FULL_LEVEL * self.elsewhere.value() / _PERCENT)
        return partial(_levels, label_reader(layer, place, dims), level)

    def _on_layer(self) -> None:
        self.setVisible(self.picker.layer is not None)
        if self.picker.layer is None:
            self.touched.emit()
        else:
            self.refresh()

    def _on_elsewhere(self, percent: int) -> None:
        self.percent.setText(f"{percent}%")
        self._timer.start()

    def _lay_out(self) -> None:
        rows = form_layout()
        self.picker.add_to(rows)
        rows.addRow(self.hint)
        rows.addRow("Elsewhere", beside(self.elsewhere, self.percent))
        self.percent.setFixedWidth(_PERCENT_PX)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        calm(self.elsewhere)
        self.setLayout(rows)
        narrow(self)


def _levels(read: Callable[[], LabelImage], elsewhere: int) -> LabelImage:
    return np.where(read() > 0, _FULL_LEVEL, elsewhere).astype(np.uint8)
