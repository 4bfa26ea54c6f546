from dataclasses import fields

import npe2
import pytest

from napari_nst.plugin.common import preferences
from napari_nst.plugin.common.preferences import (
    LastUsed,
    Preferences,
    last_file,
    use_weights_folder,
    watch,
)
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.presets import DEFAULT_PRESET, PRESETS
from napari_nst.weights import FOLDER_VARIABLE


@pytest.fixture
def settings(plugin_settings, npe2pm):
    if "napari-nst" not in npe2pm:
        npe2pm.register(npe2.PluginManifest.from_distribution("napari-nst"))
    return preferences.plugin_settings()


def test_the_manifests_defaults_are_the_codes(settings):
    assert Preferences.read() == Preferences()


def test_what_the_user_set_is_read(settings, tmp_path):
    settings.runs.preset = "crowsonkb"
    settings.runs.size = 256
    settings.files.autosave_folder = str(tmp_path)
    read = Preferences.read()
    assert read.autosave_folder == tmp_path
    assert read.config() == StyleConfig.preset("crowsonkb", size=256)
    assert settings.config_path.name == "napari-nst.yaml"


def test_every_preference_is_on_the_page(settings):
    shown = {
        f"{group}.{key}" for group in ("runs", "history", "files") for key in keys(settings, group)
    }
    assert len(shown) == len(fields(Preferences))


def keys(settings, group):
    return type(getattr(settings, group)).model_fields


def test_the_page_offers_all_presets(settings):
    schema = type(settings.runs).model_json_schema()
    assert schema["properties"]["preset"]["enum"] == list(PRESETS)


def test_without_the_plugin_there_are_defaults(plugin_settings, npe2pm):
    assert preferences.plugin_settings() is None
    assert Preferences.read() == Preferences()
    assert LastUsed.read() is None
    LastUsed(StyleConfig(), "auto").write()
    watch(lambda: None)()


def test_changes_are_told_until_nobody_listens(settings):
    told = []
    end = watch(lambda: told.append(Preferences.read().size))
    settings.runs.size = 300
    assert told == [300]
    end()
    settings.runs.size = 400
    assert told == [300]


def test_a_preset_that_is_gone_gives_the_default():
    assert Preferences(preset="forgotten").config() == StyleConfig.preset(DEFAULT_PRESET)


def test_the_settings_last_used_come_back(settings):
    assert LastUsed.read() is None
    last = LastUsed(StyleConfig.preset("crowsonkb", steps=7, style_layer_weights=()), "untrained")
    last.write()
    assert last_file().parent == settings.config_path.parent
    assert LastUsed.read() == last


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"config": {"size": "large"}, "weights": ""}'])
def test_damaged_settings_are_left_aside(settings, damage, caplog):
    last_file().write_text(damage)
    assert LastUsed.read() is None
    assert "cannot be read" in caplog.text
    assert last_file().read_text() == damage


def test_a_failing_disk_loses_nothing(settings, monkeypatch, caplog):
    LastUsed(StyleConfig(steps=5), "auto").write()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    LastUsed(StyleConfig(steps=6), "auto").write()
    assert "No space left" in caplog.text
    assert LastUsed.read().config.steps == 5


def test_the_preferred_folder_of_weights_wins_until_it_is_cleared(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, "before")
    monkeypatch.setattr(preferences, "_environment_folder", "before")
    use_weights_folder(tmp_path)
    assert preferences.os.environ[FOLDER_VARIABLE] == str(tmp_path)
    use_weights_folder(None)
    assert preferences.os.environ[FOLDER_VARIABLE] == "before"
    monkeypatch.setattr(preferences, "_environment_folder", None)
    use_weights_folder(None)
    assert FOLDER_VARIABLE not in preferences.os.environ
