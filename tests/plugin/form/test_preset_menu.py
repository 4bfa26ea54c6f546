"""Presets of the user's own in the real dock, in a real napari."""

from types import SimpleNamespace

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox

from napari_nst.files.user_presets import (
    delete_preset,
    find_preset,
    own_presets,
    save_preset,
)
from napari_nst.plugin.common import preferences
from napari_nst.plugin.common.preferences import LastUsed
from napari_nst.plugin.form import preset_box, preset_menu
from napari_nst.plugin.form.preset_menu import shortened
from napari_nst.plugin.form.settings_form import SettingsForm
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.presets import PRESETS

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("own_presets_folder")]

DOCK = ("napari-nst", "Neural Style Transfer")
BOLD = StyleConfig.preset(
    "crowsonkb", size=300, steps=40, style_strength=4.0, seed=7, tv_weight=0.5, adam_beta1=0.8
)
YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


@pytest.fixture
def form(own_presets_folder, qtbot):
    """A form without its dock, which opens sooner."""
    form = SettingsForm(ViewerModel())
    qtbot.addWidget(form)
    return form


@pytest.fixture
def answers(monkeypatch):
    """Answer the dialogs in turn: answers.names, .agrees, .opens, .saves; told is what was said."""

    given = SimpleNamespace(names=[], agrees=[], opens=[], saves=[], told=[], asked=[])

    def name(_parent, _title, words, text):
        given.asked.append((words, text))
        answer = given.names.pop(0)
        return (text, False) if answer is None else (answer, True)

    monkeypatch.setattr(QInputDialog, "getText", name)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: given.agrees.pop(0))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(given.opens.pop(0)), ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(given.saves.pop(0)), ""))
    for module, word in (
        (preset_box, "show_error"),
        (preset_menu, "show_error"),
        (preset_menu, "show_info"),
    ):
        monkeypatch.setattr(module, word, given.told.append)
    return given


def listed(form):
    form.preset.refresh()
    return [form.preset.itemText(index) for index in range(form.preset.count())]


def act(form, name):
    """Open the menu and choose an entry."""
    form.preset_menu.menu_below.aboutToShow.emit()
    action = getattr(form.preset_menu, name)
    assert action.isEnabled()
    action.trigger()


def choose(form, name):
    form.preset.refresh()
    form.preset.setCurrentText(name)


def test_own_presets_are_listed_below_the_published_ones(form):
    assert listed(form) == list(PRESETS)
    save_preset("bold", BOLD)
    assert listed(form) == [*PRESETS, "", "bold"]
    separator = form.preset.model().index(len(PRESETS), 0)
    assert not separator.flags() & Qt.ItemFlag.ItemIsSelectable


def test_the_list_is_looked_up_when_it_opens(form):
    save_preset("bold", BOLD)
    form.preset.showPopup()
    form.preset.hidePopup()
    assert form.preset.findText("bold") > 0


def test_an_own_preset_sets_everything_it_holds(form):
    save_preset("bold", BOLD)
    choose(form, "bold")
    assert form.config() == BOLD
    assert form.preset.own().name == "bold"
    assert form.unseen.isHidden(), "nothing differs from the preset"


def test_choosing_a_preset_steers_nothing(form, qtbot):
    save_preset("bold", BOLD)
    with qtbot.assertNotEmitted(form.edited):
        choose(form, "bold")


def test_after_an_own_preset_a_published_one_is_as_published(form):
    save_preset("bold", BOLD)
    choose(form, "bold")
    choose(form, "spst")
    kept = {name: getattr(BOLD, name) for name in ("size", "steps", "style_strength", "seed")}
    assert form.config() == StyleConfig.preset("spst", **kept)


def test_the_forms_settings_are_saved_and_shown_as_a_preset(form, answers):
    form.apply(StyleConfig.preset("johnson", seed=3, pyramid="down_to"))
    config = form.config()
    answers.names = [" my oils "]
    act(form, "save")
    assert find_preset("my oils") == config == form.config()
    assert form.preset.currentText() == "my oils"
    assert form.unseen.isHidden(), "what had no control is the preset's now"
    choose(form, "gatys")
    choose(form, "my oils")
    assert form.config() == config


def test_a_taken_name_is_replaced_only_when_agreed(form, answers):
    save_preset("bold", BOLD)
    answers.names, answers.agrees = ["bold", None], [NO]
    act(form, "save")
    assert find_preset("bold") == BOLD
    assert answers.asked[1] == ("Another name:", "bold")
    answers.names, answers.agrees = ["bold"], [YES]
    act(form, "save")
    assert find_preset("bold") == form.config() != BOLD
    assert form.preset.currentText() == "bold"


def test_the_shown_presets_name_is_proposed(form, answers):
    save_preset("bold", BOLD)
    choose(form, "bold")
    answers.names = [None]
    act(form, "save")
    assert answers.asked == [("Name of the preset:", "bold")]


@pytest.mark.parametrize(("name", "word"), [("a/b", "cannot name"), ("Gatys", "published")])
def test_a_name_that_does_not_do_is_asked_for_again_with_the_reason(form, answers, name, word):
    answers.names = [name, "fine"]
    act(form, "save")
    words, text = answers.asked[1]
    assert word in words
    assert max(map(len, words.splitlines())) <= 60
    assert text == name
    assert own_presets() == ["fine"]


def test_settings_that_make_no_config_are_not_saved(form, answers):
    form.advanced["style_layers"].native.setText("relu9_9")
    act(form, "save")
    assert len(answers.told) == 1
    assert own_presets() == []


def test_a_shared_file_is_opened_and_its_settings_stay(form, answers, tmp_path):
    (tmp_path / "theirs.json").write_text(BOLD.to_json())
    answers.opens = [tmp_path / "theirs.json"]
    act(form, "open")
    assert form.config() == BOLD
    assert form.preset.currentText() == "crowsonkb"
    assert "adam beta" in form.unseen.text().lower()
    assert "theirs.json" in answers.told[0]


@pytest.mark.parametrize("text", ["", "{", '{"steps": "many"}', None])
def test_a_file_that_is_no_preset_is_refused_and_changes_nothing(form, answers, tmp_path, text):
    path = tmp_path / "bad.json"
    if text is not None:
        path.write_text(text)
    before = form.config()
    answers.opens = [path]
    act(form, "open")
    assert len(answers.told) == 1
    assert "bad.json" in answers.told[0]
    assert form.config() == before


def test_the_menu_names_what_it_is_about(form):
    save_preset("bold", BOLD)
    menu = form.preset_menu
    assert menu.export.text() == "Export “default”…"
    assert not menu.delete.isEnabled()
    choose(form, "bold")
    menu.click()
    assert menu.menu_below.isVisible()
    menu.menu_below.hide()
    assert (menu.export.text(), menu.delete.text()) == ("Export “bold”…", "Delete “bold”…")
    assert menu.delete.isEnabled()
    assert len(shortened("x" * 64)) == 24


def test_a_preset_is_exported_and_read_as_one(form, answers, tmp_path):
    save_preset("bold", BOLD)
    choose(form, "bold")
    answers.saves = [tmp_path / "shared.json"]
    act(form, "export")
    assert find_preset(str(tmp_path / "shared.json")) == BOLD


def test_a_name_typed_without_its_ending_overwrites_nothing(form, answers, tmp_path):
    answers.saves = [tmp_path / "shared", tmp_path / "shared"]
    act(form, "export")
    assert find_preset(str(tmp_path / "shared.json")) == StyleConfig.preset("default")
    choose(form, "spst")
    act(form, "export")
    assert find_preset(str(tmp_path / "shared.json")) == StyleConfig.preset("default")
    assert "already exists" in answers.told[-1]


def test_dialogs_that_are_left_do_nothing(form, answers):
    before = form.config()
    answers.opens, answers.saves, answers.names = [""], [""], [None]
    for name in ("open", "export", "save"):
        act(form, name)
    assert form.config() == before
    assert not answers.told


def test_a_deleted_preset_leaves_its_settings(form, answers):
    save_preset("bold", BOLD)
    choose(form, "bold")
    answers.agrees = [NO]
    act(form, "delete")
    assert own_presets() == ["bold"]
    answers.agrees = [YES]
    act(form, "delete")
    assert own_presets() == []
    assert form.preset.currentText() == "crowsonkb"
    assert form.config() == BOLD
    assert listed(form) == list(PRESETS)


def test_a_preset_deleted_by_another_process_breaks_nothing(form, answers):
    save_preset("bold", BOLD)
    choose(form, "bold")
    delete_preset("bold")
    assert form.config() == BOLD, "before the dock knows"
    form.preset.showPopup()
    form.preset.hidePopup()
    assert form.preset.currentText() == "crowsonkb"
    assert form.config() == BOLD
    assert not answers.told


def test_a_preset_deleted_while_the_question_stands_is_gone_quietly(form, answers, monkeypatch):
    save_preset("bold", BOLD)
    choose(form, "bold")

    def agree(*_):
        delete_preset("bold")
        return YES

    monkeypatch.setattr(QMessageBox, "question", agree)
    act(form, "delete")
    assert form.preset.currentText() == "crowsonkb"
    assert not answers.told


def test_a_preset_that_went_since_the_list_was_drawn_is_refused_in_words(form, answers):
    save_preset("bold", BOLD)
    form.preset.refresh()
    delete_preset("bold")
    before = form.config()
    form.preset.setCurrentText("bold")
    assert "no preset 'bold'" in answers.told[0]
    assert form.preset.currentText() == "default"
    assert form.config() == before


def test_a_damaged_preset_is_refused_in_words(form, answers, own_presets_folder):
    save_preset("bold", BOLD)
    (own_presets_folder / "bold.json").write_text("{")
    before = form.config()
    choose(form, "bold")
    assert "bold.json" in answers.told[0]
    assert form.preset.currentText() == "default"
    assert form.config() == before


def test_a_preset_changed_by_another_process_is_read_when_chosen_again(form):
    save_preset("bold", BOLD)
    choose(form, "bold")
    form.basic["seed"].value = 99
    index = form.preset.currentIndex()
    form.preset.activated.emit(index)
    assert form.config().seed == 99, "choosing the same again loses no edits"
    save_preset("bold", BOLD.replace(size=333), overwrite=True)
    form.preset.refresh()
    assert form.config() == BOLD.replace(seed=99)
    form.preset.activated.emit(index)
    assert form.config() == BOLD.replace(size=333)


def test_the_wheel_does_not_turn_an_unfocused_preset(form):
    choose(form, "seed")
    event = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(0, -120), QPoint(0, -120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    form.preset.clearFocus()
    QApplication.sendEvent(form.preset, event)
    assert form.preset.currentText() == "seed"


def test_a_run_is_named_by_the_own_preset_and_told_from_it(docked, pictures, engine, finished):
    form = docked.form
    save_preset("bold", BOLD)
    choose(form, "bold")
    form.basic["seed"].value = 8
    engine(2)
    docked.panel.run.click()
    finished(docked)
    run = docked.current
    assert run.name == "harbour × waves · bold · untrained"
    assert run.config.name == "crowsonkb", "which decides how constants are fitted"
    assert docked.runs_list.row(run).settings.text() == "seed 8"
    form.apply(StyleConfig())
    docked.actions_of_runs.reuse([run])
    assert form.preset.currentText() == "bold"
    assert form.config() == run.config
    delete_preset("bold")
    docked.actions_of_runs.reuse([run])
    assert form.preset.currentText() == "crowsonkb"
    assert form.config() == run.config


@pytest.mark.parametrize("deleted", [False, True])
def test_an_own_preset_last_used_comes_back_in_another_viewer(
    docked, make_napari_viewer_proxy, pictures, engine, finished, deleted
):
    save_preset("bold", BOLD)
    choose(docked.form, "bold")
    docked.form.basic["seed"].value = 8
    engine(2)
    docked.panel.run.click()
    finished(docked)
    assert LastUsed.read().preset == "bold"
    if deleted:
        delete_preset("bold")
    _, again = make_napari_viewer_proxy().window.add_plugin_dock_widget(*DOCK)
    assert again.form.config() == BOLD.replace(seed=8)
    assert again.form.preset.currentText() == ("crowsonkb" if deleted else "bold")


@pytest.mark.parametrize("there", [True, False])
def test_the_preferred_own_preset_is_started_with_if_it_is_there(viewer, there):
    settings = preferences.plugin_settings()
    before = settings.runs.model_dump()
    try:
        settings.runs.restore_last = False
        settings.runs.preset, settings.runs.own_preset = "spst", "bold"
        if there:
            save_preset("bold", BOLD)
        _, widget = viewer.window.add_plugin_dock_widget(*DOCK)
        assert widget.form.config() == (BOLD if there else StyleConfig.preset("spst", size=512))
        assert widget.form.preset.currentText() == ("bold" if there else "spst")
    finally:
        for key, value in before.items():
            setattr(settings.runs, key, value)


def test_a_sweep_goes_through_own_presets(docked, pictures, engine, qtbot):
    save_preset("bold", BOLD)
    panel = docked.sweep_panel.settings
    panel.settings[0].setCurrentIndex(panel.settings[0].findData("name"))
    panel.values[0].setText("gatys, bold")
    engine(2)
    panel.queue.click()
    gatys, bold = docked.session.runs
    qtbot.waitUntil(lambda: bold.state.over, timeout=20_000)
    assert (gatys.config, bold.config) == (StyleConfig(), BOLD)
    assert docked.runs_list.row(bold).settings.text() == "as the preset"
