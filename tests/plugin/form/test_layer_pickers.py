import numpy as np
import pytest

from napari_nst.plugin.form.layer_pickers import EMPTY_HINT, GONE_HINTS, ONE_HINT, SAME_HINT
from napari_nst.plugin.layers.canvas import CANVAS

pytestmark = pytest.mark.gui


def test_a_newcomer_is_told_where_pictures_are(docked):
    assert docked.form.pickers.problem() == EMPTY_HINT
    assert not docked.welcome.isHidden()
    assert not docked.panel.run.isEnabled()
    assert not docked.panel.run.isEnabled()


def test_one_picture_is_not_enough(docked, viewer):
    viewer.add_image(np.zeros((8, 8)), name="alone")
    assert docked.form.pickers.problem() == ONE_HINT


def test_trap_7_layers_fill_the_pickers_as_they_come(docked, pictures):
    content, style = pictures
    assert docked.form.pickers.content.value == content
    assert docked.form.pickers.style.value == style
    assert docked.panel.run.isEnabled()


def test_the_same_layer_twice_is_refused_in_plain_words(docked, pictures):
    docked.form.pickers.style.value = pictures[0]
    assert not docked.panel.run.isEnabled()
    docked.run()
    assert docked.panel.text.text() == SAME_HINT
    assert docked.current is None


def test_a_renamed_layer_stays_chosen(docked, pictures, viewer):
    docked.form.pickers.start.value = pictures[1]
    for layer, name in zip(viewer.layers, ("port", "surf"), strict=True):
        layer.name = name
    pickers = docked.form.pickers
    assert [pickers.content.value, pickers.style.value] == list(viewer.layers)
    assert pickers.start.value == pictures[1]
    assert pickers.content.native.currentText() == "port"
    assert pickers.style.native.currentText() == "surf"


def test_a_removed_layer_leaves_its_pickers(docked, pictures, viewer):
    docked.form.pickers.start.value = pictures[1]
    viewer.layers.remove("waves")
    pickers = docked.form.pickers
    assert pickers.style.value is None
    assert pickers.start.value is None
    assert pickers.problem() == GONE_HINTS["style"]
    assert docked.panel.text.text() == GONE_HINTS["style"]


@pytest.mark.parametrize("role", ["content", "style", "start"])
def test_no_other_picture_takes_the_place_of_one_that_is_gone(docked, pictures, viewer, role):
    extra = viewer.add_image(np.zeros((8, 8)), name="extra")
    picker = getattr(docked.form.pickers, role)
    others = {each: each.value for each in docked.form.pickers.all if each is not picker}
    picker.value = extra
    viewer.layers.remove("extra")
    viewer.add_image(np.zeros((8, 8)), name="newcomer")
    assert picker.value is None
    assert picker.native.currentText() in ("", "-----")
    assert not docked.panel.run.isEnabled()
    assert docked.panel.text.text() == GONE_HINTS[picker.name]
    assert {each: each.value for each in others} == others
    picker.value = viewer.layers["newcomer"]
    if role != "start":
        assert not docked.panel.text.text()
    assert docked.panel.run.isEnabled()


def test_without_any_picture_the_pickers_begin_anew(docked, pictures, viewer):
    docked.form.pickers.start.value = pictures[0]
    viewer.layers.clear()
    assert docked.form.pickers.problem() == EMPTY_HINT
    new = [viewer.add_image(np.zeros((8, 8)), name=name) for name in ("one", "two")]
    assert [each.value for each in docked.form.pickers.all] == [*new, "content"]


def test_a_third_picture_changes_no_choice(docked, pictures, viewer):
    viewer.add_image(np.zeros((8, 8)), name="third")
    assert docked.form.pickers.content.value == pictures[0]
    assert docked.form.pickers.style.value == pictures[1]


def test_other_kinds_of_layers_cannot_be_picked(docked, pictures, viewer):
    viewer.add_labels(np.zeros((8, 8), int))
    viewer.add_points(np.zeros((1, 2)))
    choices = docked.form.pickers.content.choices
    assert [choice for choice in choices if choice is not None] == [CANVAS, *pictures]
