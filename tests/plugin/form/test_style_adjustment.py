import numpy as np
import pytest

from napari_nst.settings.config import StyleConfig

pytestmark = pytest.mark.gui


@pytest.fixture
def third(docked, pictures, viewer):
    rng = np.random.default_rng(1)
    return viewer.add_image(rng.integers(0, 256, (40, 44, 3), dtype=np.uint8), name="mosaic")


def adjustments(docked):
    return [row.adjustment for row in docked.form.style_list.rows]


def test_one_style_is_adjusted_after_a_click(docked, pictures):
    form = docked.form
    assert form.style_list.isHidden()
    form.style_list.adjust.click()
    (fields,) = adjustments(docked)
    assert not form.style_list.isHidden()
    assert not fields.isHidden()
    assert form.config().style_scales == form.config().style_rotations == ()
    assert form.config().style_detail == ()
    fields.scale.setValue(0.5)
    fields.turn.setValue(90)
    fields.detail.setCurrentText("fine")
    config = form.config()
    assert (config.style_scales, config.style_rotations) == ((0.5,), (90,))
    assert config.style_detail == ("fine",)
    form.style_list.adjust.click()
    assert form.style_list.isHidden()
    assert form.style_list.adjust.text() == "Adjusted", "what acts unseen is told"
    assert form.config() == config
    form.style_list.adjust.click()
    assert adjustments(docked)[0].turn.value() == 90


def test_values_move_with_their_style_and_go_with_its_layer(docked, third, pictures, viewer):
    form = docked.form
    form.pickers.add_style(third)
    form.style_list.adjust.click()
    adjustments(docked)[1].scale.setValue(2)
    assert form.config().style_scales == (1, 2)
    form.style_list.shift(1, -1)
    assert form.config().style_scales == (2, 1)
    assert [each.scale.value() for each in adjustments(docked)] == [2, 1]
    viewer.layers.remove(third)
    assert form.config().style_scales == ()
    assert form.style_list.values["style_scales"].each == [1]


def test_what_makes_no_number_is_refused_in_words_that_name_the_style(docked, pictures):
    form = docked.form
    form.style_list.adjust.click()
    line = adjustments(docked)[0].scale.lineEdit()
    line.setText("bold")
    assert not docked.panel.text.text(), "nobody is told off while typing"
    docked.run()
    assert docked.current is None
    assert docked.panel.text.text().startswith("Scale of the style waves: ")
    line.setText("2")
    assert not docked.panel.text.text()
    assert form.config().style_scales == (2,)
    adjustments(docked)[0].detail.setCurrentText("relu9_9")
    docked.run()
    assert docked.current is None
    assert docked.panel.text.text().startswith("Style detail: ")


def test_settings_of_a_record_unfold_what_they_adjust(docked, pictures):
    form = docked.form
    config = form.config().replace(style_scales=(1 / 3,), style_detail=("coarse",))
    form.apply(StyleConfig.from_json(config.to_json()))
    assert not form.style_list.isHidden()
    (fields,) = adjustments(docked)
    assert (fields.scale.value(), fields.detail.currentText()) == (1 / 3, "coarse")
    assert form.config() == config
    form.apply(config.of_one_style)
    assert form.config() == config.of_one_style
    assert fields.scale.value() == 1


def test_values_for_two_styles_wait_for_the_second(docked, third, pictures):
    form = docked.form
    config = form.config().replace(style_scales=(1, 0.5), blend=(3, 1))
    form.apply(config)
    assert form.config().style_scales == ()
    form.pickers.add_style(third)
    assert form.config() == config
    assert [each.scale.value() for each in adjustments(docked)] == [1, 0.5]
    form.apply(config.replace(style_scales=(1, 2, 3)))
    adjustments(docked)[0].scale.setValue(4)
    form.pickers.styles = (*form.pickers.styles, form.pickers.content.value)
    assert form.config().style_scales == (4, 1, 1), "what was set by hand is not overruled"


def test_a_published_preset_leaves_styles_as_they_are(docked, pictures):
    form = docked.form
    form.style_list.adjust.click()
    adjustments(docked)[0].scale.setValue(0.5)
    form.preset.setCurrentText("gatys")
    assert form.config().style_scales == (0.5,)


def test_a_run_gets_what_is_adjusted(docked, third, pictures, engine, finished):
    engine(3)
    docked.form.pickers.add_style(third)
    docked.form.style_list.adjust.click()
    adjustments(docked)[0].turn.setValue(-30)
    docked.run()
    finished(docked)
    assert docked.current.plan.request.config.style_rotations == (-30, 0)
