"""Read TIFF by its tags: depth, photometric interpretation, alpha, layout and order of pages.

Tags follow TIFF 6.0 (Adobe, 1992) and, for the order of pages, TIFF/EP and
Adobe's technical notes. tifffile unpacks and decompresses; libtiff (through imagecodecs)
converts YCbCr that is not JPEG, which tifffile cannot.
"""

import sys
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import tifffile
from PIL import Image

from napari_nst.errors import ImageError
from napari_nst.files.decode.colour import Space, lab_to_srgb, to_srgb, unchanged
from napari_nst.files.decode.kinds import CAMERA_RAW, DAMAGE
from napari_nst.files.decode.pixels import (
    Note,
    Pixels,
    in_strips,
    ink_to_rgb,
    inverted,
    is_ready,
    joined,
    narrowed,
    straight,
    to_depth,
    top_of,
    upright,
)

ORIENTATION_TAG = 274
_PROFILE_TAG = 34675
_DNG_VERSION_TAG = 50706
_INK_SET_TAG = 332
_PHOTOMETRIC_TAG = 262

_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _MASK, _SEPARATED, _YCBCR = range(7)
_CIELAB, _ICCLAB = LAB = 8, 9
_CFA, _LINEAR_RAW = 32803, 34892

_SPACES: dict[int, Space] = {
    **dict.fromkeys((_MIN_IS_WHITE, _MIN_IS_BLACK, _MASK), "gray"),
    **dict.fromkeys((_RGB, _PALETTE, _YCBCR, _CIELAB, _ICCLAB), "rgb"),
    _SEPARATED: "cmyk",
}
_COLOUR_SAMPLES = {_RGB: 3, _SEPARATED: 4, _YCBCR: 3, _CIELAB: 3, _ICCLAB: 3}
_MOST_GREY_SAMPLES = 4
_ASSOCIATED, _UNASSOCIATED = 1, 2
_REDUCED, _TRANSPARENCY_MASK = 1, 4

_PLAIN_COMPRESSIONS = frozenset({1, 5, 8, 32773, 32946, 34925, 50000})
"""None, LZW, Deflate, PackBits, Deflate (old), LZMA, Zstandard: of these YCbCr stays YCbCr."""

_RAW_COMPRESSIONS = frozenset({32767, 32769, 32770, 34713})
"""Sony, packed raw, Samsung and Nikon."""

_NUMBERS = (
    "imagewidth",
    "imagelength",
    "imagedepth",
    "samplesperpixel",
    "subfiletype",
    "photometric",
    "compression",
    "planarconfig",
    "rowsperstrip",
)
_PAGES_LOOKED_AT = 32


def read_tiff(file: BinaryIO, note: Note) -> Pixels:
    """Read the picture of a TIFF: its first page that is neither thumbnail nor mask.

    Returns
    -------
    ndarray, shape (H, W), (H, W, 3) or (H, W, 4), in sRGB

    Raises
    ------
    ImageError
        If it is a camera raw, too large, or its values are not valid in a picture.
    DAMAGE
        If the file is damaged.
    """
    with tifffile.TiffFile(file) as tiff:
        page = picture_page(tiff)
        if page.imagewidth * page.imagelength > 2 * (Image.MAX_IMAGE_PIXELS or sys.maxsize):
            raise ImageError(f"{page.imagewidth}x{page.imagelength} px are too many to read")
        orientation = page.tags.valueof(ORIENTATION_TAG, default=1)
        pixels, extra = _stored(tiff, page, file)
        pixels = narrowed(pixels) if _photometric(page) not in LAB else pixels
        convert = row_conversion(page, pixels, extra, note)
        if convert is _first_channel or convert is unchanged:  # the usual case takes no copy
            return upright(convert(pixels), orientation)
        height, width = pixels.shape[:2]
        return upright(in_strips(height, width, lambda rows: convert(pixels[rows])), orientation)


def read_labels(file: BinaryIO) -> Pixels:
    """Read the samples of a mask as they are stored, upright, white as the largest value.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, 3)
        Ink as RGB.

    Raises
    ------
    ImageError
        If it has several pages, or its samples are no labels.
    DAMAGE
        If the file is damaged.
    """
    with tifffile.TiffFile(file) as tiff:
        page = picture_page(tiff)
        size = page.imagelength, page.imagewidth
        pages = [_checked(each.aspage()) for each in islice(tiff.pages, _PAGES_LOOKED_AT)]
        alike = [each for each in pages if (each.imagelength, each.imagewidth) == size]
        if sum(not _is_secondary(each) for each in alike) > 1 or page.imagedepth > 1:
            raise ImageError("it has several pages; save the one that is the mask as its own file")
        pixels, _ = _stored(tiff, page, file)
        photometric = _photometric(page)
        count = _colour_samples(photometric, page, pixels.shape[2], lambda _: None)
        if count == 1 and pixels.shape[2] > 2:
            raise ImageError(f"it has {pixels.shape[2]} grey channels; save the one that is it")
        if photometric in LAB:
            raise ImageError("a mask cannot be in Lab colours; save it as RGB")
        colours = pixels[..., :count] if count > 1 else pixels[..., 0]
        if photometric == _MIN_IS_WHITE and colours.dtype.kind in "bu":
            top = (1 << page.bitspersample) - 1
            colours = ~colours if colours.dtype == bool else colours.dtype.type(top) - colours
        if photometric == _SEPARATED:
            colours = ink_to_rgb(to_depth(colours, page.bitspersample))
        return upright(colours, page.tags.valueof(ORIENTATION_TAG, default=1))


def picture_page(tiff: tifffile.TiffFile) -> Any:  # noqa: ANN401 - a TiffPage
    """Find the page with the picture; thumbnails and masks may come before it.

    A camera raw contains a thumbnail and then the sensor's mosaic. It is refused, because only
    the thumbnail could be read.
    """
    pages = list(islice(_full_pages(tiff.pages), _PAGES_LOOKED_AT))
    nested = {index: _sub_pages(page) for index, page in enumerate(pages)}
    every = [*pages, *(page for group in nested.values() for page in group)]
    if any(map(_is_raw, every)):
        raise ImageError(CAMERA_RAW)
    main = next((page for page in pages if not _is_secondary(page)), None)
    if main is not None:
        # an unmarked page may still be the thumbnail of a larger SubIFD
        every = [main, *nested[pages.index(main)]]
    primary = [page for page in every if not _is_secondary(page)]
    # max returns the first of equals: a mask or depth map of the same size comes second
    return max(primary or every, key=lambda page: page.imagewidth * page.imagelength)


def pyramid_pages(tiff: tifffile.TiffFile, main: Any) -> list[Any]:  # noqa: ANN401 - a TiffPage
    """Return the picture's page, and those with the same picture in smaller sizes.

    tifffile finds them: in SubIFDs, as OME-TIFF has them, in pages that are marked as reduced, and
    where slide scanners put them.
    """
    try:
        found = next(
            (each for each in tiff.series if each.levels[0].keyframe.offset == main.offset), None
        )
        pages = [level.pages[0] for level in found.levels[1:]] if found else []
        reduced = [_checked(page.aspage()) for page in pages if page is not None]
    except DAMAGE:  # the picture may be good where the list of all pages is not
        return [main]
    alike = [page for page in reduced if page.samplesperpixel == main.samplesperpixel]
    return [main, *alike]


def _full_pages(pages: Iterable[Any]) -> Iterable[Any]:
    """Yield pages up to the first picture: a stack may have thousands more."""
    for page in pages:
        whole = _checked(page.aspage())
        yield whole
        if not _is_secondary(whole):
            return


def _sub_pages(page: Any) -> list[Any]:  # noqa: ANN401 - a TiffPage
    nested = page.pages
    if nested is None:
        return []
    return [_checked(sub.aspage()) for sub in islice(nested, _PAGES_LOOKED_AT)]


def _checked(page: Any) -> Any:  # noqa: ANN401 - a TiffPage
    """Refuse a page with several numbers in a tag for one: a tuple would be repeated by `*`."""
    for name in _NUMBERS:
        if not isinstance(getattr(page, name), int):
            raise ImageError(f"it is damaged: its {name} is not a number")
    return page


def _is_secondary(page: Any) -> bool:  # noqa: ANN401 - a TiffPage
    return bool(page.subfiletype & (_REDUCED | _TRANSPARENCY_MASK)) or page.photometric == _MASK


def _is_raw(page: Any) -> bool:  # noqa: ANN401 - a TiffPage
    return (
        _DNG_VERSION_TAG in page.tags
        or page.photometric in (_CFA, _LINEAR_RAW)
        or page.compression in _RAW_COMPRESSIONS
    )


def _as_bytes(profile: object) -> bytes | None:
    """Return the tag's value as bytes, whichever type its writer used."""
    if isinstance(profile, tuple) and all(isinstance(each, int) for each in profile):
        return bytes(each & 255 for each in profile)
    return profile if isinstance(profile, bytes) else None


def _stored(
    tiff: tifffile.TiffFile,
    page: Any,  # noqa: ANN401 - a TiffPage
    file: BinaryIO,
) -> tuple[Pixels, tuple[int, ...]]:
    """Return the stored samples, shape (H, W, S), and the meaning of the extra ones."""
    if is_converted_by_libtiff(page):
        return _libtiff_rgb(tiff, page, file), ()
    planes = page.asarray(squeeze=False)  # (separate planes, depth, H, W, samples)
    if planes.ndim != 5:
        raise ImageError("it has no pixels")
    if planes.shape[0] > 1:
        return np.moveaxis(planes[:, 0, ..., 0], 0, -1), page.extrasamples
    return planes[0, 0], page.extrasamples


def _libtiff_rgb(
    tiff: tifffile.TiffFile,
    page: Any,  # noqa: ANN401 - a TiffPage
    file: BinaryIO,
) -> Pixels:
    import imagecodecs

    if page.bitspersample != 8 or page.is_subifd:
        raise ImageError(
            f"YCbCr of {page.bitspersample} bits or in a SubIFD cannot be read; save it as RGB"
        )
    file.seek(0)
    data = bytearray(file.read())
    tag = page.tags.get(ORIENTATION_TAG)
    if tag is not None:  # libtiff turns some orientations itself and others by half
        size = 4 if tag.dtype == tifffile.DATATYPE.LONG else 2
        at = tag.valueoffset + (0 if tiff.byteorder == "<" else size - 1)
        data[tag.valueoffset : tag.valueoffset + size] = bytes(size)
        data[at] = 1
    return np.asarray(imagecodecs.tiff_decode(bytes(data), page.index, asrgb=True))[..., :3]


def row_conversion(
    page: Any,  # noqa: ANN401 - a TiffPage
    pixels: Pixels,
    extra: tuple[int, ...],
    note: Note,
    *,
    main: Any = None,  # noqa: ANN401 - a TiffPage
) -> Callable[[Pixels], Pixels]:
    """Return a function that converts rows of stored samples to grey, RGB or RGBA in sRGB.

    Parameters
    ----------
    page
        The page with the picture.
    pixels : ndarray, shape (H, W, S)
        Stored samples, or a part of them.
    extra
        The meaning of the samples after the colours.
    note
        Called with a sentence about each part that is ignored.
    main
        Of a level of a pyramid, the page of the whole picture: it has the colour profile.
    """
    photometric = _photometric(page)
    count = _colour_samples(photometric, page, pixels.shape[2], note)
    marked = [at for at, kind in enumerate(extra) if kind in (_ASSOCIATED, _UNASSOCIATED)]
    # only what is marked as alpha is alpha: other extra samples would make the picture vanish
    alpha_at = count + marked[0] if marked and count + marked[0] < pixels.shape[2] else None
    is_premultiplied = alpha_at is not None and extra[marked[0]] == _ASSOCIATED
    bits = page.bitspersample if isinstance(page.bitspersample, int) else None
    interpret = _interpreter(photometric, page)
    is_lab = photometric in LAB  # a profile would describe Lab itself
    profile = None if is_lab else _as_bytes((main or page).tags.valueof(_PROFILE_TAG))
    convert = to_srgb(profile, _SPACES.get(photometric, "rgb"), note)

    is_plain = photometric in (_MIN_IS_BLACK, _RGB, _YCBCR) and convert is unchanged
    if is_plain and alpha_at is None and count == pixels.shape[2] and is_ready(pixels, bits):
        return _first_channel if count == 1 else unchanged

    def convert_rows(rows: Pixels) -> Pixels:
        colours = rows[..., :count]
        if photometric != _PALETTE and not is_lab:
            colours = to_depth(colours, bits)
        if alpha_at is None:
            return convert(interpret(colours))
        alpha = to_depth(rows[..., alpha_at], bits)
        if is_premultiplied and colours.dtype == alpha.dtype and photometric != _PALETTE:
            colours = straight(colours, alpha)
        colours = convert(interpret(colours))
        if colours.dtype == np.uint8 and alpha.dtype == np.uint16:  # 16-bit indices in a palette
            alpha = (alpha >> 8).astype(np.uint8)
        return joined(colours, alpha)

    return convert_rows


def is_converted_by_libtiff(page: Any) -> bool:  # noqa: ANN401 - a TiffPage
    """Return whether only libtiff converts a page, and only as a whole: YCbCr that is not JPEG."""
    return bool(page.photometric == _YCBCR and page.compression in _PLAIN_COMPRESSIONS)


def _first_channel(rows: Pixels) -> Pixels:
    return rows[..., 0]


def _photometric(page: Any) -> int:  # noqa: ANN401 - a TiffPage
    """Return the photometric interpretation; without the tag, the same guess as libtiff."""
    if _PHOTOMETRIC_TAG in page.tags or page.photometric == _YCBCR:
        return int(page.photometric)
    return _RGB if page.samplesperpixel >= 3 else _MIN_IS_BLACK


def _colour_samples(
    photometric: int,
    page: Any,  # noqa: ANN401 - a TiffPage
    samples: int,
    note: Note,
) -> int:
    """Return the number of colour samples per pixel; refuse numbers that make no picture."""
    if photometric not in _SPACES:
        raise ImageError(f"its PhotometricInterpretation is {photometric}; save it as RGB")
    if photometric == _SEPARATED and page.tags.valueof(_INK_SET_TAG, default=1) != 1:
        raise ImageError("its inks are not CMYK; save it as RGB")
    count = _COLOUR_SAMPLES.get(photometric, 1)
    is_grey = count == 1
    if samples < count or (is_grey and samples > _MOST_GREY_SAMPLES):
        expected = "one, grey, or two to four with extra ones" if is_grey else str(count)
        raise ImageError(f"expected {expected} channels; got {samples}. Save it as grey or RGB")
    if is_grey and samples > 2:
        note(f"only the first of its {samples} channels is read: its tags call it grey")
    return count


def _interpreter(
    photometric: int,
    page: Any,  # noqa: ANN401 - a TiffPage
) -> Callable[[Pixels], Pixels]:
    """Return a function that converts rows of samples, (H, W, S), to grey (H, W), RGB or CMYK."""
    if photometric == _MIN_IS_WHITE:
        return lambda rows: inverted(rows[..., 0])
    if photometric in (_MIN_IS_BLACK, _MASK):
        return lambda rows: rows[..., 0]
    if photometric == _PALETTE:
        colormap = np.asarray(page.colormap)
        # some writers fill the 16-bit table with 8-bit values; libtiff knows them alike
        table = (colormap >> 8 if colormap.max() > 255 else colormap).astype(np.uint8).T
        return lambda rows: table[rows[..., 0].astype(np.intp)]
    if photometric in LAB:
        return lambda rows: _lab(rows, is_offset=photometric == _ICCLAB)
    return lambda rows: rows


def _lab(rows: Pixels, *, is_offset: bool) -> Pixels:
    """Turn stored CIELAB into sRGB of the same depth.

    TIFF 6.0, section 23: L is scaled to the whole range, a and b are signed, in 16 bits with
    256 steps a unit; ICCLAB adds 128 to a and b instead. Floats are the numbers themselves.
    """
    if rows.dtype.kind == "f":
        return lab_to_srgb(rows).astype(rows.dtype)
    bytes_each = rows.dtype.itemsize
    if bytes_each > 2:
        raise ImageError(f"Lab colours of {rows.dtype} cannot be read; save it with 16 bits")
    unsigned, signed, steps = ("u1", "i1", 1) if bytes_each == 1 else ("u2", "i2", 256)
    levels = rows.astype(unsigned)
    top = top_of(levels)
    lab: Pixels = levels.astype(np.float32)
    lab[..., 0] *= 100 / top
    if not is_offset:
        lab[..., 1:] = levels[..., 1:].astype(signed)
    lab[..., 1:] /= steps
    if is_offset:
        lab[..., 1:] -= 128
    converted: Pixels = np.rint(lab_to_srgb(lab) * top).astype(unsigned)
    return converted
