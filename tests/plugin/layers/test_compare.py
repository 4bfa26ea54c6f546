"""Comparing and coming back, in napari's model of a viewer: no canvas is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_nst.errors import ImageError
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.compare import MOST, Comparison, layers_to_blink, layers_to_compare
from napari_nst.plugin.layers.extents import rectangle_of, seen
from napari_nst.runs.sweep import pairs
from napari_nst.settings.record import METADATA_KEY
from tests.plugin.layers.geometry import is_whole_in


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
    comparison.blink(results(viewer)[:2])
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


def test_blinking_alternates_and_goes_back_to_the_grid_it_came_from(viewer, comparison):
    comparison.enter(results(viewer))
    comparison.blink(results(viewer)[1:])
    assert not viewer.canvas.grid.enabled
    seen = [visible(viewer)]
    for _ in range(3):
        comparison.flip()
        seen.append(visible(viewer))
    assert seen == [["two"], ["one"], ["two"], ["one"]]
    comparison.stop()
    assert viewer.canvas.grid.enabled
    assert visible(viewer) == ["content", "one", "two"]


def test_blinking_without_a_grid_goes_back_to_what_was_there(viewer, comparison):
    before = state(viewer)
    comparison.blink(results(viewer)[:2])
    comparison.flip()
    assert comparison.active
    comparison.stop()
    assert not comparison.active
    assert state(viewer) == before


def test_the_content_and_the_newest_result_blink_or_the_two_selected(viewer):
    content = viewer.layers["content"]
    assert layers_to_blink(viewer, content) == [content, viewer.layers["two"]]
    assert layers_to_blink(viewer, None) == results(viewer)[1:]
    viewer.layers.selection = {viewer.layers["style"], viewer.layers["one"]}
    assert layers_to_blink(viewer, content) == [viewer.layers["style"], viewer.layers["one"]]
    viewer.layers.selection = set(viewer.layers)
    assert layers_to_blink(viewer, content) == [content, viewer.layers["two"]]


def test_blinking_keeps_the_camera(viewer, comparison):
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 4, 5), 60
    comparison.blink(results(viewer)[1:])
    assert viewer.scene.camera.zoom == 60, "of a detail that the user looks at"
    viewer.scene.camera.zoom = 42
    comparison.flip()
    assert viewer.scene.camera.zoom == 42


def test_a_blink_ends_with_its_layer(viewer, comparison):
    comparison.enter(results(viewer))
    comparison.blink(results(viewer)[1:])
    viewer.layers.remove("one")
    assert comparison.shown is None
    assert visible(viewer) == ["content", "two"]


def test_a_layer_that_comes_does_not_cover_what_blinks(viewer, comparison):
    comparison.blink(results(viewer)[1:])
    viewer.add_image(np.zeros((8, 10)), name="new")
    assert visible(viewer) == ["two"]
    comparison.stop()
    assert viewer.layers["new"].visible


def test_outside_a_blink_flipping_and_stopping_do_nothing(viewer, comparison):
    before = state(viewer)
    comparison.flip()
    comparison.stop()
    assert state(viewer) == before


SIZES = [(8, 10), (80, 30), (3, 200)]


@pytest.mark.parametrize("blinks", [False, True])
def test_each_cell_shows_its_picture_whole_whatever_its_size_and_place(viewer, comparison, blinks):
    viewer.canvas.size = (600, 800)
    large = viewer.add_image(np.zeros((5000, 4000)), name="hidden and large")
    odd = [
        viewer.add_image(np.zeros(size), name=f"{size}", translate=(900 * at, -400), scale=(1, 2))
        for at, size in enumerate(SIZES, start=1)
    ]
    chosen = [viewer.layers["content"], *odd]
    places = [rectangle_of(layer, viewer.dims) for layer in viewer.layers]
    if blinks:
        chosen = chosen[:2]
        comparison.blink(chosen)
    else:
        comparison.enter(chosen)
    view = seen(viewer)
    for layer in chosen:
        picture = rectangle_of(layer, viewer.dims)
        assert is_whole_in(view, picture)
        filled = (picture[1] - picture[0]) / (view[1] - view[0])
        assert filled.max() > (0.6 if layer in chosen[:1] else 0.3), f"{layer.name} is not tiny"
    assert large not in chosen
    comparison.leave()
    for layer, place in zip(viewer.layers, places, strict=True):
        np.testing.assert_array_equal(rectangle_of(layer, viewer.dims), place)


def test_names_are_as_large_as_the_cells_have_room_for(viewer, comparison):
    viewer.layers["two"].name = "harbour × waves · style strength 8 · seed 11"
    wide = [viewer.layers["content"], viewer.layers["one"], viewer.layers[-1]]
    viewer.canvas.size = (600, 1600)
    comparison.enter(wide)
    large = {layer.name_overlay.font_size for layer in wide}
    viewer.canvas.size = (600, 600)
    small = {layer.name_overlay.font_size for layer in wide}
    assert len(large) == len(small) == 1
    assert min(small) < min(large)
    assert not any("\n" in layer.name for layer in wide)


def test_a_name_that_a_cell_has_no_room_for_goes_over_lines_and_comes_back(viewer, comparison):
    names = [f"harbour × waves · style strength {value}" for value in range(4)]
    for layer, name in zip(viewer.layers, names, strict=True):
        layer.name = name
    viewer.canvas.size = (600, 340)
    comparison.enter(viewer.layers[:], columns=2)
    lines = [layer.name.split("\n") for layer in viewer.layers]
    assert lines == [["harbour × waves", f"style strength {value}"] for value in range(4)]
    viewer.canvas.size = (600, 1600)
    assert [layer.name for layer in viewer.layers] == names
    viewer.canvas.size = (600, 170)
    assert [layer.name[-2:] for layer in viewer.layers] == [" 0", " 1", " 2", " 3"]
    assert [full_name(layer) for layer in viewer.layers] == names
    viewer.layers[1].name = "my own"
    gone = viewer.layers.pop(3)
    assert gone.name == names[3]
    comparison.leave()
    assert [layer.name for layer in viewer.layers] == [names[0], "my own", names[2]]


def test_only_what_blinks_has_a_caption(viewer, comparison):
    for layer in viewer.layers:
        layer.name = f"harbour × waves · style strength {layer.name} · seed 1"
    names = [layer.name for layer in viewer.layers]
    viewer.canvas.size = (600, 200)
    comparison.enter(viewer.layers[:], columns=1)
    comparison.blink(viewer.layers[2:])
    assert [layer.name == name for layer, name in zip(viewer.layers, names, strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    comparison.leave()
    assert [layer.name for layer in viewer.layers] == names


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
    comparison.blink(results(viewer)[1:])
    comparison.flip()
    comparison.leave()
    assert told == [(True, None), (True, viewer.layers["two"]), (False, None)]


def test_selected_pictures_are_compared_else_content_and_results(viewer):
    content = viewer.layers["content"]
    assert layers_to_compare(viewer, content) == (results(viewer), 0)
    viewer.layers.selection = {viewer.layers["style"], viewer.layers["two"]}
    selected = [viewer.layers["style"], viewer.layers["two"]]
    assert layers_to_compare(viewer, content) == (selected, 0)


def test_histories_and_more_than_a_gridful_are_left_out(viewer):
    stack = np.zeros((3, 8, 10, 3), np.uint8)
    viewer.add_image(stack, name="history", rgb=True, metadata={METADATA_KEY: {}})
    for _ in range(12):
        viewer.add_image(stack[0], rgb=True, metadata={METADATA_KEY: {}})
    viewer.layers.selection.clear()
    chosen, older = layers_to_compare(viewer, viewer.layers["content"])
    assert older == 6
    assert len(chosen) == MOST
    assert viewer.layers["history"] not in chosen


def test_three_pairs_of_a_sweep_fit_side_by_side_in_a_small_window(viewer, comparison):
    viewer.canvas.size = (751, 490)  # in a window of 1280x800 px with the dock
    for layer, style in zip(
        viewer.layers[1:], ("starry-night", "mosaic-of-tiles", "ink"), strict=True
    ):
        (pair,) = pairs({"content-chelsea": 1}, {f"style-{style}": 2})
        layer.name = pair.name
    comparison.enter(viewer.layers[1:], columns=3)
    assert not any("\n" in layer.name for layer in viewer.layers[1:])


@pytest.mark.parametrize("how", ["enter", "blink"])
def test_a_layer_that_goes_meanwhile_looks_as_before_and_does_when_it_comes_again(
    viewer, comparison, how
):
    viewer.layers["content"].scale = (2, 2)
    viewer.layers["content"].visible = False
    layers = [viewer.layers[name] for name in ("content", "one", "two")]
    before = [(each.visible, each.name_overlay.visible, each.extent.world[1, 1]) for each in layers]
    for layer in layers:
        getattr(comparison, how)(layers)
        viewer.layers.remove(layer)
        viewer.layers.append(layer)
        comparison.leave()
    after = [(each.visible, each.name_overlay.visible, each.extent.world[1, 1]) for each in layers]
    assert after == before
