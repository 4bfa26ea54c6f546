"""The form of the dock: pickers and settings in, a StyleConfig and a weights choice out."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_nst.errors import WeightsError
from napari_nst.files.user_presets import NamedPreset, own_preset, published_preset
from napari_nst.plugin.common.style import beside, fold, form_layout, mark, narrow
from napari_nst.plugin.form.controls import Control, edits, make_control, shown
from napari_nst.plugin.form.layer_pickers import START_CONTENT, START_NOISE, LayerPickers
from napari_nst.plugin.form.loan import Loan
from napari_nst.plugin.form.log_slider import LogSlider
from napari_nst.plugin.form.number_box import NumberBox
from napari_nst.plugin.form.preset_box import PresetBox
from napari_nst.plugin.form.preset_menu import PresetMenu
from napari_nst.plugin.form.unseen import Unseen
from napari_nst.plugin.gallery.chooser import StyleChooser
from napari_nst.settings.config import STEERABLE, StyleConfig
from napari_nst.settings.presets import DEFAULT_PRESET

if TYPE_CHECKING:
    from napari.viewer import Viewer

ADVANCED = (
    "content_weight",
    "style_weight",
    "tv_weight",
    "content_layers",
    "content_layer_weights",
    "style_layers",
    "style_layer_weights",
    "style_scale",
    "style_fit",
    "optimizer",
    "lbfgs_preconditioner",
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

    Signals: `edited` with a setting's name, when the user changes one that can be steered;
    `touched` when a control shows something else, whoever changed it; `refused` with a sentence
    when a number box is left with a text that makes no number.

    Parameters
    ----------
    viewer
        Its image layers can be picked.
    """

    edited = Signal(str)
    touched = Signal()
    refused = Signal(str)

    def __init__(self, viewer: "Viewer") -> None:
        super().__init__()
        self._filling = False
        self.pickers = LayerPickers(viewer)
        self.styles = StyleChooser(viewer, self.pickers, self)
        self.preset = PresetBox()
        self.preset_menu = PresetMenu(self)
        self.weights = QComboBox()
        for label, value in WEIGHTS_CHOICES.items():
            self.weights.addItem(label, value)
        self.weights.setToolTip(f"<p>{_WEIGHTS_HELP}</p>")
        self.weights_file = FileEdit(
            mode=FileDialogMode.EXISTING_FILE, filter="*.pth *.pt *.safetensors"
        )
        self.basic = {
            "size": make_control("size"),
            "steps": make_control("steps"),
            "style_strength": make_control("style_strength"),
            "colors": make_control("colors"),
            "seed": make_control("seed"),
        }
        self.strength_slider = LogSlider(self.basic["style_strength"])
        self.advanced = {name: make_control(name) for name in ADVANCED}
        self.unseen = Unseen({"name", "init", *self._controls()})
        self.folded = fold("Advanced")
        self.loan = Loan(self)
        self._lay_out()
        self.preset.picked.connect(self._fill)
        self.preset.replaced.connect(self._rebase)
        for name in STEERABLE:
            edits(self._controls()[name]).connect(partial(self._on_edit, name))
        for kind in ("content", "style"):
            layers = self.advanced[f"{kind}_layers"]
            edits(layers).connect(partial(self._drop_layer_weights, kind))
        for control in self._controls().values():
            shown(control).connect(self.touched)
            if isinstance(control.widget, NumberBox):
                control.widget.refused.connect(self.refused)
        self.weights.currentIndexChanged.connect(self.touched)
        self.weights_file.changed.connect(lambda _: self.touched.emit())
        self.weights.currentIndexChanged.connect(self._show_weights_file)
        self.apply(StyleConfig.preset(DEFAULT_PRESET))

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
        values |= self.unseen.values
        noise = self.pickers.start.value == START_NOISE
        return self.preset.shown.config.replace(
            **values, init=START_NOISE if noise else START_CONTENT
        )

    def value(self, name: str) -> Any:  # noqa: ANN401 - the setting's type
        """Read one setting; raises ConfigError if its text makes none."""
        return self._controls()[name].get()

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show values of some settings."""
        with self._not_by_hand():
            for name, value in values.items():
                self._controls()[name].set(value)

    def apply(self, config: StyleConfig, *, preset: str = "") -> None:
        """Show the settings of `config`; those without a control are kept beside.

        Parameters
        ----------
        config
            The settings.
        preset
            The own preset that they started from; the published one is shown if there is none.
        """
        with self._not_by_hand():
            self.preset.show_preset(own_preset(preset) or published_preset(config))
            for name, control in self._controls().items():
                control.set(getattr(config, name))
            self.pickers.start.value = config.init
            self.unseen.keep(config, self.preset.shown.config)

    def mark_live(self, names: Collection[str]) -> None:
        """Mark the settings whose edits act on the run at once."""
        for name in STEERABLE:
            control = self._controls()[name]
            mark(self._labels[name], control.title, marked=name in names)

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

    def _fill(self, preset: NamedPreset) -> None:
        """Show a preset; a published one leaves size, steps, strength and seed the user's."""
        of_method = self.advanced | {"colors": self.basic["colors"]}
        controls = self._controls() if preset.is_own else of_method
        with self._not_by_hand():
            for name, control in controls.items():
                control.set(getattr(preset.config, name))
            if self.pickers.start_layer() is None:
                self.pickers.start.value = preset.config.init
            self.unseen.keep(preset.config, preset.config)

    def _rebase(self, before: NamedPreset) -> None:
        """Keep the settings while another preset takes the place of the one before."""
        config = before.config.replace(**self.unseen.values)
        self.unseen.keep(config, self.preset.shown.config)

    def _drop_layer_weights(self, kind: str) -> None:
        """Forget layer weights of other layers, as `StyleConfig.replace` does."""
        layers, weights = (self.advanced[f"{kind}_{each}"] for each in ("layers", "layer_weights"))
        if len(layers.get()) != len(weights.get()):
            weights.set(())

    def _on_edit(self, name: str, *_: object) -> None:
        if not self._filling:
            self.edited.emit(name)

    @contextmanager
    def _not_by_hand(self) -> Iterator[None]:
        """Mark changes as the program's, which steer nothing."""
        before, self._filling = self._filling, True
        try:
            yield
        finally:
            self._filling = before

    def _show_weights_file(self) -> None:
        self._folded_rows.setRowVisible(
            self.weights_file.native, self.weights.currentData() == "file"
        )

    def _lay_out(self) -> None:
        self._rows = form_layout()
        self._rows.addRow("Content", self.pickers.content.native)
        chooser = (self.styles.browse_button, self.styles.gallery_button)
        self._rows.addRow("Style", beside(self.pickers.style.native, *chooser))
        self._rows.addRow("Preset", beside(self.preset, self.preset_menu))
        self._labels: dict[str, QLabel] = {}
        for name in ("size", "steps", "style_strength", "colors"):
            self._add_row(self._rows, self.basic[name])
        self._rows.addRow("Start from", self.pickers.start.native)
        inside, rows = QWidget(), form_layout()
        self._folded_rows = rows
        rows.addRow("Weights", self.weights)
        rows.addRow("", self.weights_file.native)
        self._show_weights_file()
        self._add_row(rows, self.basic["seed"])
        for control in self.advanced.values():
            self._add_row(rows, control)
        inside.setLayout(rows)
        self.folded.addWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._rows)
        column.addWidget(self.unseen)
        column.addWidget(self.folded)
        narrow(self)

    def _add_row(self, rows: QFormLayout, control: Control) -> None:
        label = QLabel(control.title)
        label.setToolTip(control.widget.toolTip())
        self._labels[control.name] = label
        if control.name == "style_strength":
            rows.addRow(label, beside(self.strength_slider, control.widget))
        else:
            rows.addRow(label, control.widget)
