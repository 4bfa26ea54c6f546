"""Small pictures of styles, made in a thread and kept in memory. No Qt here."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from napari_nst import samples
from napari_nst.errors import ImageError
from napari_nst.files.depth import as_uint8
from napari_nst.files.images import read_picture
from napari_nst.plugin.gallery.shelf import Style

SIDE_PX = 112
"""Twice what is shown, for screens of twice the density."""

MOST_KEPT = 96
"""Of 37 KB each: more than the gallery can list at once."""

_GREY = (128, 128, 128)
"""What shows through transparent places."""

_Stamp = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small picture, or why there is none.

    Parameters
    ----------
    pixels : array or None, shape (SIDE_PX, SIDE_PX, 3), uint8
        The middle of the style.
    problem
        A sentence; empty if there is a picture.
    """

    pixels: npt.NDArray[np.uint8] | None
    problem: str = ""


class Thumbnails:
    """Makes thumbnails one after another; what is asked for again is made only if its file changed.

    Its thread touches nothing of Qt, so a viewer may close meanwhile. It lasts as long as
    something is asked for, and after `drop` for one picture more.
    """

    def __init__(self) -> None:
        self._made: OrderedDict[Style, tuple[_Stamp | None, Thumbnail]] = OrderedDict()
        self._asked: list[Style] = []
        self._lock = threading.Lock()
        self._is_working = False

    @property
    def is_working(self) -> bool:
        """Whether some are still to come."""
        return self._is_working

    def get(self, style: Style) -> Thumbnail | None:
        """Return the newest thumbnail of a style; None before the first."""
        with self._lock:
            made = self._made.get(style)
        return None if made is None else made[1]

    def ask(self, styles: Iterable[Style]) -> None:
        """Make thumbnails of these, instead of those asked for before."""
        with self._lock:
            self._asked = list(styles)
            starts = bool(self._asked) and not self._is_working
            self._is_working = self._is_working or starts
        if starts:
            threading.Thread(target=self._work, name="napari-nst thumbnails").start()

    def drop(self) -> None:
        """Make no more of those asked for."""
        self.ask(())

    def _work(self) -> None:
        while (style := self._next()) is not None:
            stamp = _stamp_of(style)
            with self._lock:
                before = self._made.get(style)
            if before is None or before[0] != stamp or stamp is None:
                made = thumbnail_of(style)
                with self._lock:
                    self._made[style] = (stamp, made)
                    self._made.move_to_end(style)
                    while len(self._made) > MOST_KEPT:
                        self._made.popitem(last=False)

    def _next(self) -> Style | None:
        with self._lock:
            style = self._asked.pop(0) if self._asked else None
            self._is_working = style is not None
            return style


def thumbnail_of(style: Style) -> Thumbnail:
    """Make a thumbnail in the calling thread."""
    if style.kind == "sample":
        return Thumbnail(shrunk(samples.style(style.name)))
    try:
        return Thumbnail(shrunk(read_picture(style.name, note=lambda _: None)))
    except ImageError as error:
        return Thumbnail(None, str(error))
    except (OSError, MemoryError) as error:
        return Thumbnail(None, f"{style.name} cannot be shown: {error or 'memory ran out'}")


def shrunk(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Cut the largest square out of a picture's middle and shrink it.

    Parameters
    ----------
    picture : array, shape (H, W), (H, W, 3) or (H, W, 4), uint8, uint16 or float in [0, 1]
        Any picture that was read.

    Returns
    -------
    array, shape (SIDE_PX, SIDE_PX, 3), uint8
    """
    # Four pixels for each that is shown are enough, and take little memory of a large scan.
    step = max(1, min(picture.shape[:2]) // (4 * SIDE_PX))
    few = picture[::step, ::step]
    eight_bits = as_uint8(np.nan_to_num(few) if few.dtype.kind == "f" else few)
    small = ImageOps.fit(Image.fromarray(np.ascontiguousarray(eight_bits)), (SIDE_PX, SIDE_PX))
    ground = Image.new("RGBA", small.size, _GREY)
    return np.asarray(Image.alpha_composite(ground, small.convert("RGBA")).convert("RGB"))


def _stamp_of(style: Style) -> _Stamp | None:
    """Return what changes with a file; None where there is none, so that it is looked at again."""
    if style.kind == "sample":
        return (0, 0)
    try:
        status = os.stat(style.name)
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size)
