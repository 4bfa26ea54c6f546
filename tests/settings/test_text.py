from dataclasses import fields

import pytest
from qtpy.QtWidgets import QLineEdit

from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.user_presets import NamedPreset, differences
from napari_nst.plugin.fields.setting_widgets import make_widget
from napari_nst.runs.sweep_values import parse_values
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.regions import Regions
from napari_nst.settings.text import in_words, parse_setting, setting_text, settings_text, title_of


@pytest.mark.parametrize("preset", ["gatys", "crowsonkb", "spst"])
def test_differences_rebuild_the_settings_from_the_preset(preset):
    config = StyleConfig.preset(preset, size=100, tv_weight=0.5)
    assert differences(config) == {"size": 100, "tv_weight": 0.5}
    assert StyleConfig.preset(preset, **differences(config)) == config


def test_settings_of_an_unknown_preset_are_told_from_the_defaults():
    assert differences(StyleConfig(name="mine", seed=4)) == {"seed": 4}


def test_settings_are_described_in_short():
    said = settings_text({"style_strength": 2.0, "steps": None})
    assert said == "style strength 2 · steps preset"


def test_settings_are_told_from_an_own_preset_as_it_was():
    bold = NamedPreset("bold", StyleConfig.preset("crowsonkb", size=80, averaging=0.5))
    assert differences(bold.config, bold) == {}
    assert differences(bold.config.replace(seed=2), bold) == {"seed": 2}


def test_names_keep_their_capitals_within_a_sentence():
    assert title_of("lbfgs_history") == "L-BFGS history"
    assert title_of("adam_beta1") == "Adam beta 1"
    assert title_of("tv_weight") == "smoothness"


def test_choices_are_called_as_in_the_form():
    assert settings_text({"colors": "content"}) == "colours of the content"
    assert settings_text({"optimizer": "adam"}) == "optimizer adam"


DEFAULTS = {each.name: getattr(StyleConfig(), each.name) for each in fields(StyleConfig)}
UNSET = [name for name, value in DEFAULTS.items() if value in (None, ())]
LISTS = [name for name, value in DEFAULTS.items() if isinstance(value, tuple)]


@pytest.mark.gui
@pytest.mark.parametrize("field", [*UNSET, "size"])
def test_an_unset_value_has_one_word_everywhere(field, qtbot):
    unset = () if field in LISTS else None
    widget = make_widget(field)
    qtbot.addWidget(widget.native)
    widget.value = unset
    line = widget.native if isinstance(widget.native, QLineEdit) else widget.native.lineEdit()
    word = line.text() or line.placeholderText()
    assert setting_text(field, unset) == f"{title_of(field)} {word}"
    assert parse_values(field, word) == (unset,)
    assert parse_setting(field, word) == unset
    line.setText(word)
    assert widget.value == unset
    assert f"“{word}”" in widget.native.toolTip()


@pytest.mark.parametrize(
    "changes",
    [{"style_strength": -1}, {"size": 3}, {"tv_weight": "x"}, {"style_layer_weights": (1.0,)}],
)
def test_errors_name_settings_as_the_form_does(changes):
    with pytest.raises(ConfigError) as refused:
        StyleConfig().replace(**changes)
    (name,) = changes
    title = next(each.metadata["title"] for each in fields(StyleConfig) if each.name == name)
    said = in_words(refused.value)
    assert said.startswith(f"{title}: ")
    assert "_" not in said


def test_settings_within_an_error_are_named_as_in_the_form_too():
    said = in_words(ImageError("the style is too thin. Choose a larger size or style_scale."))
    assert said == "the style is too thin. Choose a larger size or style scale."


def test_repainted_regions_are_told_in_words() -> None:
    assert settings_text({"regions": Regions(), "seed": 2}) == "other regions · seed 2"
    assert settings_text({"regions": None}) == "no regions"
