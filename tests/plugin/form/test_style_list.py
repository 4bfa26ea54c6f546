import numpy as np
import pytest

from napari_nst.plugin.form.layer_pickers import SAME_HINT
from napari_nst.runs.progress import RunState

pytestmark = pytest.mark.gui


@pytest.fixture
def third(docked, pictures, viewer):
    rng = np.random.default_rng(1)
    return viewer.add_image(rng.integers(0, 256, (40, 44, 3), dtype=np.uint8), name="mosaic")


def titles(menu):
    return [action.text() for action in menu.actions() if action.text()]


def add(docked, name):
    """Add a style as a user does, by the menu of "+ Style"."""
    buttons = docked.form.control_buttons
    (entry,) = [each for each in buttons.menu().actions() if each.text() == name]
    entry.trigger()


def test_the_list_is_hidden_while_there_is_one_style(docked, third, pictures):
    assert docked.form.style_list.isHidden()
    assert docked.form.config().blend == ()
    assert titles(docked.form.control_buttons.menu()) == [
        "mosaic",
        "From the gallery…",
        "From a file…",
    ]
    add(docked, "mosaic")
    assert not docked.form.style_list.isHidden()
    assert docked.form.pickers.styles == (pictures[1], third)
    assert [row.percent.text() for row in docked.form.style_list.rows] == ["50%", "50%"]
    assert docked.form.config().blend == ()
    docked.form.style_list.remove(0)
    assert docked.form.style_list.isHidden()
    assert docked.form.pickers.style.value == third


def test_sliders_are_shares_and_equal_ones_are_none(docked, third):
    add(docked, "mosaic")
    rows = docked.form.style_list.rows
    rows[0].share.setValue(100)
    assert docked.form.config().blend == (2, 1)
    assert [row.percent.text() for row in rows] == ["67%", "33%"]
    rows[1].share.setValue(100)
    assert docked.form.config().blend == ()


def test_shares_that_are_shown_stay_exact(docked, third):
    add(docked, "mosaic")
    config = docked.form.config().replace(blend=(7.5, 2.5))
    docked.form.apply(config)
    assert docked.form.config().blend == (7.5, 2.5)
    rows = docked.form.style_list.rows
    assert [row.percent.text() for row in rows] == ["75%", "25%"]
    assert [row.share.value() for row in rows] == [100, 33]
    docked.form.apply(config.replace(blend=(1, 2, 3)))
    assert docked.form.config().blend == (), "shares of three styles say nothing of two"


def test_styles_change_places_with_their_shares(docked, third, pictures):
    add(docked, "mosaic")
    docked.form.style_list.rows[0].share.setValue(25)
    assert docked.form.config().blend == (0.5, 1)
    menu = docked.form.style_list.menu(1)
    assert titles(menu) == ["Crop…", "Move up", "Move down", "Remove from the styles"]
    (up,) = [each for each in menu.actions() if each.text() == "Move up"]
    up.trigger()
    assert docked.form.pickers.styles == (third, pictures[1])
    assert docked.form.pickers.style.value == third
    assert docked.form.config().blend == (1, 0.5)


def test_picking_an_added_style_lets_both_change_places(docked, third, pictures):
    add(docked, "mosaic")
    docked.form.pickers.style.value = third
    assert docked.form.pickers.styles == (third, pictures[1])


def test_a_removed_layer_leaves_the_list(docked, third, pictures, viewer):
    add(docked, "mosaic")
    viewer.layers.remove(pictures[1])
    assert docked.form.pickers.styles == (third,)
    assert docked.form.style_list.isHidden()
    assert docked.form.pickers.problem() == ""


def test_the_content_cannot_be_one_of_the_styles(docked, third, pictures):
    add(docked, "mosaic")
    docked.form.pickers.content.value = third
    assert docked.form.pickers.problem() == SAME_HINT


def test_a_run_gets_all_styles_and_its_name_says_so(docked, third, pictures, engine, finished):
    engine(3)
    add(docked, "mosaic")
    docked.run()
    finished(docked)
    run = docked.current
    assert run.state is RunState.DONE, run.text
    assert [each.shape for each in run.plan.request.styles] == [(50, 70, 3), (40, 44, 3)]
    assert run.name.startswith("harbour × waves + mosaic")


def test_a_share_steers_the_run_that_computes(docked, third, engine, qtbot, took):
    engine(500, wait_s=0.02)
    add(docked, "mosaic")
    docked.run()
    run = docked.current
    qtbot.waitUntil(lambda: len(run.points) > 2)
    docked.panel.steer.click()
    docked.form.style_list.rows[1].share.setValue(100)
    docked.steering.flush()
    took(run, "blend")
    run.stop()
    qtbot.waitUntil(lambda: run.state.over)
    (event,) = run.record.events
    assert (event.field, event.value) == ("blend", (1, 2))
    assert docked.panel.steered.text() == ""


def test_a_crop_shows_the_list_and_is_what_the_run_gets(
    docked, pictures, viewer, engine, finished, qtbot
):
    engine(2)
    docked.form.control_buttons.crop.click()
    crop = viewer.layers["Crop: waves"]
    crop.add_rectangles(np.array([(10, 20), (10, 50), (30, 50), (30, 20)]) - 0.5)
    qtbot.waitUntil(lambda: len(docked.form.style_list.rows) == 1)
    (row,) = docked.form.style_list.rows
    assert not docked.form.style_list.isHidden()
    assert row.share.isHidden()
    docked.run()
    finished(docked)
    (style,) = docked.current.plan.request.styles
    np.testing.assert_array_equal(style, pictures[1].data[10:30, 20:50])
    menu = docked.form.style_list.menu(0)
    assert titles(menu) == ["Crop…", "Use the whole picture"]
    menu.actions()[1].trigger()
    qtbot.waitUntil(docked.form.style_list.isHidden)
