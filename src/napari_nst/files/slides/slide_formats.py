"""Slide scanners' own formats, by OpenSlide or tiffslide where one of them is installed."""

import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_nst.errors import ImageError, is_out_of_memory
from napari_nst.files.decode.kinds import first_line
from napari_nst.files.slides.extent import Extent
from napari_nst.settings.pixels import PixelSource, is_large, nearest_level

_OWN = (".mrxs", ".vms", ".vmu", ".zvi")
_OF_TIFF = (".ndpi", ".scn", ".bif", ".svslide")
"""Which are read as any other TIFF where neither library is installed."""


def is_slide(path: Path) -> bool:
    """Return whether a file is of a format that only these libraries read, or read better."""
    suffix = path.suffix.lower()
    return suffix in _OWN or (suffix in _OF_TIFF and _library() is not None)


class SlideLevel:
    """A level of a slide, shape (H, W, 3), uint8, read by slicing.

    Parameters
    ----------
    name
        The file, for messages.
    slide
        Of OpenSlide or tiffslide; closed when this object is gone.
    level
        Its index.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, name: str, slide: Any, level: int) -> None:  # noqa: ANN401 - untyped
        self._name, self._slide, self._level = name, slide, level
        weakref.finalize(self, slide.close)
        width, height = slide.level_dimensions[level]
        self.shape: tuple[int, ...] = (int(height), int(width), 3)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - as numpy's
        """Return a slice of rows, or of rows and columns; white where nothing was scanned.

        Raises
        ------
        ImageError
            If the file is damaged there, or ends early.
        """
        index = index if isinstance(index, tuple) else (index,)
        (top, bottom, _), (left, right, _) = (
            each.indices(length)
            for each, length in zip((*index[:2], slice(None))[:2], self.shape[:2], strict=True)
        )
        step = self._slide.level_downsamples[self._level]
        corner, size = (round(left * step), round(top * step)), (right - left, bottom - top)
        try:
            part = np.asarray(self._slide.read_region(corner, self._level, size))
        except Exception as error:  # whatever decoder raises
            if is_out_of_memory(error):
                raise
            raise ImageError(
                f"{self._name} cannot be read between its rows {top} and {bottom}: it is damaged "
                f"or cut short ({first_line(error)})"
            ) from error
        if part.shape[2] == 4:  # OpenSlide's colours are multiplied by their opacity
            part = part[..., :3] + (255 - part[..., 3:])
        return part[(slice(None), slice(None), *index[2:])]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Read the whole."""
        return np.asarray(self[:], dtype)


def open_slide(path: Path, *, least_px: int | None) -> PixelSource:
    """Open the level of a slide that is nearest to a size.

    Parameters
    ----------
    path
        A file with `is_slide`.
    least_px
        The shorter side that is needed; None for the finest level.

    Raises
    ------
    ImageError
        If neither library is installed, or the file is damaged or of another kind.
    """
    slide = _opened(path)
    sizes = [(int(height), int(width)) for width, height in slide.level_dimensions]
    level = SlideLevel(str(path), slide, nearest_level(sizes, least_px))
    return level if is_large(level.shape) else level[:]


def slide_extent(path: Path) -> Extent | None:
    """Return how much a slide covers; None where it does not tell."""
    with closing(_opened(path)) as slide:
        width, height = slide.level_dimensions[0]
        known = {key.partition(".")[2]: value for key, value in slide.properties.items()}
    try:
        across, down = float(known["mpp-x"]), float(known["mpp-y"])
    except (KeyError, TypeError, ValueError):
        return None
    return Extent(height * down, width * across, unit="micrometer")


def _library() -> Callable[[str], Any] | None:
    try:
        from openslide import OpenSlide

        return OpenSlide  # type: ignore[no-any-return]
    except (ImportError, OSError):  # OSError: its C library is missing
        pass
    try:
        from tiffslide import TiffSlide
    except ImportError:
        return None
    return TiffSlide


def _opened(path: Path) -> Any:  # noqa: ANN401 - untyped
    library = _library()
    if library is None:
        raise ImageError(
            f"{path} is a slide scanner's file, which needs OpenSlide. Install it: "
            "pip install openslide-python openslide-bin"
        )
    try:
        return library(str(path))
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist") from error
    except Exception as error:  # whatever a library raises for another kind of file
        raise ImageError(
            f"{path} cannot be read as a slide: it is damaged, cut short, or of a kind that "
            f"{library.__name__} does not read ({first_line(error)})"
        ) from error
