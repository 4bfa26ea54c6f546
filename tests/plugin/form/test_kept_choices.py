"""Choices that the dock keeps in napari's preferences."""

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_nst.plugin.common.preferences import Preferences, prefer

pytestmark = pytest.mark.gui


def test_folders_are_browsed_for_and_kept_in_the_preferences(
    docked, settings, monkeypatch, tmp_path
):
    chosen = [str(tmp_path)]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: chosen[0])
    form = docked.folders
    form.browse["autosave_folder"].click()
    assert Preferences.read().autosave_folder == tmp_path
    assert docked.preferences.current.autosave_folder == tmp_path
    chosen[0] = ""
    form.browse["autosave_folder"].click()
    assert Preferences.read().autosave_folder == tmp_path, "cancelled"
    form.lines["autosave_folder"].clear()
    form.lines["autosave_folder"].editingFinished.emit()
    assert Preferences.read().autosave_folder is None


def test_not_now_is_remembered_until_the_preferences_say_otherwise(docked, settings):
    panel = docked.weights_panel
    panel.suggest()
    panel.no.click()
    assert not Preferences.read().suggest_download
    panel._suggested = False  # as in the next session
    panel.suggest()
    assert panel.isHidden()
    prefer(suggest_download=True)
    panel.suggest()
    assert not panel.isHidden()
