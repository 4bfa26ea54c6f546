"""The sweep: runs that differ in one or two settings, or in their pictures, and their grid."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractItemModel, QEvent, QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_nst.errors import ConfigError, NstError
from napari_nst.plugin.common.style import form_layout
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.visible_picture import is_painted
from napari_nst.runs.sweep import PRESET, Axis, Variant, pairs, sweep
from napari_nst.runs.sweep_values import parse_values
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image

    from napari_nst.files.user_presets import NamedPreset
    from napari_nst.plugin.form.layer_pickers import LayerPickers

NO_AXIS = ""
_FIRST = ("style_strength", "seed", "size", "steps", PRESET)
_VALUES_HELP = (
    "Values with commas between, or ranges: 1..4 counts, 0..1 +0.25 steps, 1..8 x2 doubles. "
    "With semicolons between, numbers may have a decimal comma: 0,5; 1; 2. Lists need "
    "semicolons: 1,1,1; 4,2,1."
)
_NAME, _CONTENT, _STYLE = range(3)
_ROWS_SHOWN, _ROW_PX = 5, 24
_PICTURES_HELP = (
    "Tick the pictures to paint under Content, and those to paint like under Style. A click on "
    "a column's head ticks all of it."
)


class SweepForm(QWidget):
    """Says how many runs a sweep makes while it is typed.

    Signals: `asked` with the list of Variants to queue.

    Parameters
    ----------
    base
        Gives the settings that the sweep does not change.
    preset
        Gives the own preset that they started from, if any.
    from_picture
        Tells whether runs start from a layer.
    """

    asked = Signal(list)

    def __init__(
        self,
        base: "Callable[[], StyleConfig]",
        preset: "Callable[[], NamedPreset | None]" = lambda: None,
        from_picture: "Callable[[], bool]" = lambda: False,
    ) -> None:
        super().__init__()
        self._base = base
        self._preset = preset
        self._from_picture = from_picture
        self.settings = [_setting_box(none=False), _setting_box(none=True)]
        self.values = [_values_line("0.5, 1, 2"), _values_line("")]
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.queue = QPushButton("Queue the runs")
        self.queue.setToolTip("<p>Queue one run for each value or pair of values.</p>")
        self._lay_out()
        for box in self.settings:
            box.currentIndexChanged.connect(self.refresh)
        for line in self.values:
            line.textChanged.connect(self.refresh)
        self.queue.clicked.connect(self._on_queue)
        self.refresh()

    def variants(self) -> list[Variant[Any]]:
        """Return the runs of the sweep; raises ConfigError in words if something does not fit."""
        axes = [
            Axis(box.currentData(), parse_values(box.currentData(), line.text()))
            for box, line in zip(self.settings, self.values, strict=True)
            if box.currentData() != NO_AXIS
        ]
        return sweep(self._base(), axes, preset=self._preset(), from_picture=self._from_picture())

    def refresh(self) -> None:
        """Count the runs, or say what does not fit."""
        self.values[1].setEnabled(self.settings[1].currentData() != NO_AXIS)
        self.queue.setEnabled(False)
        if not self.values[0].text().strip():
            self.text.setText("Type values to go through.")
            return
        try:
            count = len(self.variants())
        except NstError as error:
            self.text.setText(in_words(error))
            return
        self.text.setText(f"{_count(count, 'run')}, named by what differs.")
        self.queue.setText(f"Queue {_count(count, 'run')}")
        self.queue.setEnabled(True)

    def _on_queue(self) -> None:
        try:
            self.asked.emit(self.variants())
        except NstError as error:
            self.text.setText(in_words(error))

    def _lay_out(self) -> None:
        rows = form_layout()
        for word, box, line in zip(("Vary", "and"), self.settings, self.values, strict=True):
            rows.addRow(word, box)
            rows.addRow("through", line)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)
        column.addWidget(self.text)
        column.addWidget(self.queue)


def _setting_box(*, none: bool) -> QComboBox:
    box = QComboBox()
    box.setToolTip("<p>A setting that differs from run to run.</p>")
    if none:
        box.addItem("nothing else", NO_AXIS)
    titles = {setting.name: setting.metadata["title"] for setting in fields(StyleConfig)}
    for name in (*_FIRST, *(name for name in titles if name not in _FIRST)):
        box.addItem(titles[name], name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(10)
    return box


def _values_line(text: str) -> QLineEdit:
    line = QLineEdit(text)
    line.setPlaceholderText("0.5, 1, 2  or  1..4")
    line.setToolTip(f"<p>{_VALUES_HELP}</p>")
    return line


class _WholeCell(QStyledItemDelegate):
    """Toggles a cell's tick box by a click anywhere in the cell, not on its few pixels only."""

    def editorEvent(
        self,
        event: QEvent | None,
        model: QAbstractItemModel | None,
        option: QStyleOptionViewItem,
        index: QModelIndex,
    ) -> bool:
        """Take a mouse button's release as a click on the box; leave keys to Qt."""
        if not isinstance(event, QMouseEvent):
            return super().editorEvent(event, model, option, index)
        if event.button() != Qt.MouseButton.LeftButton or model is None:
            return False
        if event.type() == QEvent.Type.MouseButtonRelease:
            role = Qt.ItemDataRole.CheckStateRole
            ticked = Qt.CheckState(index.data(role)) == Qt.CheckState.Checked
            model.setData(index, Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked, role)
        return True


class PicturesForm(QWidget):
    """Says how many runs the ticked pictures make: every content in the manner of every style.

    Signals: `asked` with the list of Variants to queue.

    Parameters
    ----------
    pickers
        Know the image layers; what they have picked is ticked first.
    """

    asked = Signal(list)

    def __init__(self, pickers: "LayerPickers") -> None:
        super().__init__()
        self._pickers = pickers
        self._layers: list[Image] = []
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["Picture", "Content", "Style"])
        self.table.setToolTip(f"<p>{_PICTURES_HELP}</p>")
        self.table.setAccessibleName("Pictures of the sweep")
        self._whole_cell = _WholeCell(self.table)
        for column in (_CONTENT, _STYLE):
            self.table.setItemDelegateForColumn(column, self._whole_cell)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.queue = QPushButton()
        self.queue.setToolTip("<p>Queue one run for each content with each style.</p>")
        self._lay_out()
        self.table.itemChanged.connect(self._on_item)
        self.queue.clicked.connect(self._on_queue)
        self.reset_choices()

    def reset_choices(self) -> None:
        """Follow the viewer's layer list, results left out, and keep what is ticked."""
        before = {
            layer: (self.is_ticked(row, _CONTENT), self.is_ticked(row, _STYLE))
            for row, layer in enumerate(self._layers)
        }
        self._layers = [layer for layer in self._pickers.images() if not is_painted(layer)]
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(self._layers))
            for row, layer in enumerate(self._layers):
                picked = (
                    layer == self._pickers.content.value,
                    layer == self._pickers.style.value,
                )
                self._fill(row, full_name(layer), before.get(layer, picked))
        self.refresh()

    def tick(self, row: int, column: int, *, ticked: bool = True) -> None:
        """Tick a picture as content (column 1) or as style (2)."""
        item = self.table.item(row, column)
        assert item is not None
        item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    def is_ticked(self, row: int, column: int) -> bool:
        """Whether a picture is ticked."""
        item = self.table.item(row, column)
        return item is not None and item.checkState() == Qt.CheckState.Checked

    def pairs(self) -> "list[Variant[Image]]":
        """Return the runs of the sweep; raises ConfigError in words if there are none."""
        contents, styles = self._ticked(_CONTENT), self._ticked(_STYLE)
        if not contents or not styles:
            raise ConfigError("Tick one picture under Content and one under Style at least.")
        return pairs(contents, styles)

    def refresh(self) -> None:
        """Count the runs, or say what is missing."""
        self.queue.setEnabled(False)
        self.queue.setText("Queue the runs")
        try:
            count = len(self.pairs())
        except ConfigError as error:
            self.text.setText(str(error))
            return
        contents = _count(len(self._ticked(_CONTENT)), "content")
        styles = _count(len(self._ticked(_STYLE)), "style")
        self.text.setText(f"{contents} × {styles}: {_count(count, 'run')}")
        self.queue.setText(f"Queue {_count(count, 'run')}")
        self.queue.setEnabled(True)

    def _ticked(self, column: int) -> "dict[str, Image]":
        rows = enumerate(self._layers)
        return {full_name(layer): layer for row, layer in rows if self.is_ticked(row, column)}

    def _fill(self, row: int, name: str, ticked: tuple[bool, bool]) -> None:
        title = QTableWidgetItem(name)
        title.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        title.setToolTip(name)
        self.table.setItem(row, _NAME, title)
        for column, on in zip((_CONTENT, _STYLE), ticked, strict=True):
            box = QTableWidgetItem()
            box.setFlags(title.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            box.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.table.setItem(row, column, box)
        self.table.setRowHeight(row, _ROW_PX)

    def _on_item(self, item: QTableWidgetItem) -> None:
        """Let no picture be painted in its own manner: the newer of two ticks stands."""
        other = {_CONTENT: _STYLE, _STYLE: _CONTENT}.get(item.column())
        if other is not None and item.checkState() == Qt.CheckState.Checked:
            with QSignalBlocker(self.table):
                self.tick(item.row(), other, ticked=False)
        self.refresh()

    def _on_head(self, column: int) -> None:
        """Tick the column's pictures that the other column has not; if all are, none."""
        if column == _NAME:
            return
        other = _STYLE if column == _CONTENT else _CONTENT
        rows = [row for row in range(len(self._layers)) if not self.is_ticked(row, other)]
        ticked = not all(self.is_ticked(row, column) for row in rows)
        for row in rows:
            self.tick(row, column, ticked=ticked)

    def _on_queue(self) -> None:
        try:
            self.asked.emit(self.pairs())
        except ConfigError as error:
            self.text.setText(str(error))

    def _lay_out(self) -> None:
        self.table.setFrameShape(QFrame.Shape.NoFrame)
        self.table.setShowGrid(False)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        head, rows = self.table.horizontalHeader(), self.table.verticalHeader()
        assert head is not None
        assert rows is not None
        rows.hide()
        rows.setDefaultSectionSize(_ROW_PX)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        head.sectionClicked.connect(self._on_head)
        self.table.setFixedHeight(_ROW_PX * (_ROWS_SHOWN + 1))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addWidget(self.text)
        column.addWidget(self.queue)


class SweepPanel(QWidget):
    """Shows one of two forms, and a button for the grid of the runs they made.

    Signals: `grid_asked` when the last sweep is to be seen.

    Parameters
    ----------
    settings, pictures
        The forms.
    """

    grid_asked = Signal()

    def __init__(self, settings: SweepForm, pictures: PicturesForm) -> None:
        super().__init__()
        self.settings = settings
        self.pictures = pictures
        self.kind = QComboBox()
        self.kind.addItems(["Settings", "Pictures"])
        self.kind.setToolTip(
            "<p>What differs from run to run: one or two settings, or contents and styles.</p>"
        )
        self.grid = QPushButton("Show the last sweep as a grid")
        self.grid.setToolTip(
            "<p>Its results in rows and columns, as they were queued, with their names on. "
            "Leave under Compare brings everything back.</p>"
        )
        self.grid.setEnabled(False)
        self._lay_out()
        self.kind.currentIndexChanged.connect(self._turn)
        self.grid.clicked.connect(self.grid_asked)

    def _turn(self) -> None:
        self.settings.setVisible(self.kind.currentIndex() == 0)
        self.pictures.setVisible(self.kind.currentIndex() == 1)

    def _lay_out(self) -> None:
        rows = form_layout()
        rows.addRow("Sweep", self.kind)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)
        for widget in (self.settings, self.pictures, self.grid):
            column.addWidget(widget)
        self.pictures.hide()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
