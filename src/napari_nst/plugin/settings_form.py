"""The form of the dock: pickers and settings in, a StyleConfig and a weights choice out."""

from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from napari_nst.config import StyleConfig
from napari_nst.errors import WeightsError
from napari_nst.plugin.controls import Control, make_control
from napari_nst.plugin.layer_pickers import START_CONTENT, START_NOISE, LayerPickers
from napari_nst.plugin.looks import fold
from napari_nst.presets import PRESETS

if TYPE_CHECKING:
    from napari.viewer import Viewer

ADVANCED = (
    "content_weight",
    "style_weight",
    "tv_weight",
    "content_layers",
    "style_layers",
    "style_layer_weights",
    "style_scale",
    "style_fit",
    "optimizer",
    "learning_rate",
    "pooling",
    "padding",
    "clamp",
    "averaging",
    "balance",
    "precision",
)
"""Settings under "Advanced"; a preset fills them."""

WEIGHTS_CHOICES = {
    "Automatic": "auto",
    "ImageNet VGG-19": "imagenet",
    "Built-in": "builtin",
    "Untrained (random)": "untrained",
    "File…": "file",
}

_WEIGHTS_HELP = (
    "The numbers of the network that looks at the pictures. Automatic takes ImageNet's if "
    "they are on this computer, else the built-in ones. Nothing is downloaded unasked."
)


class SettingsForm(QWidget):
    """All settings of a run, the rarer ones folded away.

    Parameters
    ----------
    viewer
        Its image layers can be picked.
    """

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__()
        self.pickers = LayerPickers(viewer)
        self.preset = QComboBox()
        self.preset.addItems(list(PRESETS))
        self.preset.setToolTip("<p>A published recipe. It fills the settings under Advanced.</p>")
        self.weights = QComboBox()
        for label, value in WEIGHTS_CHOICES.items():
            self.weights.addItem(label, value)
        self.weights.setToolTip(f"<p>{_WEIGHTS_HELP}</p>")
        self.weights_file = FileEdit(
            mode=FileDialogMode.EXISTING_FILE, filter="*.pth *.pt *.safetensors"
        )
        self.basic = {
            "size": make_control("size", absent="as it is"),
            "steps": make_control("steps"),
            "style_strength": make_control("style_strength"),
            "seed": make_control("seed"),
        }
        self.advanced = {name: make_control(name) for name in ADVANCED}
        self.folded = fold("Advanced")
        self._lay_out()
        self.preset.currentTextChanged.connect(self._fill)
        self.weights.currentIndexChanged.connect(self._show_weights_file)
        self.apply(StyleConfig())

    def reset_choices(self) -> None:
        """Follow the viewer's layer list."""
        self.pickers.reset_choices()

    def config(self) -> StyleConfig:
        """Read the settings.

        Raises
        ------
        ConfigError
            If a value does not fit; its message is for the user.
        """
        values = {name: control.get() for name, control in self._controls().items()}
        noise = self.pickers.start.value == START_NOISE
        return StyleConfig.preset(
            self.preset.currentText(), **values, init=START_NOISE if noise else START_CONTENT
        )

    def apply(self, config: StyleConfig) -> None:
        """Show the settings of `config`."""
        if config.name in PRESETS:
            self.preset.setCurrentText(config.name)
        for name, control in self._controls().items():
            control.set(getattr(config, name))
        self.pickers.start.value = config.init

    def weights_choice(self) -> str:
        """Read the choice of weights: a name or a file's path.

        Raises
        ------
        WeightsError
            If a file is to be used and none is named.
        """
        choice: str = self.weights.currentData()
        if choice != "file":
            return choice
        path = Path(str(self.weights_file.value))
        if not path.is_file():
            raise WeightsError("Choose the file of the weights, or another kind of weights.")
        return str(path)

    def set_weights(self, choice: str) -> None:
        """Show a choice of weights: a name or a file's path."""
        index = self.weights.findData(choice)
        if index < 0:
            self.weights_file.value = Path(choice)
            index = self.weights.findData("file")
        self.weights.setCurrentIndex(index)

    def _controls(self) -> dict[str, Control]:
        return self.basic | self.advanced

    def _fill(self, preset: str) -> None:
        """Show a preset's own settings; size, steps, strength and seed stay the user's."""
        config = StyleConfig.preset(preset)
        for name, control in self.advanced.items():
            control.set(getattr(config, name))
        if self.pickers.start_layer() is None:
            self.pickers.start.value = config.init

    def _show_weights_file(self) -> None:
        self._rows.setRowVisible(self.weights_file.native, self.weights.currentData() == "file")

    def _lay_out(self) -> None:
        self._rows = _form_layout()
        self._rows.addRow("Content", self.pickers.content.native)
        self._rows.addRow("Style", self.pickers.style.native)
        self._rows.addRow("Preset", self.preset)
        for name in ("size", "steps", "style_strength"):
            self._rows.addRow(self.basic[name].title, self.basic[name].widget)
        self._rows.addRow("Start from", self.pickers.start.native)
        self._rows.addRow(self.basic["seed"].title, self.basic["seed"].widget)
        self._rows.addRow("Weights", self.weights)
        self._rows.addRow("", self.weights_file.native)
        self._show_weights_file()
        inside, rows = QWidget(), _form_layout()
        for control in self.advanced.values():
            rows.addRow(control.title, control.widget)
        inside.setLayout(rows)
        self.folded.addWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._rows)
        column.addWidget(self.folded)
        _narrow(self)


def _form_layout() -> QFormLayout:
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(4)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def _narrow(form: QWidget) -> None:
    """Let long layer names be cut off rather than widen the dock."""
    for box in form.findChildren(QComboBox):
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(10)
