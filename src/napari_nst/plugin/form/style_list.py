"""The styles of a run below the Style picker: how much each counts, and what part of it."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_nst.errors import ImageError
from napari_nst.plugin.form.style_row import StyleRow
from napari_nst.plugin.form.style_values import StyleValues
from napari_nst.plugin.gallery.drops import FileDrops
from napari_nst.plugin.gallery.thumbnails import SIDE_PX, shrunk
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.visible_picture import (
    Box,
    glimpse_of,
    is_painted,
    placement_of,
    scaled_box,
)
from napari_nst.plugin.masks.label_image import (
    LabelReader,
    grid_size,
    label_layers,
    label_reader,
)
from napari_nst.settings.config import EACH_STYLE

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Shapes
    from napari.viewer import Viewer

    from napari_nst.plugin.form.layer_pickers import LayerPickers
    from napari_nst.plugin.gallery.chooser import StyleChooser
    from napari_nst.plugin.masks.crops import Crops

_EQUAL_PLACE, _MOST_PLACE = 50, 100
_ADJUSTED = ("style_scales", "style_rotations", "style_detail")
_REBUILD_MS = 150
_ADJUST_HELP = "Scale, rotation and detail of each style, below its name."


class StyleList(QWidget):
    """A row for each style; hidden while there is one style, all of it counts, and nobody asks.

    Signals: `typed` when what is typed for a style changes, `refused` with a sentence when it makes
    no number, `partsChanged` when a style got other labels, `crop_asked` with a style.

    Parameters
    ----------
    viewer
        Which slice of the layers is shown.
    pickers
        Its styles are listed.
    crops
        Which part of each style counts.
    chooser
        Opens files that are dropped on the list.
    """

    typed = Signal()
    refused = Signal(str)
    partsChanged = Signal()
    crop_asked = Signal(object)

    def __init__(
        self, viewer: "Viewer", pickers: "LayerPickers", crops: "Crops", chooser: "StyleChooser"
    ) -> None:
        super().__init__()
        self._viewer, self._pickers, self._crops = viewer, pickers, crops
        self.values = {name: StyleValues(name, pickers) for name in EACH_STYLE}
        self._labels: dict[Image, Labels | Shapes] = {}
        self._shows_one = False
        self._ratios: Sequence[float] = ()
        self.adjust = QPushButton("Adjust")
        self.adjust.setCheckable(True)
        self.adjust.setToolTip(f"<p>{_ADJUST_HELP}</p>")
        self.adjust.toggled.connect(self.rebuild)
        self._shown: list[tuple[Image, str, Box | None]] = []
        self.rows: list[StyleRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REBUILD_MS)
        self._timer.timeout.connect(self.rebuild)
        for values in self.values.values():
            values.setParent(self)
            values.valueChanged.connect(self._on_values)
        pickers.styles_changed.connect(self.rebuild)
        crops.changed.connect(self._rebuild_soon)
        FileDrops(self, chooser.add)
        self.rebuild()

    def label_reader(self, style: "Image") -> LabelReader | None:
        """Take the labels over a style, in the part of it that counts; None where it has none."""
        layer, dims = self._labels.get(style), self._viewer.dims
        if layer is None or layer not in self._viewer.layers:
            return None
        place, box = placement_of(style, dims), self._crops.box(style)
        read = label_reader(layer, place, dims)
        if box is None:
            return read
        part = scaled_box(box, place.size, grid_size(place))
        return lambda: read()[part]

    def show_one(self, *, on: bool) -> None:
        """Also show a style that is alone and whole, so that its menu can be reached."""
        self._shows_one = on
        self.rebuild()

    def rebuild(self) -> None:
        """Show the styles of now, if they are others or cropped in another way."""
        entries = [(style, full_name(style), self._box(style)) for style in self._pickers.styles]
        is_one = len(entries) == 1
        is_asked = self._shows_one or self.adjust.isChecked()
        is_hidden = not entries or (is_one and entries[0][2] is None and not is_asked)
        self.setHidden(is_hidden)
        entries = [] if is_hidden else entries
        if entries == self._shown:
            self._show_values()
            return
        self._shown = entries
        for row in self.rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self.rows = []
        for values in self.values.values():
            values.boxes.clear()
        for place, (style, name, box) in enumerate(entries):
            row = StyleRow(name, self._thumbnail(style, box), has_share=not is_one)
            row.share.valueChanged.connect(partial(self._on_slider, style))
            self._connect_adjustment(style, row)
            row.menu_button.clicked.connect(partial(self._open_menu, place))
            self._column.addWidget(row)
            self.rows.append(row)
        self._show_values()

    def show_px(self, ratios: "Sequence[float]") -> None:
        """Say how many pixels of each style become one of the result; none where it is unknown."""
        self._ratios = ratios
        self._show_values()

    def shift(self, place: int, by: int) -> None:
        """Move a style up (negative) or down."""
        styles = list(self._pickers.styles)
        styles.insert(place + by, styles.pop(place))
        self._pickers.styles = styles

    def remove(self, place: int) -> None:
        """Let a style be none any more; its layer stays."""
        styles = list(self._pickers.styles)
        del styles[place]
        self._pickers.styles = styles

    def menu(self, place: int) -> QMenu:
        """Make the menu of a row."""
        styles, menu = self._pickers.styles, QMenu(self)
        menu.addAction("Crop…", partial(self.crop_asked.emit, styles[place]))
        if self._box(styles[place]) is not None:
            menu.addAction("Use the whole picture", partial(self._crops.drop, styles[place]))
        if len(styles) > 1:
            menu.addSeparator()
            up = menu.addAction("Move up", partial(self.shift, place, -1))
            down = menu.addAction("Move down", partial(self.shift, place, 1))
            assert up is not None
            assert down is not None
            up.setEnabled(place > 0)
            down.setEnabled(place < len(styles) - 1)
            menu.addAction("Remove from the styles", partial(self.remove, place))
        if layers := label_layers(self._viewer):
            menu.addSeparator()
            parts = menu.addMenu("Each region reads the part labelled in")
            assert parts is not None
            for title, layer in (("None: all of it", None), *((full_name(i), i) for i in layers)):
                entry = parts.addAction(title, partial(self._label, styles[place], layer))
                assert entry is not None
                entry.setCheckable(True)
                entry.setChecked(self._labels.get(styles[place]) == layer)
        return menu

    def _label(self, style: "Image", layer: "Labels | Shapes | None") -> None:
        """Let each region read the part of a style that has its own label."""
        self._labels.pop(style, None)
        if layer is not None:
            self._labels[style] = layer
        self.partsChanged.emit()

    def _rebuild_soon(self) -> None:
        self._timer.start()

    def _open_menu(self, place: int) -> None:
        button, menu = self.rows[place].menu_button, self.menu(place)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def _box(self, style: "Image") -> Box | None:
        try:
            return self._crops.box(style)
        except ImageError:
            return None

    def _thumbnail(self, style: "Image", box: Box | None) -> QPixmap | None:
        try:
            seen = glimpse_of(style, self._viewer.dims, box, side_px=4 * SIDE_PX)
        except ImageError:
            return None
        pixels = shrunk(seen)
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        return QPixmap.fromImage(image)

    def _connect_adjustment(self, style: "Image", row: StyleRow) -> None:
        fields, detail = row.adjustment, row.adjustment.detail
        for name, box in (("style_scales", fields.scale), ("style_rotations", fields.turn)):
            self.values[name].boxes[style] = box
            box.valueChanged.connect(partial(self.values[name].put, style))
            box.refused.connect(self.refused)
            line = box.lineEdit()
            assert line is not None
            line.textChanged.connect(self.typed)
        detail.currentTextChanged.connect(partial(self.values["style_detail"].put, style))

    def _scale(self) -> float:
        """Return the factor that brings the largest share within the slider's range."""
        largest = max(self.values["blend"].each, default=1.0)
        return min(1.0, _MOST_PLACE / _EQUAL_PLACE / largest) if largest else 1.0

    def _on_slider(self, style: "Image", place: int) -> None:
        scale, values = self._scale(), self.values["blend"]
        shares = [share * scale for share in values.each]
        shares[self._pickers.styles.index(style)] = place / _EQUAL_PLACE
        values.setValue(shares)

    @property
    def _is_adjusted(self) -> bool:
        return not all(self.values[name].is_usual for name in _ADJUSTED)

    def _on_values(self, _: object) -> None:
        """Unfold what is adjusted, for a preset or a record may have brought it."""
        self.adjust.setChecked(self.adjust.isChecked() or self._is_adjusted)
        self._show_values()

    def _show_values(self) -> None:
        self.adjust.setText("Adjusted" if self._is_adjusted else "Adjust")
        shares = self.values["blend"]
        scale, total = _EQUAL_PLACE * self._scale(), sum(shares.each) or 1.0
        known = len(self._ratios) == len(self.rows)
        ratios = self._ratios if known else [None] * len(self.rows)
        for row, (style, *_), ratio in zip(self.rows, self._shown, ratios, strict=True):
            share = shares.of(style)
            row.show_share(round(share * scale), f"{share / total:.0%}")
            row.adjustment.show_values(*(self.values[name].of(style) for name in _ADJUSTED))
            row.adjustment.show_px(ratio)
            row.adjustment.setVisible(self.adjust.isChecked())


class ControlButtons(QWidget):
    """Below the Style picker: more styles, a part of the style, and regions of the content.

    Parameters
    ----------
    pickers
        Gets more styles.
    chooser
        Opens files and the gallery.
    adjust
        The button that unfolds the rows of the styles.
    """

    def __init__(
        self, pickers: "LayerPickers", chooser: "StyleChooser", adjust: QPushButton
    ) -> None:
        super().__init__()
        self._pickers, self._chooser = pickers, chooser
        self.add = _button("+ Style", "Blend one more style into the picture, or give it a region.")
        self.crop = _button(
            "Crop…", "Draw a rectangle on the style: only what is inside counts as the style."
        )
        self.regions = _button(
            "Regions…", "Paint where each style goes, and what keeps the content's pixels."
        )
        self.add.clicked.connect(self._open_menu)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        for button in (self.add, self.crop, adjust, self.regions):
            line.addWidget(button)

    def menu(self) -> QMenu:
        """Make the menu of what can be one more style."""
        pickers, menu = self._pickers, QMenu(self)
        taken = (pickers.content.value, *pickers.styles)
        for layer in pickers.images():
            if layer not in taken and not is_painted(layer):
                menu.addAction(full_name(layer), partial(pickers.add_style, layer))
        menu.addSeparator()
        menu.addAction("From the gallery…", partial(self._chooser.open_gallery, adds=True))
        menu.addAction("From a file…", partial(self._chooser.browse, adds=True))
        return menu

    def _open_menu(self) -> None:
        menu = self.menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.add.mapToGlobal(self.add.rect().bottomLeft()))


def _button(title: str, tip: str) -> QPushButton:
    button = QPushButton(title)
    button.setToolTip(f"<p>{tip}</p>")
    return button
