"""Names of layers as they fit into the cells of a grid: over several lines, for the time being.

napari writes a layer's name on the canvas in one line. So a layer has its caption for a name while
it is compared; everything here asks `full_name`.
"""

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_nst.settings.text import SEPARATOR

if TYPE_CHECKING:
    from napari.layers import Layer

_captions: "WeakKeyDictionary[Layer, tuple[str, str]]" = WeakKeyDictionary()
"""Full name and caption of the layers that have one."""


def caption(name: str, letters: int) -> str:
    """Break a name between its parts into lines of so many letters at most.

    A part that is longer than a line keeps its end, where its value stands.
    """
    lines: list[str] = []
    for part in name.split(SEPARATOR):
        joined = SEPARATOR.join([*lines[-1:], part])
        if lines and len(joined) <= letters:
            lines[-1] = joined
        else:
            lines.append(part if len(part) <= letters else "…" + part[1 - max(2, letters) :])
    return "\n".join(lines)


def full_name(layer: "Layer") -> str:
    """Return the layer's name, whether it has a caption or not."""
    full, shown = _captions.get(layer, ("", ""))
    # napari numbers names that are there already
    is_caption = shown and (layer.name == shown or layer.name.startswith(f"{shown} ["))
    return full if is_caption else str(layer.name)


def put_caption(layer: "Layer", letters: int) -> None:
    """Show the layer's name in lines of so many letters at most."""
    full = full_name(layer)
    text = caption(full, letters)
    if text == full:
        take_caption_off(layer)
    elif _captions.get(layer) != (full, text):
        _captions[layer] = full, text
        layer.name = text


def take_caption_off(layer: "Layer") -> None:
    """Give the layer its name back; one that the user gave it meanwhile is kept."""
    full = full_name(layer)
    if _captions.pop(layer, None) is not None:
        layer.name = full
