"""From a style to a layer, which remembers what it was opened from. No Qt here."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_nst import samples
from napari_nst.plugin.gallery.shelf import Style
from napari_nst.plugin.layers.records import read_file

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

FILE_KEY = "napari-nst-file"
"""In a layer's metadata: the path of the file that it shows."""

SAMPLE_KEY = "napari-nst-sample"
"""In a layer's metadata: the name of the sample that it shows."""


def style_of(layer: "Layer") -> Style | None:
    """Return the sample or file that a layer shows, whoever opened it; None if it is neither."""
    sample, file = layer.metadata.get(SAMPLE_KEY), layer.metadata.get(FILE_KEY)
    if isinstance(sample, str) and sample in samples.STYLES:
        return Style("sample", sample)
    path = file if isinstance(file, str) else layer.source.path
    is_flat = layer.ndim == 2  # of a stack, the layer shows more than the file's first page
    return Style.of_file(path) if path and is_flat else None


def open_style(viewer: "Viewer", style: Style) -> "Image":
    """Return the layer of a style that is open, else open it below the other layers.

    There it leaves what is looked at as it is.

    Raises
    ------
    ImageError
        If the file is no picture, or cannot be read.
    """
    layer = _opened(viewer, style)
    if layer is not None:
        return layer
    layer = _add(viewer, style)
    viewer.layers.move(viewer.layers.index(layer), 0)
    return layer


def _opened(viewer: "Viewer", style: Style) -> "Image | None":
    from napari.layers import Image

    for layer in viewer.layers:
        if isinstance(layer, Image) and (shown := style_of(layer)) is not None:
            same = _is_same_file(shown, style) if style.kind == "file" else shown == style
            if same:
                return layer
    return None


def _is_same_file(first: Style, second: Style) -> bool:
    """Whether two names lead to one file, through links and in any case that the system allows."""
    if first.kind != second.kind:
        return False
    try:
        return os.path.samefile(first.name, second.name)
    except (OSError, ValueError):
        return first == second


def _add(viewer: "Viewer", style: Style) -> "Image":
    if style.kind == "sample":
        return viewer.add_image(
            samples.style(style.name),
            name=style.name,
            rgb=True,
            metadata={SAMPLE_KEY: style.name},
        )
    ((pixels, arguments, _),) = read_file(str(Path(style.name)))
    arguments["metadata"][FILE_KEY] = style.name
    return viewer.add_image(pixels, **arguments)
