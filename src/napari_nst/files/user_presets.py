"""The user's own presets: settings stored under a name, one JSON file each.

A file contains `StyleConfig.to_json`, so it can be shared, and `--config` reads it too. Its
``name`` is the published preset that the settings started from, which decides how constants are
matched to the weights; the preset's own name is the file's.
"""

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_nst.errors import ConfigError, NstError
from napari_nst.files.disk import replace_file
from napari_nst.files.images import read_settings
from napari_nst.settings.config import StyleConfig, changes
from napari_nst.settings.presets import PRESETS

logger = logging.getLogger(__name__)

PRESETS_VARIABLE = "NAPARI_NST_PRESETS"
"""Environment variable with another folder."""

_NAME = re.compile(r"\w([\w .-]{0,62}\w)?")


@dataclass(frozen=True)
class NamedPreset:
    """A preset, published or own, as it was when it was read."""

    name: str
    config: StyleConfig

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own, which also sets size, steps, strength and seed."""
        return self.name not in PRESETS


def presets_folder() -> Path:
    """Return the folder of own presets: from the environment, else the system's default."""
    named = os.environ.get(PRESETS_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("napari-nst", appauthor=False) / "presets"


def own_presets() -> list[str]:
    """List the names of own presets, sorted; published names are ignored."""
    stems = [path.stem for path in presets_folder().glob("*.json")]
    names = [stem for stem in stems if _NAME.fullmatch(stem) and stem.lower() not in PRESETS]
    return sorted(names, key=str.lower)


def published_preset(config: StyleConfig) -> NamedPreset:
    """Return the published preset that settings started from, or the default if it is unknown."""
    name = config.name if config.name in PRESETS else StyleConfig().name
    return NamedPreset(name, StyleConfig.preset(name))


def differences(config: StyleConfig, preset: NamedPreset | None = None) -> dict[str, Any]:
    """Return the settings that differ from a preset's; by default the published one's."""
    return changes(config, (preset or published_preset(config)).config)


def own_preset(name: str) -> NamedPreset | None:
    """Return an own preset; None if it is missing or cannot be read."""
    if name not in own_presets():
        return None
    try:
        return NamedPreset(name, find_preset(name))
    except NstError as error:
        logger.warning("the preset %s is ignored: %s", name, error)
        return None


def find_preset(name: str) -> StyleConfig:
    """Return the settings of a published preset, of an own one, or of a preset's file.

    Parameters
    ----------
    name
        A preset's name, or the path of a file that ends in .json.

    Raises
    ------
    ConfigError
        If there is none, or the file contains no settings.
    ImageError
        If the file cannot be read.
    """
    if name in PRESETS:
        return StyleConfig.preset(name)
    if name in own_presets():
        return read_settings(_file_of(name)).config
    if Path(name).suffix.lower() == ".json":
        return read_settings(name).config
    known = ", ".join([*PRESETS, *own_presets()])
    raise ConfigError(f"there is no preset {name!r}; choose from {known}, or name a .json file")


def is_taken(name: str) -> bool:
    """Return whether an own preset has this name; raises ConfigError if the name is invalid."""
    return _file_of(name).exists()


def save_preset(name: str, config: StyleConfig, *, overwrite: bool = False) -> Path:
    """Store settings under a name and return their file.

    Raises
    ------
    ConfigError
        If the name is invalid, or taken without `overwrite`, or the disk refuses.
    """
    path = _file_of(name)
    _write(path, config, overwrite=overwrite)
    return path


def export_preset(name: str, path: Path, *, overwrite: bool = False) -> None:
    """Write a preset, published or own, to a file; raises as `save_preset`."""
    if path.suffix.lower() != ".json":
        raise ConfigError(f"a preset's file ends in .json; got {path.name}")
    _write(path, find_preset(name), overwrite=overwrite)


def delete_preset(name: str) -> None:
    """Delete an own preset; raises ConfigError if there is none, or the disk refuses."""
    if name not in own_presets():
        raise ConfigError(
            f"you have no preset named {name!r}; "
            f"yours are: {', '.join(own_presets()) or 'none yet'}"
        )
    path = _file_of(name)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be deleted: {error.strerror or error}") from error


def _file_of(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a preset: use up to 64 letters, digits, spaces, dots, dashes "
            "and underscores, with a letter or digit at both ends"
        )
    if name.lower() in PRESETS:
        raise ConfigError(f"{name!r} is a published preset; choose another name")
    return presets_folder() / f"{name}.json"


def _write(path: Path, config: StyleConfig, *, overwrite: bool) -> None:
    try:
        if path.exists() and not overwrite:
            raise ConfigError(f"{path} already exists; choose another name, or overwrite it")
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, f"{config.to_json()}\n".encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error
