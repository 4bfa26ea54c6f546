"""Pictures by pieces: rows of a picture are those of the whole, however it is read."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import napari_nst.settings.pixels
from napari_nst.core.arrays import as_array
from napari_nst.core.colours.gaussian import colour_statistics, colour_statistics_by_pieces
from napari_nst.core.picture import (
    ArrayPicture,
    read_by_pieces,
    read_picture,
    write_array,
    write_rows,
)
from napari_nst.errors import ImageError
from napari_nst.settings.record import picture_hash

DTYPES = (np.uint8, np.uint16, np.float16, np.float32, np.float64)
HEIGHTS = st.integers(1, 70)
# torch's antialiased resizing of pictures that are one pixel wide is wrong, where three channels
# of a column look like a channels-last tensor
WIDTHS = st.integers(2, 70)


def array_of(size, channels, dtype, seed=0):
    values = np.random.default_rng(seed).random((*size, channels) if channels > 1 else size)
    if np.dtype(dtype).kind == "u":
        values = values * np.iinfo(dtype).max
    return np.asarray(values, dtype)


class Rows:
    """An array that counts the rows that are read, and is larger than it says on request."""

    def __init__(self, array, shape=None):
        self.array, self.shape, self.dtype = array, shape or array.shape, array.dtype
        self.read, self.most = [], 0

    def __getitem__(self, rows):
        self.read += range(*rows.indices(self.shape[0]))
        self.most = max(self.most, rows.stop - rows.start)
        return self.array[rows]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """A few rows at a time, so that small pictures have many pieces."""
    monkeypatch.setattr(napari_nst.settings.pixels, "PIECE_PIXELS", 300)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_piece_is_the_rows_of_the_whole(data):
    source, size = ((data.draw(HEIGHTS), data.draw(WIDTHS)) for _ in range(2))
    resample = data.draw(st.sampled_from(["bilinear", "bicubic"]))
    dtype = data.draw(st.sampled_from(DTYPES))
    array = array_of(source, data.draw(st.sampled_from([1, 3, 4])), dtype)
    start = data.draw(st.integers(0, size[0] - 1))
    rows = slice(start, data.draw(st.integers(start + 1, size[0])))
    held = read_picture(array, "content")
    expected = held.resized(size, resample)
    # hidden colours are mixed by a mean, whose sum in another order may round another way
    tolerance = 1.01 / 255 if dtype == np.uint8 and array.ndim == 3 else 1e-5
    for picture in (held, read_by_pieces(array, "content")):
        piece = picture.piece(size, resample, rows)
        assert piece.rgb.dtype == torch.float32
        torch.testing.assert_close(piece.rgb, expected.rgb[:, :, rows], rtol=0, atol=tolerance)
        if expected.alpha is None:
            assert piece.alpha is None
        else:
            torch.testing.assert_close(piece.alpha, expected.alpha[:, :, rows], rtol=0, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(source=st.tuples(HEIGHTS, WIDTHS), size=st.tuples(HEIGHTS, WIDTHS))
def test_eight_bits_by_pieces_equal_pillow(source, size):
    array = array_of(source, 3, np.uint8)
    columns = Image.fromarray(array).resize((size[1], source[0]), Image.Resampling.BICUBIC)
    expected = np.asarray(columns.resize(size[::-1], Image.Resampling.BICUBIC))
    piece = read_by_pieces(array, "content").resized(size, "bicubic")
    levels = (piece.rgb[0] * 255).round().permute(1, 2, 0)
    np.testing.assert_array_equal(levels.numpy(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_unresized_rows_are_exact(dtype):
    array = array_of((40, 30), 3, dtype)
    picture = read_by_pieces(array, "content")
    expected = read_picture(array, "content").rgb
    torch.testing.assert_close(
        picture.piece((40, 30), "bicubic", slice(7, 21)).rgb, expected[:, :, 7:21], rtol=0, atol=0
    )
    torch.testing.assert_close(picture.rgb, expected, rtol=0, atol=0)


def test_only_the_rows_that_are_needed_are_read():
    rows = Rows(array_of((400, 30), 3, np.uint8))
    picture = read_by_pieces(rows, "content")
    assert not rows.read  # integers need no check of their values
    picture.piece((400, 30), "bicubic", slice(100, 120))
    assert sorted(rows.read) == list(range(100, 120))
    rows.read.clear()
    picture.piece((100, 20), "bicubic", slice(50, 52))
    assert min(rows.read) >= 200 - 8
    assert max(rows.read) < 208 + 8
    assert rows.most <= 20  # of 30 or fewer pixels, 300 at a time


def test_a_strong_reduction_reads_in_parts():
    rows = Rows(array_of((4000, 10), 3, np.uint16))
    reduced = read_by_pieces(rows, "content").piece((4, 2), "bilinear", slice(0, 4))
    assert reduced.rgb.shape == (1, 3, 4, 2)
    assert rows.most <= 30


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("opacity", [None, 0.25])
def test_colours_by_pieces_equal_those_of_the_whole(channels, opacity):
    array = array_of((90, 31), channels, np.float32)
    if opacity is not None:
        array[..., 3:] = opacity
        array[:30, ..., 3:] = 0
    held, kept = read_picture(array, "style"), read_by_pieces(array, "style")
    expected = held.colours
    pieces = (
        (held.rgb[:, :, n : n + 7], None if held.alpha is None else held.alpha[:, :, n : n + 7])
        for n in range(0, 90, 7)
    )
    found = colour_statistics_by_pieces(pieces)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(found.second, expected.second, rtol=1e-12)
    np.testing.assert_allclose(kept.colours.mean, expected.mean, rtol=1e-6)
    assert expected.mean.tolist() == colour_statistics(held.rgb, held.alpha).mean.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(40, 30), (23, 57)])
def test_rows_of_a_result_are_those_of_its_array(dtype, channels, size):
    like = read_by_pieces(array_of((40, 30), channels, dtype), "content")
    rgb = torch.rand(1, 3, *size) * 1.2 - 0.1
    expected = write_array(rgb, read_picture(like.source, "content"))
    found = np.empty_like(expected)
    for start in range(0, size[0], 9):
        rows = slice(start, min(start + 9, size[0]))
        found[rows] = write_rows(rgb[:, :, rows], like, size, rows)
    assert found.dtype == dtype
    steps = 1 if np.dtype(dtype).kind == "u" else 1e-5
    np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=steps)
    np.testing.assert_array_equal(found[..., :3], expected[..., :3])


@pytest.mark.parametrize("value", [1.5, -0.1, np.nan, np.inf])
def test_values_are_checked_by_pieces(value):
    array = array_of((50, 20), 3, np.float32)
    array[45, 3] = value
    with pytest.raises(ImageError, match=r"Rescale|not finite"):
        read_by_pieces(array, "content")


def test_a_source_that_shrinks_is_named():
    shrunk = Rows(array_of((20, 20), 3, np.uint8), shape=(50, 20, 3))
    picture = read_by_pieces(shrunk, "content")
    with pytest.raises(ImageError, match=r"rows 15 to 30 have shape .*may have changed"):
        picture.piece((50, 20), "bicubic", slice(15, 30))


def test_a_source_that_fails_is_named():
    class Broken(Rows):
        def __getitem__(self, rows):
            raise OSError("the drive is gone")

    picture = read_by_pieces(Broken(array_of((20, 20), 3, np.uint8)), "style 2")
    with pytest.raises(ImageError, match=r"style 2 is a Broken .*the drive is gone"):
        picture.resized((10, 10), "bicubic")


def test_large_pictures_stay_in_their_array(monkeypatch):
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)
    rows = Rows(array_of((50, 21), 3, np.uint8))
    assert as_array(rows, "content") is rows
    assert isinstance(read_picture(rows, "content"), ArrayPicture)
    assert not isinstance(read_picture(rows.array[:40], "content"), ArrayPicture)
    with pytest.raises(ImageError, match="shape"):
        read_picture(Rows(np.zeros((60, 60, 2), np.uint8)), "content")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_hash_by_pieces_is_that_of_the_whole(dtype, channels):
    array = array_of((50, 21), channels, dtype)
    for each in (
        array,
        array[::-1, ::2],
        np.asfortranarray(array),
        array.astype(array.dtype.newbyteorder()),
    ):
        whole = np.ascontiguousarray(each)
        expected = hashlib.sha256(f"{whole.dtype.str}{whole.shape}".encode() + whole.tobytes())
        assert picture_hash(each) == picture_hash(Rows(each)) == expected.hexdigest()
