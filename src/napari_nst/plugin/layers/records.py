"""Records of runs in layers and files: pictures of ours are known again, whoever opened them."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning

from napari_nst.errors import ConfigError
from napari_nst.files.images import read_picture
from napari_nst.files.names import record_of
from napari_nst.plugin.layers.visible_picture import whole_range
from napari_nst.runs.export import RECORD_FILE, RESULT_FILE
from napari_nst.settings.record import METADATA_KEY, RunRecord

if TYPE_CHECKING:
    from napari.layers import Layer

LayerData = tuple[Any, dict[str, Any], str]

logger = logging.getLogger(__name__)


def record_in(metadata: dict[str, Any]) -> RunRecord | None:
    """Return the record that a layer's metadata holds; None if there is none that can be read."""
    kept = metadata.get(METADATA_KEY)
    if isinstance(kept, RunRecord) or kept is None:
        return kept
    try:
        return RunRecord.from_dict(kept)
    except ConfigError as error:
        logger.warning("the layer's record cannot be read and is left out: %s", error)
        return None


def read_file(path: str) -> list[LayerData]:
    """Read a picture of ours as one image layer.

    Raises
    ------
    ImageError
        If the picture is damaged.
    """
    picture = picture_beside(Path(path))
    pixels, record = read_picture(picture, note=show_warning), record_of(Path(path))
    name = picture.parent.name if picture.name == RESULT_FILE else picture.stem
    metadata = {METADATA_KEY: record.to_dict()} if record else {}
    arguments = {
        "name": name,
        "rgb": pixels.ndim == 3,
        "metadata": metadata,
        # napari would stretch a result of 16 bits or floats to its own darkest and brightest.
        "contrast_limits": whole_range(pixels.dtype),
    }
    return [(pixels, arguments, "image")]


def adopt_record(layer: "Layer") -> RunRecord | None:
    """Store a file's record in the layer that was opened from it.

    To be called for each layer that is there when the dock opens, and each inserted later:
    so a picture dropped on napari offers its settings whoever read it.

    Returns
    -------
    RunRecord or None
        The record now in the layer's metadata; None if it came from no file of ours.
    """
    if METADATA_KEY in layer.metadata:
        return record_in(layer.metadata)
    source = layer.source.path
    record = record_of(Path(source)) if source and layer.ndim == 2 else None
    if record is not None:
        layer.metadata[METADATA_KEY] = record.to_dict()
    return record


def picture_beside(path: Path) -> Path:
    """Return the picture that a JSON file of ours belongs to; a picture is its own."""
    if path.name.lower() == RECORD_FILE:
        return path.with_name(RESULT_FILE)
    return path.with_suffix("") if path.suffix.lower() == ".json" else path
