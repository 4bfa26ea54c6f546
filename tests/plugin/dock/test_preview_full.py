"""From a preview to the same run at full size, in a real napari with fake engines."""

import numpy as np
import pytest

from napari_nst.errors import ConfigError
from napari_nst.files.user_presets import save_preset
from napari_nst.plugin.runs.plan import plan_full
from napari_nst.runs.progress import RunState
from napari_nst.settings.config import StyleConfig

pytestmark = pytest.mark.gui


def preview(docked, engine, finished, **settings):
    """Ask for a preview of the form's settings, and wait for it."""
    engine(4)
    for name, value in settings.items():
        docked.form.basic[name].value = value
    docked.panel.preview.click()
    finished(docked)
    return docked.current


def act(docked, title):
    (entry,) = [each for each in docked.runs_list.menu().actions() if each.text() == title]
    entry.trigger()
    return entry.isEnabled()


def test_one_press_runs_what_the_preview_showed_at_the_size_that_was_asked_for(
    docked, pictures, engine, finished
):
    small = preview(docked, engine, finished, size=600, steps=90, seed=7, style_strength=3.0)
    assert docked.panel.full.isVisibleTo(docked.panel)
    assert "600 px, 90 steps" in docked.panel.full.toolTip()
    docked.form.apply(StyleConfig.preset("seed", size=100, seed=1))
    docked.form.pickers.content.value, docked.form.pickers.style.value = reversed(pictures)
    docked.form.set_weights("builtin")
    docked.panel.full.click()
    finished(docked)
    full, asked = docked.current, small.plan.request
    request = full.plan.request
    assert full is not small
    assert request.config == asked.config.replace(size=600, steps=90)
    assert (request.config.seed, request.config.style_strength) == (7, 3.0)
    np.testing.assert_array_equal(request.content, asked.content)
    np.testing.assert_array_equal(request.styles[0], asked.styles[0])
    assert request.weights == "untrained"
    assert "preview" not in full.name
    assert not docked.panel.full.isVisibleTo(docked.panel), "it is no preview itself"


def test_what_was_steered_or_recoloured_in_the_preview_is_kept(
    docked, pictures, engine, qtbot, finished
):
    engine(100_000, wait_s=0.005)
    docked.panel.preview.click()
    small = docked.current
    assert docked.panel.full.isVisibleTo(docked.panel), "during the preview too"
    qtbot.waitUntil(lambda: bool(small.points))
    docked.panel.steer.setChecked(True)
    docked.form.basic["style_strength"].native.setValue(4.0)
    docked.steering.flush()
    docked.panel.full.click()
    waiting = docked.session.runs[-1]
    assert waiting.state is RunState.WAITING
    assert waiting.plan.request.config.style_strength == 4.0
    assert waiting.plan.request.config.size == 512


def test_only_previews_offer_it_in_the_list(docked, pictures, engine, finished):
    small = preview(docked, engine, finished)
    assert act(docked, "The same, at full size")
    finished(docked)
    full = docked.session.runs[-1]
    assert (small.plan.full is None, full.plan.full) == (False, None)
    docked.runs_list.select(full)
    assert not act(docked, "The same, at full size")
    with pytest.raises(ConfigError, match="no preview"):
        plan_full(full)


def test_deleting_the_preview_takes_the_offer_away(docked, pictures, engine, finished):
    docked.session.delete(preview(docked, engine, finished))
    assert not docked.panel.full.isVisibleTo(docked.panel)


def test_a_run_is_a_preview_by_how_it_was_asked_for_and_not_by_its_name(
    docked, pictures, engine, finished, own_presets_folder
):
    save_preset("preview", StyleConfig(size=64))
    docked.form.apply(StyleConfig(size=64), preset="preview")
    engine(3)
    docked.panel.run.click()
    finished(docked)
    named = docked.current
    assert "· preview" in named.name
    assert docked.autosave.unsaved() == [named]
    small = preview(docked, engine, finished)
    docked.actions_of_runs.replay([small])
    finished(docked)
    docked.actions_of_runs.again([small])
    finished(docked)
    assert docked.autosave.unsaved() == [named], "a preview repeated is a preview"
    engine(5)
    docked.actions_of_runs.extend([small], 5)
    finished(docked)
    assert docked.autosave.unsaved() == [named, docked.current], "more steps are not"


@pytest.mark.parametrize("how", ["toggle", "toggle_blink", "hold"])
def test_a_run_started_from_another_ends_what_is_compared(
    docked, pictures, viewer, engine, finished, how
):
    small = preview(docked, engine, finished)
    panel, actions = docked.compare_panel, docked.actions_of_runs
    for action, more in (("full", ()), ("again", ()), ("replay", ()), ("extend", (2,))):
        getattr(panel, how)()
        assert panel.comparison.active or panel.reveal.active, action
        before = len(docked.session.runs)
        getattr(actions, action)([small], *more)
        assert not panel.comparison.active, action
        assert not panel.reveal.active, action
        assert not viewer.canvas.grid.enabled, action
        assert len(docked.session.runs) == before + 1, action
        finished(docked)
