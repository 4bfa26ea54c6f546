"""What surrounds the runs, in a real napari and with the engine replaced by a fake."""

import numpy as np
import pytest

from napari_nst.plugin.common.keys import KEYS, key_text
from napari_nst.plugin.common.preferences import LastUsed
from napari_nst.plugin.dock.close_guard import CloseChoice
from napari_nst.plugin.dock.docking import main_window_of
from napari_nst.settings.config import StyleConfig

pytestmark = pytest.mark.gui

DOCK = ("napari-nst", "Neural Style Transfer")


def black():
    return np.zeros((16, 20, 3), np.uint8)


def run_once(docked, engine, finished, steps):
    engine(steps)
    docked.panel.run.click()
    finished(docked)


def test_the_settings_last_used_come_back_in_another_viewer(
    make_napari_viewer_proxy, pictures, docked, engine, finished
):
    docked.form.basic["steps"].value = 19
    run_once(docked, engine, finished, 2)
    assert LastUsed.read().config.steps == 19
    _, again = make_napari_viewer_proxy().window.add_plugin_dock_widget(*DOCK)
    assert again is not docked
    assert again.form.config().steps == 19
    assert again.form.weights_choice() == "untrained"


def test_without_last_settings_the_preferred_ones_are_there(settings, viewer):
    settings.runs.restore_last = False
    settings.runs.preset = "crowsonkb"
    settings.runs.size = 300
    LastUsed(StyleConfig(size=99), "auto").write()
    _, widget = viewer.window.add_plugin_dock_widget(*DOCK)
    assert widget.form.config() == StyleConfig.preset("crowsonkb", size=300)


def test_changed_preferences_act_at_once(settings, docked):
    settings.history.budget_mb = 32
    settings.history.every_steps = 0
    settings.files.ask_before_download = False
    settings.runs.device = "cpu"
    settings.runs.preview_interval_s = 2.5
    assert docked.session.snapshot_bytes == 32 * 2**20
    assert docked.snapshots_form.memory.value() == 32
    assert docked.session.snapshot_every is None
    assert not docked.weights_panel.asks
    assert docked.session.device == "cpu"
    assert docked.session.interval_s == 2.5


def test_results_are_saved_where_the_user_wants(
    settings, docked, pictures, engine, finished, tmp_path, qtbot
):
    settings.files.autosave_folder = str(tmp_path)
    run_once(docked, engine, finished, 3)
    qtbot.waitUntil(lambda: docked.autosave.unsaved() == [], timeout=10_000)
    qtbot.waitUntil(lambda: "Saved" in str(docked._viewer.status), timeout=10_000)
    assert [path.name for path in tmp_path.iterdir()] == [
        "harbour × waves · default · untrained.png"
    ]


def test_a_preview_is_neither_saved_nor_missed(docked, pictures, engine, finished):
    engine(8)
    docked.panel.preview.click()
    finished(docked)
    assert docked.current.result is not None
    assert docked.autosave.unsaved() == []
    run_once(docked, engine, finished, 9)
    assert docked.autosave.unsaved() == [docked.current]


def test_other_runs_are_offered_to_the_plot(docked, pictures, engine, finished):
    run_once(docked, engine, finished, 4)
    first = docked.current
    run_once(docked, engine, finished, 5)
    assert [curve.points for curve in docked.panel.plot._others()] == [first.points]


def test_runs_are_compared_with_their_content_from_the_list(
    docked, pictures, viewer, engine, finished
):
    run_once(docked, engine, finished, 6)
    (entry,) = [each for each in docked.runs_list._actions if each.title == "Compare"]
    assert entry.when(docked.session.runs)
    entry.act(docked.session.runs)
    shown = [layer.name for layer in viewer.layers if layer.visible]
    assert shown == ["harbour", "harbour × waves · default · untrained"]


def test_steering_is_marked_on_the_curve(docked, pictures, engine, qtbot):
    engine(100_000, wait_s=0.005)
    docked.panel.run.click()
    qtbot.waitUntil(lambda: bool(docked.current.points))
    docked.steering.steered.emit("style strength 2")
    assert [mark.text for mark in docked.panel.plot._marks] == ["style strength 2"]


def test_tooltips_name_the_keys(docked):
    tip = docked.panel.run.toolTip()
    assert tip.endswith(f". {key_text('run')}</p>")
    assert tip.count("<p>") == 1


def test_a_comparison_ends_with_the_dock(docked, pictures, viewer, qtbot):
    viewer.layers.selection = set(pictures)
    docked.compare_panel.compare.click()
    assert viewer.canvas.grid.enabled
    viewer.window.remove_dock_widget(docked.parent())
    qtbot.waitUntil(lambda: not viewer.canvas.grid.enabled)


@pytest.fixture
def shown(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy(show=True)
    dock, widget = viewer.window.add_plugin_dock_widget(*DOCK)
    qtbot.waitUntil(widget.isVisible)
    return viewer, dock, widget


def test_keys_are_bound_only_while_the_dock_is_open(shown, qtbot):
    viewer, dock, _ = shown
    assert len(viewer.keymap) == len(KEYS)
    dock.hide()
    assert not viewer.keymap
    dock.show()
    assert len(viewer.keymap) == len(KEYS)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: not viewer.keymap)


def test_a_person_is_asked_before_closing_over_an_unsaved_result(shown, engine, finished):
    viewer, _, widget = shown
    asked = []
    for name in ("harbour", "waves"):
        viewer.add_image(black(), name=name, rgb=True)
    widget.form.set_weights("untrained")
    run_once(widget, engine, finished, 7)
    widget.guard.ask = lambda *_: asked.append(1) or CloseChoice.CANCEL
    window = main_window_of(widget)
    assert not window.close()
    assert window.isVisible()
    assert asked == [1]
    viewer.close()
    assert asked == [1], "a script is not asked"


def test_closing_the_viewer_while_comparing_is_quiet(shown):
    viewer, _, widget = shown
    layers = {viewer.add_image(black(), name=name, rgb=True) for name in ("one", "two")}
    viewer.layers.selection = layers
    widget.compare_panel.toggle_blink()
    viewer.close()


def test_napari_may_be_closed_while_comparing(docked, pictures, viewer):
    viewer.layers.selection = set(viewer.layers)
    docked.compare_panel.compare.click()
    assert docked.compare_panel.comparison.active
    viewer.close()
