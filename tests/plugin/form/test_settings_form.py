from dataclasses import fields

import pytest

from napari_nst.errors import ConfigError, WeightsError
from napari_nst.plugin.fields.setting_widgets import make_widget
from napari_nst.settings.config import StyleConfig, choices
from napari_nst.settings.presets import DEFAULT_PRESET, PRESETS

pytestmark = pytest.mark.gui

EDITABLE = [setting.name for setting in fields(StyleConfig) if setting.name != "name"]


@pytest.mark.parametrize("name", EDITABLE)
def test_every_setting_has_a_control_that_keeps_its_default(name, qtbot):
    widget = make_widget(name)
    qtbot.addWidget(widget.native)
    default = getattr(StyleConfig(), name)
    widget.value = default
    assert widget.value == default
    meta = next(setting.metadata for setting in fields(StyleConfig) if setting.name == name)
    assert widget.label == meta["title"]
    assert meta["help"] in widget.native.toolTip()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", None),
        ("size", 16),
        ("steps", 777),
        ("style_strength", 0.0001),
        ("learning_rate", 1e6),
        ("seed", 2**63 - 1),
        ("style_layers", ("conv1_1", "relu5_1")),
        ("style_layer_weights", (256.0, 0.5)),
        ("lbfgs_tolerance_grad", -1.0),
        ("padding", "replicate"),
    ],
)
def test_controls_keep_unusual_values(name, value, qtbot):
    widget = make_widget(name)
    qtbot.addWidget(widget.native)
    widget.value = value
    assert widget.value == value


def test_closed_sets_come_from_the_setting(qtbot):
    box = make_widget("pooling").native
    qtbot.addWidget(box)
    assert tuple(box.itemText(i) for i in range(box.count())) == choices("pooling")


def test_words_in_a_list_of_numbers_are_refused(qtbot):
    widget = make_widget("style_layer_weights")
    qtbot.addWidget(widget.native)
    widget.native.setText("1, two")
    with pytest.raises(ConfigError, match="Style layer weights"):
        widget.get_value()


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_preset_chosen_is_the_preset_run(docked, preset):
    docked.form.preset.setCurrentText(preset)
    assert docked.form.config() == StyleConfig.preset(preset)


def test_a_new_form_shows_the_default_preset(docked):
    assert docked.form.config() == StyleConfig.preset(DEFAULT_PRESET)


def test_a_preset_leaves_size_steps_strength_and_seed_alone(docked):
    mine = {"size": 300, "steps": 40, "style_strength": 2.5, "seed": 7}
    for name, value in mine.items():
        docked.form.basic[name].value = value
    docked.form.preset.setCurrentText("seed")
    config = docked.form.config()
    assert {name: getattr(config, name) for name in mine} == mine


def test_settings_shown_are_settings_read(docked):
    config = StyleConfig.preset("seed", size=None, steps=9, tv_weight=0.25, init="noise")
    docked.form.apply(config)
    assert docked.form.config() == config


def test_a_file_of_weights_is_asked_for_only_when_chosen(docked, tmp_path):
    form = docked.form
    assert form.weights_file.native.isHidden()
    form.set_weights("file")
    assert not form.weights_file.native.isHidden()
    with pytest.raises(WeightsError, match="Choose the file"):
        form.weights_choice()
    file = tmp_path / "vgg19.pth"
    file.touch()
    form.set_weights(str(file))
    assert form.weights_choice() == str(file)


def test_the_share_of_the_start_goes_with_the_start(docked, pictures):
    form, box = docked.form, docked.form.basic["init_blend"]
    slider = form.start_slider
    form.pickers.start.value = "noise"
    slider.setValue(30)
    assert (form.config().init, form.config().init_blend) == ("noise", 0.3)
    config = form.config()
    form.preset.setCurrentText("gatys")
    assert (form.config().init_blend, slider.value()) == (1, 100), "a preset says how to start"
    form.apply(config)
    assert (form.pickers.start.value, box.value, slider.value()) == ("noise", 0.3, 30)
    form.pickers.start.value = pictures[1]
    form.preset.setCurrentText("default")
    assert (form.pickers.start.value, box.value) == (pictures[1], 0.3), "a layer stays the start"
