"""Asks where results are to be saved, and saves them with their settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.history import get_save_history
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_nst.errors import ImageError
from napari_nst.files.names import free_path, safe_name, save_picture
from napari_nst.files.outputs import SUFFIXES
from napari_nst.plugin.common.preferences import Preferences, remember_folder, remember_format
from napari_nst.runs.export import note_saved, save_result

if TYPE_CHECKING:
    from napari_nst.plugin.runs.viewer_run import ViewerRun

FORMATS = {"PNG": (".png",), "TIFF": (".tif", ".tiff"), "JPEG": (".jpg", ".jpeg")}
"""Names of formats, as the preferences write them, and their suffixes."""


def save_runs(runs: "Sequence[ViewerRun]", parent: QWidget) -> list[Path]:
    """Save the pictures of runs: one under a name that is asked for, several into a folder.

    Folder and format are the last ones, the folder shared with napari's own Save.

    Parameters
    ----------
    runs
        Those without a picture are left out.
    parent
        The dialog stands over it.

    Returns
    -------
    list of Path
        The pictures written; empty if the user thought better of it, or was told of an error.
    """
    kept = [run for run in runs if run.kept is not None]
    try:
        written = _save_one(kept[0], parent) if len(kept) == 1 else _save_all(kept, parent)
    except ImageError as error:
        show_error(str(error))
        return []
    if written:
        remember_folder(written[0])
        show_info(f"Saved with its settings: {', '.join(map(str, written))}")
    return written


def _save_one(run: "ViewerRun", parent: QWidget) -> list[Path]:
    # Without a suffix: a dialog does not change it when another format is chosen.
    suggested = Path(get_save_history()[0]) / safe_name(run.name)
    filters = {_filter(name): name for name in FORMATS}
    chosen, picked = QFileDialog.getSaveFileName(
        parent,
        "Save the result with its settings",
        str(suggested),
        ";;".join(filters),
        _filter(Preferences.read().save_format),
    )
    if not chosen or run.kept is None:  # the run may have been deleted meanwhile
        return []
    path = Path(chosen)
    if path.suffix.lower() not in SUFFIXES:
        name = filters.get(picked, "PNG")
        path = free_path(path.parent, path.name, FORMATS[name][0])
    picture, record = run.kept
    written = save_picture(path, picture, record)
    note_saved(record)
    _remember_suffix(path.suffix.lower())
    return written[:1]


def _save_all(runs: "Sequence[ViewerRun]", parent: QWidget) -> list[Path]:
    name = Preferences.read().save_format
    title = f"Save {len(runs)} results with their settings, as {name}, in"
    chosen = QFileDialog.getExistingDirectory(parent, title, get_save_history()[0])
    if not chosen:
        return []
    suffix = FORMATS[name][0]
    kept = [(run.name, run.kept) for run in runs]
    return [
        save_result(Path(chosen), name, *each, suffix=suffix)
        for name, each in kept
        if each is not None
    ]


def _remember_suffix(suffix: str) -> None:
    for name, suffixes in FORMATS.items():
        if suffix in suffixes:
            remember_format(name)


def _filter(name: str) -> str:
    patterns = " ".join(f"*{suffix}" for suffix in FORMATS[name])
    return f"{name} with settings ({patterns})"
