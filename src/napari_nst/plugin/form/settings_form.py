"""The form of the dock: pickers and settings in, a StyleConfig and a weights choice out."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit, Widget
from magicgui.widgets.bases import ValueWidget
from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QLayout, QVBoxLayout, QWidget

from napari_nst.errors import ImageError, NstError, WeightsError
from napari_nst.files.user_presets import NamedPreset, own_preset, published_preset
from napari_nst.plugin.common.style import beside, fold, form_layout, marked, narrow
from napari_nst.plugin.fields.log_slider import LogSlider
from napari_nst.plugin.fields.number_box import NumberBox
from napari_nst.plugin.fields.setting_widgets import make_widget, prepare, text_line
from napari_nst.plugin.fields.share_slider import ShareSlider
from napari_nst.plugin.form.content_mask_form import ContentMaskForm
from napari_nst.plugin.form.layer_pickers import START_CONTENT, START_NOISE, LayerPickers
from napari_nst.plugin.form.loan import Loan
from napari_nst.plugin.form.preset_box import PresetBox
from napari_nst.plugin.form.preset_menu import PresetMenu
from napari_nst.plugin.form.regions_form import RegionsForm
from napari_nst.plugin.form.style_list import ControlButtons, StyleList
from napari_nst.plugin.form.style_values import StyleEdit
from napari_nst.plugin.gallery.chooser import StyleChooser
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.masks.crops import Crops
from napari_nst.plugin.masks.label_image import grid_size
from napari_nst.plugin.masks.regions import DrawnRegions
from napari_nst.settings.config import STEERABLE, StyleConfig
from napari_nst.settings.fields import COLOR_SETTINGS
from napari_nst.settings.presets import DEFAULT_PRESET
from napari_nst.settings.text import in_words, settings_text

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

BASIC = ("size", "steps", "style_strength", *COLOR_SETTINGS, "seed", "init_blend")

_OF_METHOD = (*COLOR_SETTINGS, "init_blend")
"""Basic settings that any preset fills."""

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
    "noise_std",
    "optimizer",
    "lbfgs_preconditioner",
    "learning_rate",
    "pooling",
    "padding",
    "clamp",
    "averaging",
    "balance",
    "precision",
    "tile",
)
"""Settings under "Advanced"; a preset fills them."""

WEIGHTS_CHOICES = (
    ("Automatic", "auto"),
    ("ImageNet VGG-19", "imagenet"),
    ("Built-in", "builtin"),
    ("Untrained (random)", "untrained"),
    ("File…", "file"),
)

_UNSEEN_HELP = (
    "<p>Settings that came with those you reuse and have no control here. Choosing a preset drops "
    "them.</p>"
)
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
        self.crops = Crops(viewer)
        self.style_list = StyleList(viewer, self.pickers, self.crops, self.styles)
        self.regions = RegionsForm(viewer, self.pickers, self.config, self.style_list.label_reader)
        self.content_mask = ContentMaskForm(viewer, self.pickers)
        self.control_buttons = ControlButtons(self.pickers, self.styles, self.style_list.adjust)
        self.preset = PresetBox()
        self.preset_menu = PresetMenu(self)
        self.weights = ComboBox(
            label="Weights", choices=WEIGHTS_CHOICES, tooltip=f"<p>{_WEIGHTS_HELP}</p>"
        )
        self.weights_file = FileEdit(
            label="", mode=FileDialogMode.EXISTING_FILE, filter="*.pth *.pt *.safetensors"
        )
        self.basic = {name: make_widget(name) for name in BASIC}
        values = self.style_list.values
        self.each_style = {name: StyleEdit(name, each) for name, each in values.items()}
        self.advanced = {name: make_widget(name) for name in ADVANCED}
        self.strength_slider = LogSlider(self.basic["style_strength"])
        self.color_slider = ShareSlider(self.basic["color_strength"])
        self.start_slider = ShareSlider(self.basic["init_blend"])
        self.unseen = QLabel()
        self._unseen: dict[str, Any] = {}
        self.folded = fold("Advanced")
        self.loan = Loan(self)
        self._lay_out()
        self.preset.picked.connect(self._fill)
        self.preset.replaced.connect(self._rebase)
        for name in STEERABLE:
            self._settings()[name].changed.connect(partial(self._on_edit, name))
        for kind in ("content", "style"):
            layers = self.advanced[f"{kind}_layers"]
            layers.changed.connect(partial(self._drop_layer_weights, kind))
        for widget in (*self._settings().values(), self.weights, self.weights_file):
            line = text_line(widget)
            # Of a text also what makes no value is told.
            (widget.changed if line is None else line.textChanged).connect(self._on_touch)
            if isinstance(widget.native, NumberBox):
                widget.native.refused.connect(self.refused)
        for name in ("size", "style_layers"):
            self._settings()[name].changed.connect(self._on_size)
        self.weights.changed.connect(self._show_weights_file)
        self.pickers.start.changed.connect(self._show_blend)
        self.pickers.styles_changed.connect(self._on_touch)
        self.crops.changed.connect(self._on_touch)
        self.regions.touched.connect(self._on_regions)
        self.content_mask.touched.connect(self._on_touch)
        self.content_mask.button.clicked.connect(self._draw_content_mask)
        self.style_list.typed.connect(self._on_touch)
        self.style_list.refused.connect(self.refused)
        self.style_list.partsChanged.connect(self.regions.refresh)
        self.style_list.crop_asked.connect(self._draw_crop)
        self.control_buttons.crop.clicked.connect(lambda: self._draw_crop(self.pickers.style.value))
        self.control_buttons.regions.clicked.connect(self._draw_regions)
        self.apply(StyleConfig.preset(DEFAULT_PRESET))

    def reset_choices(self) -> None:
        """Follow the viewer's layer list."""
        self.pickers.reset_choices()
        self.regions.reset_choices()
        self.content_mask.picker.box.reset_choices()

    def drawn(
        self, place: Placement, styles: "Sequence[Image] | None" = None
    ) -> DrawnRegions | None:
        """Return regions and content mask of now; None where nothing is painted.

        Parameters and errors as of `RegionsForm.drawn`.
        """
        regions, mask = self.regions.drawn(place, styles), self.content_mask.reader(place)
        if mask is None:
            return regions
        regions = regions or DrawnRegions(None, grid_size(place))
        return replace(regions, content_mask=mask)

    def config(self) -> StyleConfig:
        """Read the settings.

        Raises
        ------
        ConfigError
            If a value does not fit; its message is for the user.
        """
        values = {name: widget.value for name, widget in self._settings().items()} | self._unseen
        noise = self.pickers.start.value == START_NOISE
        return self.preset.shown.config.replace(
            **values, init=START_NOISE if noise else START_CONTENT
        )

    def value(self, name: str) -> Any:  # noqa: ANN401 - the setting's type
        """Read one setting; raises ConfigError if its text makes none."""
        return self._settings()[name].value

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show values of some settings."""
        with self._not_by_hand():
            for name, value in values.items():
                self._settings()[name].value = value

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
            for name, widget in self._settings().items():
                widget.value = getattr(config, name)
            self.pickers.start.value = config.init
            self._keep_unseen(config)

    def mark_live(self, names: Collection[str]) -> None:
        """Mark the settings whose edits act on the run at once."""
        for name in STEERABLE:
            widget = self._settings()[name]
            title = widget.native.accessibleName()
            widget.label = marked(title) if name in names else title

    def weights_choice(self) -> str:
        """Read the choice of weights: a name or a file's path.

        Raises
        ------
        WeightsError
            If a file is to be used and none is named.
        """
        choice: str = self.weights.value
        if choice != "file":
            return choice
        path = Path(str(self.weights_file.value))
        if not path.is_file():
            raise WeightsError("Choose the file of the weights, or another kind of weights.")
        return str(path)

    def set_weights(self, choice: str) -> None:
        """Show a choice of weights: a name or a file's path."""
        if choice not in self.weights.choices:
            self.weights_file.value = Path(choice)
            choice = "file"
        self.weights.value = choice

    def _settings(self) -> dict[str, ValueWidget[Any]]:
        return self.basic | self.advanced | self.each_style

    def _fill(self, preset: NamedPreset) -> None:
        """Show a preset; a published one leaves size, steps, strength and seed the user's."""
        of_method = self.advanced | {name: self.basic[name] for name in _OF_METHOD}
        settings = self._settings() if preset.is_own else of_method
        has_start = self.pickers.start_layer() is not None
        with self._not_by_hand():
            for name, widget in settings.items():
                if name != "init_blend" or not has_start:
                    widget.value = getattr(preset.config, name)
            if not has_start:
                self.pickers.start.value = preset.config.init
            self._keep_unseen(preset.config)

    def _rebase(self, before: NamedPreset) -> None:
        """Keep the settings while another preset takes the place of the one before."""
        self._keep_unseen(before.config.replace(**self._unseen))

    def _keep_unseen(self, config: StyleConfig) -> None:
        """Hold, and tell of, what differs from the shown preset and has no widget."""
        preset, seen = self.preset.shown.config, {"name", "init", *self._settings()}
        self._unseen = {
            setting.name: value
            for setting in fields(StyleConfig)
            if setting.name not in seen
            and (value := getattr(config, setting.name)) != getattr(preset, setting.name)
        }
        self.unseen.setText(f"Also: {settings_text(self._unseen)}")
        self.unseen.setVisible(bool(self._unseen))

    def _drop_layer_weights(self, kind: str, _: object) -> None:
        """Forget layer weights of other layers, as `StyleConfig.replace` does."""
        layers, weights = (self.advanced[f"{kind}_{each}"] for each in ("layers", "layer_weights"))
        if len(layers.value) != len(weights.value):
            weights.value = ()

    def _on_edit(self, name: str, _: object) -> None:
        if not self._filling:
            self.edited.emit(name)

    def _on_touch(self, _: object = None) -> None:
        self.touched.emit()

    def _on_size(self, _: object) -> None:
        self.regions.warn()

    @contextmanager
    def _not_by_hand(self) -> Iterator[None]:
        """Mark changes as the program's, which steer nothing."""
        before, self._filling = self._filling, True
        try:
            yield
        finally:
            self._filling = before

    def _on_regions(self) -> None:
        self.style_list.show_one(on=self.regions.layer is not None)
        self.touched.emit()

    def _draw_crop(self, style: "Image") -> None:
        self._draw(lambda: self.crops.draw(style))

    def _draw_regions(self) -> None:
        self._draw(self.regions.begin)

    def _draw_content_mask(self) -> None:
        self._draw(self.content_mask.picker.begin)

    def _draw(self, begin: Callable[[], object]) -> None:
        """Begin to draw over a picture, or say why not."""
        try:
            if problem := self.pickers.problem():
                raise ImageError(problem)
            begin()
        except NstError as error:
            show_error(in_words(error))

    def _show_weights_file(self) -> None:
        self._folded_rows.setRowVisible(self.weights_file.native, self.weights.value == "file")

    def _show_blend(self) -> None:
        """Show how much of the start counts, where it is not the content itself."""
        is_other = self.pickers.start.value not in (None, START_CONTENT)
        self._rows.setRowVisible(self._blend_row, is_other)

    def _lay_out(self) -> None:
        pickers, styles, basic = self.pickers, self.styles, dict(self.basic)
        seed, init_blend = basic.pop("seed"), basic.pop("init_blend")
        sliders = {"style_strength": self.strength_slider, "color_strength": self.color_slider}
        self._blend_row = beside(self.start_slider, init_blend.native)
        beside_style = beside(pickers.style.native, styles.browse_button, styles.gallery_button)
        self._rows = rows = form_layout()
        _add_row(rows, pickers.content, beside(pickers.content.native, self.content_mask.button))
        rows.addRow(self.content_mask)
        _add_row(rows, pickers.style, beside_style)
        rows.addRow(self.control_buttons)
        rows.addRow(self.style_list)
        rows.addRow(self.regions)
        rows.addRow("Preset", beside(self.preset, self.preset_menu))
        for name, widget in basic.items():
            slider = sliders.get(name)
            _add_row(rows, widget, None if slider is None else beside(slider, widget.native))
        _add_row(rows, pickers.start)
        _add_row(rows, init_blend, self._blend_row)
        inside, self._folded_rows = QWidget(), form_layout()
        for each in (self.weights, self.weights_file, seed, *self.advanced.values()):
            _add_row(self._folded_rows, each)
        inside.setLayout(self._folded_rows)
        self.folded.addWidget(inside)
        self._show_weights_file()
        self._show_blend()
        for picker in (*pickers.all, self.weights):
            prepare(picker)
        self.unseen.setWordWrap(True)
        self.unseen.setToolTip(_UNSEEN_HELP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)
        column.addWidget(self.unseen)
        column.addWidget(self.folded)
        narrow(self)


def _add_row(rows: QFormLayout, widget: Widget, field: QLayout | None = None) -> None:
    """Append a widget, or the field that it is in, behind its label."""
    label = QLabel(widget.label)
    label.setToolTip(widget.tooltip or "")
    widget.label_changed.connect(label.setText, check_nargs=False)  # Qt's has no signature
    rows.addRow(label, field or widget.native)
