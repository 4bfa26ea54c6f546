"""What the user set under File > Preferences, and the settings last used. No Qt here.

The manifest's `configurations` describe the page; napari draws it, keeps the file and tells of
changes. The settings last used are too many for a page: they lie in a file beside napari's.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from napari.utils.history import update_save_history

from napari_nst.errors import ConfigError, NstError, shown
from napari_nst.files.checkpoints import EVERY_S
from napari_nst.files.outputs import write_atomically
from napari_nst.files.user_presets import own_preset
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.json_reader import read_json_file
from napari_nst.settings.presets import DEFAULT_PRESET
from napari_nst.weights import FOLDER_VARIABLE

if TYPE_CHECKING:
    from napari.settings import PluginSettings

logger = logging.getLogger(__name__)

PLUGIN = "napari-nst"
_LAST_FILE = f"{PLUGIN}.last.json"
_STYLES_FILE = f"{PLUGIN}.styles.json"


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """The preferences; the defaults are the manifest's.

    Parameters
    ----------
    device
        "auto", "cpu", "cuda" or "mps".
    preset, size
        What a form starts with where there are no settings last used.
    own_preset
        The user's preset to start with instead, size and all; "" is none.
    restore_last
        Whether the settings last used come back.
    preview_interval_s
        A run's picture is shown no more often than this.
    checkpoint_every_s
        Least seconds between two checkpoints of a long run; 0 writes none.
    history_budget_mb, history_every
        What snapshots may take, and the steps between them; 0 keeps only those asked for.
    autosave_folder
        Gets each result; None saves nothing unasked.
    warn_unsaved
        Whether the viewer asks before it closes over unsaved results.
    save_format
        "PNG", "TIFF" or "JPEG": what saving by hand suggests.
    weights_folder
        Looked at first for weights, and downloaded into.
    ask_before_download
        Whether weights are fetched only after a question.
    suggest_download
        Whether runs on the built-in features offer the download.
    """

    device: str = "auto"
    preset: str = DEFAULT_PRESET
    size: int = 512
    own_preset: str = ""
    restore_last: bool = True
    preview_interval_s: float = 0.0
    checkpoint_every_s: int = EVERY_S
    history_budget_mb: int = 256
    history_every: int = 10
    autosave_folder: Path | None = None
    warn_unsaved: bool = True
    save_format: str = "PNG"
    weights_folder: Path | None = None
    ask_before_download: bool = True
    suggest_download: bool = True

    @classmethod
    def read(cls) -> Self:
        """Read napari's file; the defaults where napari knows of no preferences of ours."""
        settings = plugin_settings()
        if settings is None:
            return cls()
        runs, history, files = settings.runs, settings.history, settings.files
        return cls(
            device=runs.device,
            preset=runs.preset,
            size=runs.size,
            own_preset=runs.own_preset.strip(),
            restore_last=runs.restore_last,
            preview_interval_s=runs.preview_interval_s,
            checkpoint_every_s=runs.checkpoint_every_s,
            history_budget_mb=history.budget_mb,
            history_every=history.every_steps,
            autosave_folder=_folder(files.autosave_folder),
            warn_unsaved=files.warn_unsaved,
            save_format=files.save_format,
            weights_folder=_folder(files.weights_folder),
            ask_before_download=files.ask_before_download,
            suggest_download=files.suggest_download,
        )

    def config(self) -> StyleConfig:
        """Return the settings that a form starts with; the defaults if the preset is gone."""
        if own := own_preset(self.own_preset):
            return own.config
        try:
            return StyleConfig.preset(self.preset, size=self.size)
        except ConfigError as error:
            logger.warning("the preferred preset or size is left aside: %s", error)
            return StyleConfig.preset(DEFAULT_PRESET)


def remember_format(name: str) -> None:
    """Let saving by hand suggest this format from now on."""
    prefer(save_format=name)


def remember_folder(path: Path) -> None:
    """Let the next dialog that saves start in a file's folder; napari's own does so too."""
    with _disk_may_refuse():
        update_save_history(str(path))


@contextmanager
def _disk_may_refuse() -> Iterator[None]:
    """Log that preferences were not written: no reason to disturb what the user does."""
    try:
        yield
    except OSError as error:
        logger.warning("the preferences were not kept: %s", error)


def plugin_settings() -> "PluginSettings | None":
    """Return napari's object of our preferences; None if the plugin is not registered."""
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:
        return None


def prefer(**files: str | bool) -> None:
    """Set preferences of the page's group "Files", as the user would there; napari keeps them."""
    settings = plugin_settings()
    if settings is None:
        return
    for name, value in files.items():
        if getattr(settings.files, name) != value:
            with _disk_may_refuse():
                setattr(settings.files, name, value)


def watch(changed: Callable[[], None]) -> Callable[[], None]:
    """Call `changed` when the user changes a preference; gives what ends that."""
    settings = plugin_settings()
    if settings is None:
        return lambda: None

    def on_change(_: object) -> None:
        changed()

    settings.events.changed.connect(on_change)
    return lambda: settings.events.changed.disconnect(on_change)


_environment_folder = os.environ.get(FOLDER_VARIABLE)


def use_weights_folder(folder: Path | None) -> None:
    """Look for weights in the preferred folder; None goes back to the environment's."""
    chosen = str(folder) if folder else _environment_folder
    if chosen:
        os.environ[FOLDER_VARIABLE] = chosen
    else:
        os.environ.pop(FOLDER_VARIABLE, None)


@dataclass(frozen=True)
class LastUsed:
    """What a form said when a run was last started from it.

    Parameters
    ----------
    config
        The settings.
    weights
        The choice of weights: a name or a file's path.
    preset
        The own preset that the settings started from; "" if there was none.
    """

    config: StyleConfig
    weights: str
    preset: str = ""

    @classmethod
    def read(cls) -> Self | None:
        """Read what was last written; None if there is nothing, or nothing that can be read."""
        path = last_file()
        try:
            if path is None or not path.is_file():
                return None
            return cls._of(read_json_file(path, "the settings last used"))
        except (OSError, ConfigError) as error:
            logger.warning("the settings last used cannot be read from %s: %s", path, error)
            return None

    @classmethod
    def _of(cls, kept: object) -> Self:
        values = kept if isinstance(kept, dict) else {}
        weights, preset = values.get("weights"), values.get("preset", "")
        if not isinstance(weights, str) or not isinstance(preset, str):
            raise ConfigError(f"expected config, weights and preset; got {shown(kept)}")
        return cls(StyleConfig.from_dict(values.get("config", {})), weights, preset)

    def write(self) -> None:
        """Keep this for the next time; a disk that refuses is no reason to disturb a run."""
        path = last_file()
        if path is None:
            return
        kept = {
            "config": self.config.to_dict(),
            "weights": self.weights,
            "preset": self.preset,
        }
        try:
            write_atomically(path, json.dumps(kept, indent=2).encode())
        except NstError as error:
            logger.warning("the settings last used were not kept: %s", error)


def last_file() -> Path | None:
    """Name the file of the settings last used; None where napari keeps no files."""
    return _beside_settings(_LAST_FILE)


def styles_file() -> Path | None:
    """Name the file of recent styles and favourites; None where napari keeps no files."""
    return _beside_settings(_STYLES_FILE)


def _beside_settings(name: str) -> Path | None:
    settings = plugin_settings()
    folder = None if settings is None or not settings.config_path else settings.config_path.parent
    return folder / name if folder else None


def _folder(text: str) -> Path | None:
    return Path(text).expanduser() if text.strip() else None
