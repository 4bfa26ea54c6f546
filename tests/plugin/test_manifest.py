from pathlib import Path

import npe2
import pytest
import yaml
from napari._app_model.constants import MenuId

import napari_nst

PACKAGE = Path(napari_nst.__file__).parent
ROOT = PACKAGE.parent.parent


@pytest.fixture(scope="module")
def manifest():
    return npe2.PluginManifest.from_file(PACKAGE / "napari.yaml")


def test_the_manifest_is_found_from_the_installed_package():
    found = npe2.PluginManifest.from_distribution("napari-nst")
    assert found.display_name == "Neural Style Transfer"


def test_the_top_level_manifest_is_a_link_to_the_packaged_one():
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("not a checkout")
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert link.resolve() == PACKAGE / "napari.yaml"


def test_every_menu_is_one_that_napari_lets_plugins_fill(manifest):
    known = {str(menu) for menu in MenuId.contributables()}
    assert "napari/layers/filter" in manifest.contributions.menus
    assert set(manifest.contributions.menus) <= known


def test_every_command_imports(manifest):
    for command in manifest.contributions.commands:
        assert callable(_load(command))


def _load(command):
    from importlib import import_module

    module, _, name = command.python_name.partition(":")
    return getattr(import_module(module), name)


def test_no_sample_key_collides_with_a_command(manifest):
    suffixes = {command.id.partition(".")[2] for command in manifest.contributions.commands}
    assert not suffixes & {sample.key for sample in manifest.contributions.sample_data}


def test_the_manifest_holds_nothing_that_napari_ignores():
    raw = yaml.safe_load((PACKAGE / "napari.yaml").read_text(encoding="utf-8"))
    assert raw["schema_version"] == "0.3.0"
    assert "keybindings" not in raw["contributions"]
