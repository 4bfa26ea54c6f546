import pytest

from napari_nst.config import StyleConfig
from napari_nst.plugin.wording import describe, differences, title_of
from napari_nst.user_presets import NamedPreset


@pytest.mark.parametrize("preset", ["gatys", "crowsonkb", "spst"])
def test_differences_rebuild_the_settings_from_the_preset(preset):
    config = StyleConfig.preset(preset, size=100, tv_weight=0.5)
    assert differences(config) == {"size": 100, "tv_weight": 0.5}
    assert StyleConfig.preset(preset, **differences(config)) == config


def test_settings_of_an_unknown_preset_are_told_from_the_defaults():
    assert differences(StyleConfig(name="mine", seed=4)) == {"seed": 4}


def test_settings_are_described_in_short():
    assert describe({"style_strength": 2.0, "steps": None}) == "style strength 2 · steps none"


def test_settings_are_told_from_an_own_preset_as_it_was():
    bold = NamedPreset("bold", StyleConfig.preset("crowsonkb", size=80, averaging=0.5))
    assert differences(bold.config, bold) == {}
    assert differences(bold.config.replace(seed=2), bold) == {"seed": 2}


def test_names_keep_their_capitals_within_a_sentence():
    assert title_of("lbfgs_history") == "L-BFGS history"
    assert title_of("adam_beta1") == "Adam beta 1"
    assert title_of("tv_weight") == "smoothness"


def test_choices_are_called_as_in_the_form():
    assert describe({"colors": "content"}) == "colours of the content"
    assert describe({"optimizer": "adam"}) == "optimizer adam"
