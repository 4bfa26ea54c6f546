"""Our exported files back into layers, with the record of their run; OME-Zarr as it is shown.

A reader that claims ``*.png`` makes napari ask at *every* PNG dropped on it which reader to
take. So the manifest gives `get_reader` only what no other reader opens (a run's record, the
JSON beside a JPEG), and pictures are opened by napari's own reader and recognised afterwards,
by `layers.records.adopt_record`. Folders that end in ".zarr" are the exception: napari's own
reader knows neither their colours nor their pixel size.
"""

from collections.abc import Callable
from pathlib import Path

from napari.utils.notifications import show_info

from napari_nst.files.names import record_of
from napari_nst.files.outputs import ZARR_SUFFIX
from napari_nst.files.slides.zarr_reading import is_zarr
from napari_nst.plugin.layers.records import LayerData, picture_beside, read_file
from napari_nst.plugin.slide_layers import read_zarr
from napari_nst.runs.export import RECORD_FILE

PATTERNS = (RECORD_FILE, "*.jpg.json", "*.jpeg.json", f"*{ZARR_SUFFIX}")
"""The manifest's filename patterns."""


def get_reader(path: str | list[str] = "") -> Callable[[str], list[LayerData]] | None:
    """Return the reader of a picture of ours, of the JSON that belongs to one, or of OME-Zarr.

    Returns
    -------
    Callable or None
        None for any other file, and for lists of files, so that other readers take them.
    """
    if not path:  # from the command palette
        show_info("napari calls this command to open an exported run. Choose File > Open File(s).")
        return None
    if isinstance(path, str) and is_zarr(Path(path)):
        return read_zarr
    if not isinstance(path, str) or record_of(Path(path)) is None:
        return None
    return read_file if picture_beside(Path(path)).is_file() else None
