"""A row of the list of styles: picture, name, share and menu; below them what is adjusted."""

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_nst.plugin.common.style import calm
from napari_nst.plugin.fields.number_box import NumberBox
from napari_nst.plugin.fields.setting_widgets import metadata_of
from napari_nst.plugin.form.style_values import USUAL
from napari_nst.plugin.gallery.signs import SignButton, dots
from napari_nst.plugin.gallery.thumbnails import SIDE_PX
from napari_nst.runs.naming import shortened

_THUMBNAIL_PX, _SPACING_PX = 28, 6
_NAME_LETTERS = 18
_MOST_PLACE = 100
_SLIDER_PX, _PERCENT_PX = 84, 38
_BOX_PX = 84
_DETAILS = ("all", "fine", "coarse")
_SHARE_HELP = (
    "How much of this style the result takes, compared with the others. Can be changed during a "
    "run while “Steer this run” is on."
)
_SCALE_HELP = "Size of this style's strokes: below 1 is finer, above 1 is bolder."
_TURN_HELP = "By how much this style is turned, counter-clockwise."
_DETAIL_HELP = (
    "What this style gives: all of it, its fine texture only, or its coarse forms only. For "
    "layers with a share of each, type them: relu1_1+relu2_1:0.5."
)
_PX_HELP = (
    "How many pixels of the style's picture become one pixel of the result. At 1 the strokes are "
    "as large as in the style's picture, at 2 they are half as large; below 1 they are enlarged "
    "and look soft."
)


class StyleAdjustment(QWidget):
    """The scale, rotation and detail of one style.

    Parameters
    ----------
    name
        Of the style's layer.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.scale = _number("style_scales", "Scale", name, _SCALE_HELP)
        self.turn = _number("style_rotations", "Turn", name, _TURN_HELP)
        self.detail = QComboBox()
        self.detail.setEditable(True)
        self.detail.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.detail.addItems(_DETAILS)
        self.detail.setToolTip(f"<p>{_DETAIL_HELP}</p>")
        self.detail.setAccessibleName(f"Detail of the style {name}")
        self.px = QLabel()
        self.px.setToolTip(f"<p>{_PX_HELP}</p>")
        grid = QGridLayout(self)
        grid.setContentsMargins(_THUMBNAIL_PX + _SPACING_PX, 0, 0, 4)
        grid.setSpacing(_SPACING_PX)
        grid.addWidget(QLabel("Scale"), 0, 0)
        grid.addWidget(self.scale, 0, 1)
        grid.addWidget(self.px, 0, 2, 1, 2)
        grid.addWidget(QLabel("Turn"), 1, 0)
        grid.addWidget(self.turn, 1, 1)
        grid.addWidget(QLabel("Detail"), 1, 2)
        grid.addWidget(self.detail, 1, 3)
        grid.setColumnStretch(3, 1)
        for field in (self.scale, self.turn, self.detail):
            calm(field)
        for box in (self.scale, self.turn):
            box.setFixedWidth(_BOX_PX)

    def show_values(self, scale: float, turn: float, detail: str) -> None:
        """Show values, but for those that are typed just now."""
        for box, value in ((self.scale, scale), (self.turn, turn)):
            if box.value() != value:
                box.setValue(value)
        if self.detail.currentText() != detail:
            self.detail.setCurrentText(detail)

    def show_px(self, ratio: float | None) -> None:
        """Say how many pixels of the style become one of the result, where it is known."""
        self.px.setText("" if ratio is None else f"{ratio:.3g} style px per px")


class StyleRow(QWidget):
    """One style: its picture, its name, its share and a menu; below them how it is adjusted.

    Parameters
    ----------
    name
        Of its layer.
    thumbnail
        What counts of it; None where it cannot be seen.
    has_share
        Whether there are other styles.
    """

    def __init__(self, name: str, thumbnail: QPixmap | None, *, has_share: bool) -> None:
        super().__init__()
        self.thumbnail, self.name, self.percent = QLabel(), QLabel(), QLabel()
        self.share = QSlider(Qt.Orientation.Horizontal)
        self.menu_button: QPushButton = SignButton(
            dots, name=f"More for the style {name}", tip="Crop, order, remove."
        )
        if thumbnail is not None:
            thumbnail.setDevicePixelRatio(SIDE_PX / _THUMBNAIL_PX)
            self.thumbnail.setPixmap(thumbnail)
        self.thumbnail.setFixedSize(_THUMBNAIL_PX, _THUMBNAIL_PX)
        self.name.setText(shortened(name, _NAME_LETTERS))
        self.name.setToolTip(name)
        self.share.setRange(0, _MOST_PLACE)
        self.share.setFixedWidth(_SLIDER_PX)
        self.share.setToolTip(f"<p>{_SHARE_HELP}</p>")
        self.share.setAccessibleName(f"Share of the style {name}")
        self.percent.setFixedWidth(_PERCENT_PX)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        calm(self.share)
        self.adjustment = StyleAdjustment(name)
        column, line = QVBoxLayout(self), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(line)
        column.addWidget(self.adjustment)
        line.setSpacing(_SPACING_PX)
        line.addWidget(self.thumbnail)
        line.addWidget(self.name, stretch=1)
        for widget in (self.share, self.percent):
            line.addWidget(widget)
            widget.setVisible(has_share)
        line.addWidget(self.menu_button)

    def show_share(self, place: int, percent: str) -> None:
        """Show a share on the slider, and in words."""
        with QSignalBlocker(self.share):
            self.share.setValue(place)
        self.percent.setText(percent)


def _number(setting: str, title: str, style: str, tip: str) -> NumberBox:
    meta = metadata_of(setting)
    low, high, unit = meta["minimum"], meta["maximum"], meta["unit"] or ""
    box = NumberBox(f"{title} of the style {style}", low=low, high=high, unit=unit)
    box.setValue(USUAL[setting])
    box.setToolTip(f"<p>{tip}</p>")
    box.setAccessibleName(f"{title} of the style {style}")
    return box
