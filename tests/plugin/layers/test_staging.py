"""Own pictures and their result on the canvas of a real napari: nothing hides what is painted."""

import numpy as np
import pytest

from napari_nst.plugin.dock.notes import StagingNote
from napari_nst.plugin.layers.canvas import CANVAS
from napari_nst.plugin.layers.extents import overlap, rectangle_of, seen
from tests.plugin.layers.geometry import is_whole_in

pytestmark = pytest.mark.gui


def picture(height, width):
    return np.zeros((height, width, 3), np.uint8)


@pytest.fixture
def dropped(docked, viewer):
    """Two pictures as napari opens them: one over the other."""
    content = viewer.add_image(picture(60, 80), name="harbour")
    return content, viewer.add_image(picture(90, 70), name="waves")


def place(viewer, layer):
    return rectangle_of(layer, viewer.dims)


def covers(viewer, one, other):
    return one.visible and overlap(place(viewer, one), place(viewer, other)) > 0


def run(docked, engine, finished):
    engine(2)
    docked.panel.run.click()
    finished(docked)
    return docked.current.live.layer


def test_a_style_that_covers_the_content_stands_beside_it_and_both_are_seen(
    docked, dropped, viewer, engine, finished
):
    content, style = dropped
    result = run(docked, engine, finished)
    assert style.visible
    assert not covers(viewer, style, content)
    assert not viewer.canvas.grid.enabled
    for layer in (content, style, result):
        assert layer.visible
        assert is_whole_in(seen(viewer), place(viewer, layer))
    assert viewer.layers[-1] == result, "above all others"
    np.testing.assert_allclose(place(viewer, result), place(viewer, content))


def test_the_style_can_be_put_back_and_stays_there(docked, dropped, viewer, engine, finished):
    _, style = dropped
    before = place(viewer, style)
    run(docked, engine, finished)
    note = docked.sections.findChild(StagingNote)
    assert not note.isHidden()
    assert "waves" in note.text.text()
    note.button.click()
    np.testing.assert_array_equal(place(viewer, style), before)
    assert note.isHidden()
    run(docked, engine, finished)
    np.testing.assert_array_equal(place(viewer, style), before)


def test_a_style_that_somebody_has_placed_is_hidden_and_never_moved(
    docked, viewer, engine, finished
):
    content = viewer.add_image(picture(60, 80), name="harbour")
    for placed in (
        {"translate": (3, 4)},
        {"scale": (0.65, 0.65)},
        {"rotate": 10},
        {"affine": np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1]])},
    ):
        style = viewer.add_image(picture(50, 70), name="waves", **placed)
        docked.form.pickers.content.value, docked.form.pickers.style.value = content, style
        before = place(viewer, style)
        result = run(docked, engine, finished)
        assert content.visible
        assert not style.visible, placed
        np.testing.assert_array_equal(place(viewer, style), before)
        docked.staging.put_back()
        assert style.visible, placed
        for layer in (style, result):
            viewer.layers.remove(layer)


def test_what_lies_beside_already_or_in_a_grid_is_left_alone(docked, viewer, engine, finished):
    viewer.add_image(picture(60, 80), name="harbour")
    style = viewer.add_image(picture(50, 70), name="waves", translate=(0, 90))
    run(docked, engine, finished)
    assert style.visible
    assert tuple(style.translate) == (0, 90)
    viewer.canvas.grid.enabled = True
    style.translate = (0, 0)
    run(docked, engine, finished)
    assert style.visible
    assert tuple(style.translate) == (0, 0)


def test_styles_of_a_sweep_stand_side_by_side(docked, dropped, viewer, engine, qtbot):
    engine(2)
    viewer.add_image(picture(40, 200), name="ink")
    form = docked.sweep_panel.pictures
    form.tick(2, 2)
    form.queue.click()
    qtbot.waitUntil(lambda: all(run.state.over for run in docked.session.runs), timeout=30_000)
    layers = [viewer.layers[name] for name in ("harbour", "waves", "ink")]
    for one in layers:
        assert not any(covers(viewer, one, other) for other in layers if other != one)
    docked.staging.put_back()
    assert all(tuple(layer.translate) == (0, 0) for layer in layers)


def test_a_content_that_the_dock_has_cropped_is_shown_whole_with_its_style(
    docked, dropped, viewer, engine, finished
):
    content, style = dropped
    viewer.scene.camera.zoom *= 1.5
    assert not is_whole_in(seen(viewer), place(viewer, content))
    run(docked, engine, finished)
    for layer in (content, style):
        assert is_whole_in(seen(viewer), place(viewer, layer))


@pytest.mark.parametrize("far", [False, True])
def test_a_content_hidden_or_far_off_is_brought_into_view(
    docked, dropped, viewer, engine, finished, far
):
    content, _ = dropped
    content.visible = far
    if far:
        viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 9000, 9000), 5
    result = run(docked, engine, finished)
    assert content.visible
    assert is_whole_in(seen(viewer), place(viewer, content))
    assert is_whole_in(seen(viewer), place(viewer, result))


def test_a_detail_that_is_looked_at_stays_in_view(docked, dropped, viewer, engine, finished):
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 30, 40), 60
    run(docked, engine, finished)
    assert viewer.scene.camera.zoom == 60
    assert tuple(viewer.scene.camera.center)[-2:] == (30, 40)


def test_a_style_over_all_of_a_canvas_is_moved_too(docked, dropped, viewer):
    content, style = dropped
    docked.staging.prepare(None, [style])
    assert docked.form.pickers.content.value != CANVAS
    assert not covers(viewer, style, content)


def test_a_run_ends_a_comparison_before_it_takes_its_place(
    docked, dropped, viewer, engine, finished
):
    content, style = dropped
    style.translate = (500, 500)
    viewer.layers.selection = {content, style}
    docked.form.pickers.content.value, docked.form.pickers.style.value = style, content
    there = place(viewer, style)
    docked.compare_panel.compare.click()
    result = run(docked, engine, finished)
    assert not docked.compare_panel.comparison.active
    np.testing.assert_allclose(place(viewer, result), there)


def test_a_hidden_style_that_is_shown_again_is_left_alone(
    docked, dropped, viewer, engine, finished
):
    _, style = dropped
    style.scale = (0.65, 0.65)
    run(docked, engine, finished)
    assert "waves" in docked.staging.text
    style.visible = True
    run(docked, engine, finished)
    assert style.visible
    assert not docked.staging.text
    assert docked.sections.findChild(StagingNote).isHidden()


@pytest.mark.parametrize("by", ["translate", "affine"])
@pytest.mark.parametrize("runs", [1, 2])
def test_a_style_moved_by_hand_keeps_its_new_place(
    docked, dropped, viewer, engine, finished, by, runs
):
    _, style = dropped
    run(docked, engine, finished)
    if by == "translate":
        style.translate = (11, 13)
    else:
        style.affine = np.array([[1, 0, 11], [0, 1, -80], [0, 0, 1]])
    there = place(viewer, style)
    for _ in range(runs - 1):
        run(docked, engine, finished)
    docked.staging.put_back()
    np.testing.assert_array_equal(place(viewer, style), there)
    run(docked, engine, finished)
    np.testing.assert_array_equal(place(viewer, style), there)


def test_a_style_is_put_back_while_it_is_compared(docked, dropped, viewer, engine, finished):
    content, style = dropped
    before = place(viewer, style)
    run(docked, engine, finished)
    docked.compare_panel.enter([content, style])
    docked.staging.put_back()
    assert not docked.compare_panel.comparison.active
    np.testing.assert_array_equal(place(viewer, style), before)


def test_a_style_hidden_for_one_run_and_content_of_another_counts_once(docked, dropped):
    content, style = dropped
    content.scale = style.scale = (0.65, 0.65)
    for _ in range(2):
        docked.staging.prepare(content, [style])
        docked.staging.prepare(style, [content])
        docked.staging.prepare(content, [style])
    assert "waves" in docked.staging.text
    assert not style.visible
