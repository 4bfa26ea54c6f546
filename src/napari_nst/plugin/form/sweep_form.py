"""One or two settings and their values, to be queued as a grid of runs."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_nst.errors import NstError
from napari_nst.plugin.common.style import form_layout
from napari_nst.runs.sweep import PRESET, Axis, Variant, sweep
from napari_nst.runs.sweep_values import parse_values
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_nst.files.user_presets import NamedPreset

NO_AXIS = ""
_FIRST = ("style_strength", "seed", "size", "steps", PRESET)
_VALUES_HELP = (
    "Values with commas between, or ranges: 1..4 counts, 0..1 +0.25 steps, 1..8 x2 doubles. "
    "With semicolons between, numbers may have a decimal comma: 0,5; 1; 2. Lists need "
    "semicolons: 1,1,1; 4,2,1."
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
        """Give the runs of the sweep; raises ConfigError in words if something does not fit."""
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
        self.text.setText(f"{count} {'run' if count == 1 else 'runs'}, named by what differs.")
        self.queue.setText(f"Queue {count} {'run' if count == 1 else 'runs'}")
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
