"""Before and after in a real napari: hold, let go, fade; and everything comes back."""

import itertools

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_nst.plugin.layers.visible_picture import PAINTED

pytestmark = pytest.mark.gui

MODIFIERS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


@pytest.fixture
def scene(docked, viewer):
    """A content, a style over it, an older and a newer result."""
    rng = np.random.default_rng(0)
    layers = [
        viewer.add_image(
            rng.integers(0, 256, (30, 40, 3), np.uint8), name=name, metadata=metadata, rgb=True
        )
        for name, metadata in (
            ("content", {}),
            ("style", {}),
            ("older", {PAINTED: True}),
            ("newer", {PAINTED: True}),
        )
    ]
    layers[-1].opacity = 0.9
    return layers


def look(viewer):
    return [(layer.name, layer.visible, layer.opacity) for layer in viewer.layers]


def on_top(viewer):
    """Names of what is seen: visible, with an opacity."""
    return [layer.name for layer in viewer.layers if layer.visible and layer.opacity > 0]


def test_the_content_is_seen_while_the_button_is_held(docked, viewer, scene, qtbot):
    before, panel = look(viewer), docked.compare_panel
    panel.before.pressed.emit()
    assert on_top(viewer) == ["content"]
    panel.before.released.emit()
    assert look(viewer) == before


def test_the_slider_fades_the_result_over_its_content_and_gives_all_back(docked, viewer, scene):
    before, fade = look(viewer), docked.compare_panel.fade
    for value in (70, 20, 0, 50):
        fade.setValue(value)
        assert viewer.layers["newer"].opacity == pytest.approx(0.9 * value / 100)
        assert set(on_top(viewer)) <= {"content", "newer"}
        assert viewer.layers["content"].visible
    fade.setValue(100)
    assert look(viewer) == before


def test_a_hidden_content_is_shown_and_hidden_again(docked, viewer, scene):
    scene[0].visible = False
    before, panel = look(viewer), docked.compare_panel
    panel.hold()
    assert on_top(viewer) == ["content"]
    panel.release()
    assert look(viewer) == before


def test_the_active_result_is_faded_else_the_newest(docked, viewer, scene):
    before, fade = look(viewer), docked.compare_panel.fade
    viewer.layers.selection.active = scene[2]
    fade.setValue(40)
    assert viewer.layers["older"].opacity == pytest.approx(0.4)
    assert not viewer.layers["newer"].visible
    viewer.layers.selection.active = scene[3]
    assert fade.value() == 100, "another result: all is back"
    assert look(viewer) == before


@pytest.mark.parametrize("happens", ["comes", "goes", "compares", "closes"])
def test_whatever_happens_meanwhile_all_comes_back(docked, viewer, scene, happens, qtbot):
    before, panel = look(viewer), docked.compare_panel
    panel.fade.setValue(10)
    if happens == "comes":
        viewer.add_image(np.zeros((5, 5)), name="another")
    elif happens == "goes":
        viewer.layers.remove("style")
        before = [each for each in before if each[0] != "style"]
    elif happens == "compares":
        panel.compare.click()
        panel.compare.click()
    else:
        viewer.window.remove_dock_widget(docked.parent())
        qtbot.waitUntil(lambda: not panel.reveal.active)
    assert [each for each in look(viewer) if each[0] != "another"] == before
    assert happens == "closes" or panel.fade.value() == 100


def test_in_a_grid_the_two_lie_over_each_other_meanwhile(docked, viewer, scene):
    viewer.canvas.grid.enabled = True
    zoom = viewer.scene.camera.zoom
    docked.compare_panel.hold()
    assert not viewer.canvas.grid.enabled
    docked.compare_panel.release()
    assert viewer.canvas.grid.enabled
    assert viewer.scene.camera.zoom == zoom


def test_there_is_nothing_to_fade_without_a_result(docked, viewer, pictures):
    panel = docked.compare_panel
    assert not panel.before.isEnabled()
    assert not panel.fade.isEnabled()


def test_a_key_shows_the_content_as_long_as_it_is_held(make_napari_viewer_proxy, qtbot, settled):
    viewer = make_napari_viewer_proxy(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    viewer.add_image(np.zeros((30, 40, 3), np.uint8), name="content", rgb=True)
    result = np.ones((30, 40, 3), np.uint8)
    viewer.add_image(result, name="result", metadata={PAINTED: True}, rgb=True)
    before = look(viewer)
    field = dock.form.basic["size"].native
    qtbot.waitUntil(dock.isVisible)
    dock.window().activateWindow()
    field.setFocus()
    settled(dock)
    assert field.hasFocus()
    QTest.keyPress(field, Qt.Key.Key_C, MODIFIERS)
    assert on_top(viewer) == ["content"]
    settled(dock)
    assert on_top(viewer) == ["content"]
    QTest.keyRelease(field, Qt.Key.Key_C, MODIFIERS)
    assert look(viewer) == before


def test_a_layer_that_is_removed_meanwhile_and_added_again_looks_as_before(docked, viewer, scene):
    before, panel = look(viewer), docked.compare_panel
    for which, layer in enumerate(scene):
        panel.fade.setValue(10)
        viewer.layers.remove(layer.name)
        viewer.layers.insert(which, layer)
        assert look(viewer) == before, layer.name


def test_the_view_comes_back_unless_somebody_has_moved_it(docked, viewer, scene):
    camera, panel = viewer.scene.camera, docked.compare_panel
    for fades, by_hand in itertools.product((False, True), repeat=2):
        camera.center, camera.zoom = (0, 9000, 9000), 5
        if fades:
            panel.fade.setValue(40)
        else:
            panel.hold()
        assert camera.center[1] < 100, "the result is brought into view"
        if by_hand:
            camera.center, camera.zoom = (0, 12, 13), 60
        expected = (60, (0, 12, 13)) if by_hand else (5, (0, 9000, 9000))
        if fades:
            panel.fade.setValue(100)
        else:
            panel.release()
        assert (camera.zoom, tuple(camera.center)) == expected, (fades, by_hand)


def test_without_its_content_a_result_stays_and_a_sentence_says_why(docked, viewer):
    picture = np.zeros((30, 40, 3), np.uint8)
    content = viewer.add_image(picture, name="content", rgb=True)
    viewer.add_image(picture, name="style", translate=(0, 60), rgb=True)
    viewer.add_image(picture + 9, name="result", metadata={PAINTED: True}, rgb=True)
    panel = docked.compare_panel
    assert panel.before.isEnabled()
    viewer.layers.remove(content)
    before = look(viewer)
    assert not panel.before.isEnabled()
    assert not panel.fade.isEnabled()
    assert "no content is beneath the result" in panel.text.text()
    docked._hold()  # as the key does
    assert look(viewer) == before
    assert "no content is beneath the result" in viewer.status
    panel.release()
    panel.fade.setValue(30)
    assert look(viewer) == before
    assert panel.fade.value() == 100
    viewer.layers.insert(0, content)
    assert panel.before.isEnabled()
    assert "no content" not in panel.text.text()


def test_several_layers_are_a_content_together_while_they_are_visible(docked, viewer):
    for left in (0, 20):
        viewer.add_image(np.ones((30, 20)), name=f"half {left}", translate=(0, left))
    result = np.zeros((30, 40, 3))
    viewer.add_image(result, name="result", metadata={PAINTED: True}, rgb=True)
    panel = docked.compare_panel
    panel.hold()
    assert on_top(viewer) == ["half 0", "half 20"]
    panel.release()
    viewer.layers["half 0"].visible = False
    assert not panel.before.isEnabled()
