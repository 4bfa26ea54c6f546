"""Comparing and coming back, in napari's model of a viewer: no canvas is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_nst.errors import ImageError
from napari_nst.plugin.compare import MOST, Comparison, layers_to_compare
from napari_nst.record import METADATA_KEY


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    for name in ("content", "style", "one", "two"):
        viewer.add_image(np.zeros((8, 10, 3), np.uint8), name=name, rgb=True)
    for name in ("one", "two"):
        viewer.layers[name].metadata[METADATA_KEY] = {}
    viewer.layers["two"].visible = False
    viewer.scene.camera.zoom, viewer.scene.camera.center = 3.5, (0, 1, 2)
    viewer.layers.selection.clear()
    return viewer


@pytest.fixture
def comparison(viewer):
    return Comparison(viewer)


def state(viewer):
    grid, camera = viewer.canvas.grid, viewer.scene.camera
    layers = {
        each.name: (each.visible, each.name_overlay.visible, each.name_overlay.font_size)
        for each in viewer.layers
    }
    setting = (grid.enabled, grid.shape, grid.stride, grid.spacing)
    return (*setting, tuple(camera.center), camera.zoom, camera.angles, layers)


def visible(viewer):
    return [layer.name for layer in viewer.layers if layer.visible]


def results(viewer):
    return [viewer.layers[name] for name in ("content", "one", "two")]


def test_comparing_puts_the_chosen_in_the_grid_with_their_names(viewer, comparison):
    comparison.enter(results(viewer))
    assert comparison.active
    assert viewer.canvas.grid.enabled
    assert visible(viewer) == ["content", "one", "two"]
    named = [layer.name for layer in viewer.layers if layer.name_overlay.visible]
    assert named == visible(viewer)
    assert viewer.canvas.grid.position(0, viewer.layers) == (0, 0)


def test_leaving_restores_everything(viewer, comparison):
    viewer.canvas.grid.stride = -2
    viewer.layers["style"].name_overlay.visible = True
    before = state(viewer)
    comparison.enter(results(viewer))
    assert state(viewer) != before
    comparison.blink()
    comparison.leave()
    assert state(viewer) == before
    comparison.leave()
    assert not comparison.active


def test_entering_twice_still_restores_the_first_state(viewer, comparison):
    before = state(viewer)
    comparison.enter(results(viewer))
    comparison.enter(results(viewer)[:2])
    comparison.leave()
    assert state(viewer) == before


def test_layers_may_go_and_come_meanwhile(viewer, comparison):
    comparison.enter(results(viewer))
    viewer.layers.remove("one")
    assert comparison.active
    viewer.add_image(np.zeros((8, 10)), name="new")
    comparison.leave()
    assert visible(viewer) == ["content", "style", "new"]
    assert not viewer.canvas.grid.enabled


def test_it_leaves_by_itself_when_one_picture_remains(viewer, comparison):
    comparison.enter(results(viewer)[1:])
    viewer.layers.remove("one")
    assert not comparison.active
    assert visible(viewer) == ["content", "style"]


def test_blinking_alternates_between_the_last_two_results(viewer, comparison):
    comparison.enter(results(viewer))
    comparison.blink()
    assert not viewer.canvas.grid.enabled
    assert visible(viewer) == ["one"]
    comparison.blink()
    assert visible(viewer) == ["two"]
    comparison.blink()
    assert visible(viewer) == ["one"]
    comparison.tile()
    assert viewer.canvas.grid.enabled
    assert visible(viewer) == ["content", "one", "two"]


def test_blinking_takes_the_two_that_are_selected(viewer, comparison):
    comparison.enter(results(viewer))
    viewer.layers.selection = {viewer.layers["content"], viewer.layers["two"]}
    comparison.blink()
    assert visible(viewer) == ["content"]
    comparison.blink()
    assert visible(viewer) == ["two"]


def test_blinking_keeps_the_camera(viewer, comparison):
    comparison.enter(results(viewer))
    comparison.blink()
    viewer.scene.camera.zoom = 42
    comparison.blink()
    assert viewer.scene.camera.zoom == 42


def test_a_blink_ends_with_its_layer(viewer, comparison):
    comparison.enter(results(viewer))
    comparison.blink()
    viewer.layers.remove("one")
    assert comparison.shown is None
    assert visible(viewer) == ["content", "two"]


def test_blinking_outside_a_comparison_does_nothing(viewer, comparison):
    before = state(viewer)
    comparison.blink()
    comparison.tile()
    assert state(viewer) == before


def test_switching_the_grid_off_by_hand_leaves(viewer, comparison):
    before = state(viewer)
    comparison.enter(results(viewer))
    viewer.canvas.grid.enabled = False
    assert not comparison.active
    assert state(viewer) == before


def test_one_picture_is_refused_with_a_remedy(viewer, comparison):
    before = state(viewer)
    with pytest.raises(ImageError, match="there is one"):
        comparison.enter([viewer.layers["one"]])
    assert state(viewer) == before


def test_each_change_is_told_once(viewer, comparison):
    told = []
    comparison.changed.connect(lambda: told.append((comparison.active, comparison.shown)))
    comparison.enter(results(viewer))
    comparison.blink()
    comparison.leave()
    assert told == [(True, None), (True, viewer.layers["one"]), (False, None)]


def test_selected_pictures_are_compared_else_content_and_results(viewer):
    content = viewer.layers["content"]
    assert layers_to_compare(viewer, content) == results(viewer)
    viewer.layers.selection = {viewer.layers["style"], viewer.layers["two"]}
    assert layers_to_compare(viewer, content) == [viewer.layers["style"], viewer.layers["two"]]


def test_histories_and_more_than_a_gridful_are_left_out(viewer):
    stack = np.zeros((3, 8, 10, 3), np.uint8)
    viewer.add_image(stack, name="history", rgb=True, metadata={METADATA_KEY: {}})
    for _ in range(12):
        viewer.add_image(stack[0], rgb=True, metadata={METADATA_KEY: {}})
    viewer.layers.selection.clear()
    chosen = layers_to_compare(viewer, viewer.layers["content"])
    assert len(chosen) == MOST
    assert viewer.layers["history"] not in chosen
