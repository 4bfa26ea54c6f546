"""The commands as napari runs them: by their ids, with the viewer handed in."""

import pytest
from napari._app_model import get_app_model

from napari_nst.plugin import commands, readers, writers
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import METADATA_KEY, RunRecord, SteeringEvent

pytestmark = pytest.mark.gui


@pytest.fixture
def execute(viewer):
    """Run a command of ours in the test's viewer."""

    def run(name):
        get_app_model().commands.execute_command(f"napari-nst.{name}").result()

    return run


@pytest.fixture
def told(monkeypatch):
    messages = []
    monkeypatch.setattr(commands, "show_info", messages.append)
    return messages


def test_two_selected_pictures_are_stylised(docked, viewer, pictures, engine, finished, execute):
    engine(3)
    content, style = pictures
    docked.form.pickers.content.value, docked.form.pickers.style.value = style, content
    viewer.layers.selection = {style, content}
    execute("stylise_selected")
    finished(docked)
    assert docked.current.name == "harbour × waves · default · untrained"
    assert commands.open_dock(viewer) is docked, "the open dock was used"


def test_any_other_selection_says_what_to_select(docked, viewer, pictures, told, execute):
    viewer.layers.selection = {pictures[0]}
    execute("stylise_selected")
    assert docked.current is None
    assert told[0].startswith("Select two image layers")


def test_comparing_goes_in_and_out(docked, viewer, pictures, execute):
    viewer.layers.selection = set(pictures)
    execute("compare")
    assert viewer.canvas.grid.enabled
    execute("compare")
    assert not viewer.canvas.grid.enabled


def test_a_style_moved_for_a_run_comes_back(docked, viewer, pictures, engine, finished, execute):
    engine(2)
    docked.panel.run.click()
    finished(docked)
    style = pictures[1]
    assert tuple(style.translate) != (0, 0)
    execute("put_styles_back")
    assert tuple(style.translate) == (0, 0)


def test_the_settings_of_a_result_come_back_as_steered(docked, viewer, pictures, execute):
    config = StyleConfig.preset("crowsonkb", steps=11)
    events = (SteeringEvent(3, "style_strength", 2.0),)
    record = RunRecord(config, {}, {}, "untrained", events, 11, "finished")
    pictures[0].metadata[METADATA_KEY] = record.to_dict()
    viewer.layers.selection = {pictures[0]}
    execute("reuse_settings")
    shown = docked.form.config()
    assert (shown.name, shown.steps, shown.style_strength) == ("crowsonkb", 11, 2.0)
    assert docked.form.weights_choice() == "untrained"


def test_a_layer_without_settings_is_told(docked, viewer, pictures, told, execute):
    viewer.layers.selection = {pictures[1]}
    execute("reuse_settings")
    assert told[0].startswith("Select a result")


def test_stylising_is_offered_only_for_two_pictures(viewer, pictures):
    action = get_app_model().registered_actions["napari-nst.stylise_selected"]
    assert str(action.enablement) == "num_selected_image_layers == 2"


@pytest.fixture
def palette(viewer):
    """Napari's command palette as a person has it: palette(words) gives ids, the first on top."""

    def hits(words):
        window = viewer.__wrapped__.window._qt_window
        palette = window._command_palette
        palette.update_context(window)
        return [command.id for command in palette._list.iter_top_hits(words)]

    return hits


@pytest.mark.parametrize("selected", [0, 2])
def test_the_palette_has_the_dock_first(viewer, pictures, palette, selected):
    viewer.layers.selection = set(pictures[:selected])
    for words in ("style", "neural", "neural style", "style transfer", "nst"):
        assert palette(words)[0] == "napari-nst.open", words


def test_the_palettes_command_opens_the_one_dock(viewer, execute):
    execute("open")
    execute("open")
    docks = [each for each in viewer.window.dock_widgets.values() if hasattr(each, "session")]
    assert docks == [commands.open_dock(viewer)]
    docks[0].parentWidget().hide()
    execute("open")
    assert not docks[0].parentWidget().isHidden(), "it opens, and never hides"


NAPARIS_OWN = ["write_png", "write_tiff", "write_jpeg", "read_run"]


def test_what_napari_calls_stands_behind_all_that_people_can_do(palette):
    hits = palette("style")
    offered = ("open", "dock", "style-mosaic")
    last = max(hits.index(f"napari-nst.{name}") for name in offered)
    for name in NAPARIS_OWN:
        assert hits.index(f"napari-nst.{name}") > last, name
        action = get_app_model().registered_actions[f"napari-nst.{name}"]
        assert not action.enablement.eval({}), f"Enter does nothing: {name}"


def test_what_napari_calls_says_so_when_a_person_does(viewer, execute, monkeypatch):
    messages = []
    for module in (readers, writers):
        monkeypatch.setattr(module, "show_info", messages.append)
    for name in NAPARIS_OWN:
        execute(name)
        assert messages.pop(0).startswith("napari calls this command"), name
