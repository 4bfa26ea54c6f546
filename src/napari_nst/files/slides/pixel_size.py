"""Read how much of the world a file's picture covers."""

import re
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from napari_nst.files.decode.kinds import DAMAGE
from napari_nst.files.slides.extent import Extent
from napari_nst.files.slides.slide_formats import is_slide, slide_extent
from napari_nst.files.slides.zarr_reading import is_zarr, open_levels

_UNITS = {
    **{"µm": "micrometer", "\N{GREEK SMALL LETTER MU}m": "micrometer", "um": "micrometer"},
    **{"nm": "nanometer", "mm": "millimeter", "cm": "centimeter", "m": "meter", "km": "kilometer"},
    **{"Å": "angstrom", "pm": "picometer", "in": "inch", "ft": "foot"},
}
"""OME-XML's names; it counts in micrometres where it names none."""

_APERIO = re.compile(r"\|\s*MPP\s*=\s*([0-9.]+)")


def extent_of(path: Path) -> Extent | None:
    """Return what a picture that can be opened covers; None where its file does not tell.

    OME-Zarr, OME-TIFF, Aperio's TIFF and slides tell. The dots per inch of photographs are of no
    use: programs write 72 or 300 into whatever they save.

    Raises
    ------
    ImageError
        If a zarr folder or slide cannot be read.
    """
    if is_zarr(path):
        return open_levels(path).extent
    if is_slide(path):
        return slide_extent(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            if tiff.ome_metadata:
                return _ome_extent(tiff.ome_metadata)
            page = tiff.pages.first
            found = _APERIO.search(page.description) if tiff.is_svs else None
            step = float(found[1]) if found else 0.0
    except (*DAMAGE, ElementTree.ParseError):
        return None
    if not step:
        return None
    return Extent(page.imagelength * step, page.imagewidth * step, unit="micrometer")


def _ome_extent(text: str) -> Extent | None:
    """Read the size of the first picture in OME-XML."""
    for element in ElementTree.fromstring(text).iter():
        if element.tag.rpartition("}")[2] == "Pixels":
            known = element.attrib
            if "PhysicalSizeX" not in known or "PhysicalSizeY" not in known:
                return None
            height, width = (
                int(known[f"Size{axis}"]) * float(known[f"PhysicalSize{axis}"]) for axis in "YX"
            )
            units = {_UNITS.get(known.get(f"PhysicalSize{axis}Unit", "µm"), "") for axis in "YX"}
            return Extent(height, width, unit=units.pop() if len(units) == 1 else "")
    return None
