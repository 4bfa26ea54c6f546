"""Convert colours to sRGB by their embedded profile, with LittleCMS from imagecodecs.

Pillow's own binding converts 8 bits only. In 16 bits LittleCMS's optimisation is switched off: its
coarse lookup table is wrong by up to 21 of 255 levels in the shadows of a plain RGB
profile. It stays on for 8 bits, where it is exact to one level and 14 times faster.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from napari_nst.files.decode.pixels import Note, Pixels, ink_to_rgb, top_of

Space = Literal["gray", "rgb", "cmyk"]
Converter = Callable[[Pixels], Pixels]

_SIGNATURES: dict[Space, bytes] = {"gray": b"GRAY", "rgb": b"RGB ", "cmyk": b"CMYK"}


def to_srgb(profile: bytes | None, space: Space, note: Note) -> Converter:
    """Return a function that converts rows of colours, without alpha, to sRGB.

    Parameters
    ----------
    profile
        The embedded ICC profile; None means that colours are sRGB.
    space
        Space of the colours. Rows of "gray" are (H, W) and stay so, "rgb" (H, W, 3);
        "cmyk" (H, W, 4), with full ink at the dtype's top, become (H, W, 3).
    note
        Called if the profile cannot be used; the colours are then treated as sRGB.

    Returns
    -------
    Callable of rows of uint8, uint16 or floating, which keeps the dtype
    """
    plain: Converter = ink_to_rgb if space == "cmyk" else unchanged
    if not profile:
        return plain
    source: Space = space
    if space == "gray" and profile[16:20] == _SIGNATURES["rgb"]:
        source = "rgb"  # many programs give grey pictures an RGB profile: grey is R = G = B
    if profile[16:20] != _SIGNATURES[source]:
        note(_ignored(f"it is for {_name(profile[16:20])} and the picture is {space.upper()}"))
        return plain

    def convert(rows: Pixels) -> Pixels:
        if source != space:
            rows = np.repeat(rows[..., None], 3, axis=2)
        colours = _transformed(rows, profile, source)
        return np.ascontiguousarray(colours[..., 1]) if space == "gray" else colours

    try:
        convert(np.zeros((1, 1) if space == "gray" else (1, 1, len(space)), np.uint8))
    except (_codecs().CmsError, ValueError) as error:
        note(_ignored(f"it is damaged ({error})"))
        return plain
    return convert


def lab_to_srgb(lab: Pixels) -> Pixels:
    """Convert CIELAB under D50, shape (H, W, 3), L in [0, 100], to sRGB floats in [0, 1]."""
    codecs = _codecs()
    colours: Pixels = codecs.cms_transform(
        np.ascontiguousarray(lab, np.float32),
        codecs.cms_profile("lab4"),
        codecs.cms_profile("srgb"),
        colorspace="lab",
        outcolorspace="rgb",
    )
    return np.clip(colours, 0, 1)


def _transformed(rows: Pixels, profile: bytes, space: Space) -> Pixels:
    codecs = _codecs()
    is_float = rows.dtype.kind == "f"
    data = np.ascontiguousarray(rows, rows.dtype.newbyteorder("="))
    if is_float and space == "cmyk":
        data = data * rows.dtype.type(100)  # LittleCMS expects floating ink in percent
    colours: Pixels = codecs.cms_transform(
        data,
        profile,
        codecs.cms_profile("srgb"),
        colorspace=space,
        outcolorspace="rgb",
        flags=None if data.dtype == np.uint8 else codecs.CMS.FLAGS.NOOPTIMIZE,
    )
    # Colours outside of sRGB leave [0, 1]. A picture that was outside before is not clipped, so
    # that the engine refuses it with its own message.
    if is_float and rows.min() >= 0 and rows.max() <= top_of(rows):
        np.clip(colours, 0, 1, out=colours)
    return colours


def unchanged(rows: Pixels) -> Pixels:
    """Return colours unchanged: the conversion for sRGB."""
    return rows


def _ignored(reason: str) -> str:
    return f"the colour profile was ignored and the colours taken as sRGB: {reason}"


def _name(signature: bytes) -> str:
    name = signature.decode("ascii", errors="replace").strip()
    return name if name.isascii() and name.isprintable() and name else "no known colours"


def _codecs() -> Any:  # noqa: ANN401 - a module
    """Import imagecodecs when needed: the import is slow."""
    import imagecodecs

    return imagecodecs
