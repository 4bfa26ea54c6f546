"""Read a large TIFF by pieces: only the tiles or strips that a slice needs are decoded."""

import weakref
from collections.abc import Callable, Iterator
from functools import lru_cache
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import tifffile

from napari_nst.errors import ImageError, is_out_of_memory
from napari_nst.files.decode.kinds import DAMAGE, first_line
from napari_nst.files.decode.pixels import Note, Pixels, is_wide, narrowed
from napari_nst.files.decode.tiff import (
    LAB,
    ORIENTATION_TAG,
    is_converted_by_libtiff,
    picture_page,
    pyramid_pages,
    row_conversion,
)
from napari_nst.settings.pixels import is_large, nearest_level, split_rows

_CACHE_BYTES = 128 << 20
"""Decoded segments are kept, as the next rows are often in the same tiles."""

_FLIPPED_ROWS, _FLIPPED_COLUMNS, _SIDEWAYS = (3, 4), (2, 3), (5, 6, 7, 8)


class TiffRows:
    """The picture of a TIFF, shape (H, W) or (H, W, C), read by slicing.

    Parameters
    ----------
    name
        The file's, for messages.
    file
        Stays open until `close`, or until this object is gone.
    page
        The page with the picture, or with a level of its pyramid, a TiffPage.
    note
        Called with a sentence about each part that is ignored.
    main
        The page with the whole picture, whose tags hold for its levels.
    """

    def __init__(
        self,
        name: str,
        file: BinaryIO,
        page: Any,  # noqa: ANN401
        note: Note,
        *,
        main: Any,  # noqa: ANN401
    ) -> None:
        self._name, self._file, self._page = name, file, page
        self._lock = Lock()
        self._close = weakref.finalize(self, file.close)
        self._orientation = main.tags.valueof(ORIENTATION_TAG, default=1)
        kept = max(1, _CACHE_BYTES // segment_bytes(page))
        self._segment: Callable[[int], Pixels | None] = lru_cache(kept)(self._decode)
        self._is_narrow = page.photometric not in LAB and self._fits_bytes()
        sample = np.zeros((1, 1, page.samplesperpixel), page.dtype)
        sample = sample.astype(np.uint8) if self._is_narrow else sample
        self._convert = row_conversion(page, sample, page.extrasamples, note, main=main)
        converted = self._convert(sample)
        self.shape = (int(page.imagelength), int(page.imagewidth), *converted.shape[2:])
        self.dtype = converted.dtype
        self.ndim = len(self.shape)

    def close(self) -> None:
        """Close the file."""
        self._close()

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Read the whole."""
        return np.asarray(self[:], dtype)

    def __getitem__(self, index: Any) -> Pixels:  # noqa: ANN401 - as numpy's
        """Return the pixels of a slice of rows, or of rows and columns; more as numpy would.

        Raises
        ------
        ImageError
            If the file has become shorter, or what is needed of it is damaged.
        """
        index = index if isinstance(index, tuple) else (index,)
        if not all(isinstance(each, slice) for each in index[:2]):
            raise TypeError(f"rows and columns are slices with a step of 1; got {index}")
        (top, bottom), (left, right) = (
            _ends(each, length)
            for each, length in zip((*index[:2], slice(None))[:2], self.shape[:2], strict=True)
        )
        if self._orientation in _FLIPPED_ROWS:
            top, bottom = self.shape[0] - bottom, self.shape[0] - top
        if self._orientation in _FLIPPED_COLUMNS:
            left, right = self.shape[1] - right, self.shape[1] - left
        try:
            stored = self._stored(top, bottom, left, right)
            pixels = self._convert(stored.astype(np.uint8) if self._is_narrow else stored)
        except ImageError as error:
            raise ImageError(f"{self._name} cannot be read as a picture: {error}") from error
        except DAMAGE as error:
            if is_out_of_memory(error):
                raise
            raise ImageError(
                f"{self._name} cannot be read between its rows {top} and {bottom}: it is damaged, "
                f"cut short or was changed meanwhile ({first_line(error)})"
            ) from error
        rows = slice(None, None, -1 if self._orientation in _FLIPPED_ROWS else 1)
        columns = slice(None, None, -1 if self._orientation in _FLIPPED_COLUMNS else 1)
        return pixels[rows, columns][(slice(None), slice(None), *index[2:])]

    def _stored(self, top: int, bottom: int, left: int, right: int) -> Pixels:
        """Return stored samples, shape (rows, columns, S)."""
        page = self._page
        if is_one_block(page):
            return self._plain_rows(top, bottom)[:, left:right]
        pixels = np.full(
            (bottom - top, right - left, page.samplesperpixel), page.nodata, page.dtype
        )
        for plane, y, x, segment in self._segments(top, bottom, left, right):
            if segment is None:  # an empty segment of a sparse file
                continue
            height, width = segment.shape[:2]
            first, last = max(y, top), min(y + height, bottom)
            start, stop = max(x, left), min(x + width, right)
            channels = slice(plane, plane + 1) if is_planar(page) else slice(None)
            pixels[first - top : last - top, start - left : stop - left, channels] = segment[
                first - y : last - y, start - x : stop - x
            ]
        return pixels

    def _fits_bytes(self) -> bool:
        """Return whether all of it is `narrowed` to 8 bits."""
        height, width = int(self._page.imagelength), int(self._page.imagewidth)
        return is_wide(self._page.dtype) and all(
            narrowed(self._stored(rows.start, rows.stop, 0, width)).dtype == np.uint8
            for rows in split_rows(slice(0, height), width)
        )

    def _segments(
        self, top: int, bottom: int, left: int, right: int
    ) -> Iterator[tuple[int, int, int, Pixels | None]]:
        """Yield plane, row, column and samples of the segments that a rectangle needs."""
        page = self._page
        height, width = _segment_size(page)
        down, across = -(-page.imagelength // height), -(-page.imagewidth // width)
        for plane in range(page.samplesperpixel if is_planar(page) else 1):
            for i in range(top // height, -(-bottom // height)):
                for j in range(left // width, -(-right // width)):
                    segment = self._segment((plane * down + i) * across + j)
                    yield plane, i * height, j * width, segment

    def _decode(self, index: int) -> Pixels | None:
        page = self._page
        count = page.databytecounts[index]
        if not count:
            return None
        data = self._bytes(page.dataoffsets[index], count)
        segment, _, _ = page.decode(
            data, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader
        )
        return None if segment is None else np.asarray(segment[0])

    def _plain_rows(self, top: int, bottom: int) -> Pixels:
        """Read rows of a picture that is not compressed, in one block or one for each plane."""
        page = self._page
        samples = 1 if is_planar(page) else page.samplesperpixel
        dtype = page.dtype.newbyteorder(page.parent.byteorder)
        row_bytes = page.imagewidth * samples * dtype.itemsize
        plane_bytes = page.imagelength * row_bytes
        planes = [
            np.frombuffer(
                self._bytes(
                    page.dataoffsets[0] + plane * plane_bytes + top * row_bytes,
                    (bottom - top) * row_bytes,
                ),
                dtype,
            ).reshape(bottom - top, page.imagewidth, samples)
            for plane in range(page.samplesperpixel if is_planar(page) else 1)
        ]
        return np.concatenate(planes, axis=2).astype(page.dtype, copy=False)

    def _bytes(self, offset: int, count: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(count)
        if len(data) < count:
            raise EOFError(f"{count} bytes expected at {offset}, {len(data)} found")
        return data


def open_tiff(
    name: str, file: BinaryIO, note: Note, *, least_px: int | None = None
) -> TiffRows | None:
    """Open the picture of a large TIFF, or a level of its pyramid, to be read by pieces.

    Parameters
    ----------
    name, file, note
        As for `TiffRows`.
    least_px
        The shorter side that is needed of a pyramid's level; None for the finest.

    Returns
    -------
    TiffRows or None
        None if it is small, or can only be read whole: YCbCr that is not JPEG, pictures that
        are stored sideways, and segments that are as large as the picture.
    """
    tiff = tifffile.TiffFile(file)
    main = picture_page(tiff)
    if not is_large((main.imagelength, main.imagewidth)):
        return None
    levels = [main] if least_px is None else pyramid_pages(tiff, main)
    sizes = [(page.imagelength, page.imagewidth) for page in levels]
    page = levels[nearest_level(sizes, least_px)]
    if (
        page.imagedepth != 1
        or is_converted_by_libtiff(page)
        or main.tags.valueof(ORIENTATION_TAG, default=1) in _SIDEWAYS
        or not (is_one_block(page) or segment_bytes(page) <= _CACHE_BYTES)
    ):
        return None
    return TiffRows(name, file, page, note, main=main)


def is_planar(page: Any) -> bool:  # noqa: ANN401 - a TiffPage
    """Return whether each sample has a plane of its own."""
    return bool(page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.samplesperpixel > 1)


def is_one_block(page: Any) -> bool:  # noqa: ANN401 - a TiffPage
    """Return whether rows are at known places: not compressed, and contiguous in the file."""
    bits = page.bitspersample
    return bool(
        page.is_contiguous
        and not page.is_tiled
        and page.compression == 1
        and page.predictor == 1
        and page.fillorder == 1
        and page.dtype is not None
        and page.dtype.kind in "uif"
        and bits == page.dtype.itemsize * 8
    )


def segment_bytes(page: Any) -> int:  # noqa: ANN401 - a TiffPage
    """Return the size of a decoded tile or strip."""
    height, width = _segment_size(page)
    samples = 1 if is_planar(page) else page.samplesperpixel
    return int(height * width * samples * page.dtype.itemsize)


def _segment_size(page: Any) -> tuple[int, int]:  # noqa: ANN401 - a TiffPage
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def _ends(part: slice, length: int) -> tuple[int, int]:
    start, stop, step = part.indices(length)
    if step != 1:
        raise TypeError(f"rows and columns are slices with a step of 1; got {part}")
    return start, max(start, stop)
