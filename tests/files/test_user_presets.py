import json
import os

import numpy as np
import pytest

from napari_nst.cli import app as cli
from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.images import read_settings, write_picture
from napari_nst.files.user_presets import (
    NamedPreset,
    delete_preset,
    export_preset,
    find_preset,
    is_taken,
    own_preset,
    own_presets,
    presets_folder,
    published_preset,
    save_preset,
)
from napari_nst.settings.config import StyleConfig

BOLD = StyleConfig.preset("crowsonkb", size=300, style_strength=4.0, seed=7)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_NST_PRESETS", str(tmp_path / "presets"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "presets"


@pytest.fixture
def run(capsys):
    def call(*arguments):
        code = cli.main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_settings_saved_under_a_name_come_back_whole() -> None:
    save_preset("bold oils", BOLD)
    assert own_presets() == ["bold oils"]
    assert find_preset("bold oils") == BOLD


def test_a_published_preset_is_found_by_its_name() -> None:
    assert find_preset("spst") == StyleConfig.preset("spst")


def test_a_taken_name_is_overwritten_only_when_asked(folder) -> None:
    save_preset("mine", BOLD)
    with pytest.raises(ConfigError, match="already exists"):
        save_preset("mine", StyleConfig())
    assert find_preset("mine") == BOLD
    save_preset("mine", StyleConfig(), overwrite=True)
    assert find_preset("mine") == StyleConfig()
    assert [path.name for path in folder.iterdir()] == ["mine.json"]


@pytest.mark.parametrize(
    "name", ["", " x", "a/b", "..", "a\\b", "a:b", ".x", "x.", "x" * 65, "a\n"]
)
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a preset"):
        save_preset(name, BOLD)


@pytest.mark.parametrize("name", ["gatys", "Gatys", "spst"])
def test_a_published_presets_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="published preset"):
        save_preset(name, BOLD, overwrite=True)


def test_a_file_under_a_published_presets_name_is_no_own_preset(folder) -> None:
    save_preset("mine", BOLD)
    (folder / "mine.json").rename(folder / "Gatys.json")
    assert own_presets() == []
    assert find_preset("gatys") == StyleConfig()
    assert own_preset("Gatys") is None


def test_a_taken_name_is_known(folder) -> None:
    assert not is_taken("mine")
    save_preset("mine", BOLD)
    assert is_taken("mine")
    with pytest.raises(ConfigError, match="cannot name"):
        is_taken("a/b")


def test_an_own_preset_is_given_with_its_name_or_left_aside(folder, caplog) -> None:
    save_preset("mine", BOLD)
    assert own_preset("mine") == NamedPreset("mine", BOLD)
    assert own_preset("mine").is_own
    assert own_preset("yours") is own_preset("") is own_preset("gatys") is None
    assert not caplog.text
    (folder / "mine.json").write_text("{")
    assert own_preset("mine") is None
    assert "mine.json" in caplog.text


def test_settings_name_the_published_preset_they_started_from() -> None:
    assert published_preset(BOLD) == NamedPreset("crowsonkb", StyleConfig.preset("crowsonkb"))
    assert published_preset(StyleConfig(name="of the future")).name == StyleConfig().name
    assert not published_preset(BOLD).is_own


def test_a_disk_that_lets_nothing_be_deleted_is_named(folder, monkeypatch) -> None:
    save_preset("mine", BOLD)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(ConfigError, match=r"mine\.json cannot be deleted: Permission denied"):
        delete_preset("mine")


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    save_preset("mine", BOLD)
    with pytest.raises(ConfigError, match=r"crowsonkb.*mine"):
        find_preset("yours")
    with pytest.raises(ConfigError, match="yours are: mine"):
        delete_preset("gatys")


def test_a_shared_file_is_a_preset_elsewhere(tmp_path, monkeypatch) -> None:
    save_preset("mine", BOLD)
    export_preset("mine", tmp_path / "shared.json")
    with pytest.raises(ConfigError, match="already exists"):
        export_preset("gatys", tmp_path / "shared.json")
    with pytest.raises(ConfigError, match=r"ends in \.json"):
        export_preset("mine", tmp_path / "shared.png")
    monkeypatch.setenv("NAPARI_NST_PRESETS", str(tmp_path / "elsewhere"))
    assert own_presets() == []
    assert find_preset(str(tmp_path / "shared.json")) == BOLD


@pytest.mark.parametrize("text", ["", "[1]", '{"steps": "many"}', '{"nonsense": 1}'])
def test_a_file_that_holds_no_settings_is_refused(tmp_path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.json"):
        find_preset(str(tmp_path / "bad.json"))
    with pytest.raises(ImageError, match="does not exist"):
        find_preset(str(tmp_path / "absent.json"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes anywhere")
def test_a_disk_that_refuses_is_named(folder) -> None:
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        save_preset("mine", BOLD)


def test_a_folder_that_cannot_be_made_is_named(folder) -> None:
    folder.write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_preset("mine", BOLD)


def test_without_the_variable_presets_lie_in_the_systems_folder(monkeypatch) -> None:
    monkeypatch.delenv("NAPARI_NST_PRESETS")
    assert presets_folder().name == "presets"
    assert "napari-nst" in presets_folder().parts


def test_the_command_line_saves_lists_exports_and_deletes(run, tmp_path) -> None:
    code, out, _ = run("presets", "save", "mine", "--preset", "spst", "--set", "seed=3")
    assert code == 0
    assert out.strip().endswith("mine.json")
    assert find_preset("mine") == StyleConfig.preset("spst", seed=3)
    assert "mine" in run("presets", "list")[1]
    assert run("presets", "export", "mine", "a.json")[0] == 0
    assert StyleConfig.from_dict(json.loads((tmp_path / "a.json").read_text())).seed == 3
    assert run("presets", "save", "second", "--config", "a.json", "--size", "99")[0] == 0
    assert find_preset("second").size == 99
    assert run("presets", "delete", "mine")[0] == 0
    assert own_presets() == ["second"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("presets", "save", "gatys"),
        ("presets", "save", "a/b"),
        ("presets", "save", "taken"),
        ("presets", "delete", "absent"),
        ("presets", "export", "absent", "a.json"),
        ("stylize", "c.png", "s.png", "-o", "out.png", "--preset", "absent"),
        ("stylize", "c.png", "s.png", "-o", "out.png", "--preset", "absent.json"),
    ],
)
def test_what_cannot_be_done_exits_with_2_and_a_line(run, arguments) -> None:
    save_preset("taken", BOLD)
    code, _, err = run(*arguments)
    assert code == 2
    assert err.count("\n") == 1


@pytest.mark.parametrize("named", ["mine", "mine.json"])
def test_stylize_takes_an_own_preset_or_its_file(run, named: str, tmp_path) -> None:
    generator = np.random.default_rng(0)
    for name in ("c.png", "s.png"):
        write_picture(name, generator.integers(0, 256, (32, 40, 3), np.uint8))
    shallow = {"content_layers": ("relu2_1",), "style_layers": ("relu1_1",)}
    mine = StyleConfig(size=None, steps=1, seed=5, precision="float32", **shallow)
    save_preset("mine", mine)
    export_preset("mine", tmp_path / "mine.json")
    code, _, _ = run(
        *("stylize", "c.png", "s.png", "-o", "out.png", "--weights", "untrained"),
        *("--preset", named),
    )
    assert code == 0
    assert read_settings(tmp_path / "out.png").config == mine
