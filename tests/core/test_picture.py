import numpy as np
import pytest
import torch
from PIL import Image

from napari_nst.core.picture import (
    fit_longest_side,
    read_picture,
    resize,
    rotated,
    rotated_size,
    write_array,
)
from napari_nst.errors import ImageError


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_picture_comes_back_as_it_went_in(dtype: type, channels: int) -> None:
    generator = np.random.default_rng(0)
    array = generator.random((9, 7, channels))
    if np.issubdtype(dtype, np.integer):
        array = array * np.iinfo(dtype).max
    array = array.astype(dtype)
    array[..., 3:] = 1 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
    picture = read_picture(array, "content")
    back = write_array(picture.rgb, picture)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, array, atol=1e-6 if array.dtype.kind == "f" else 0)


def test_grey_becomes_rgb() -> None:
    picture = read_picture(np.full((5, 6), 51, np.uint8), "content")
    assert picture.rgb.shape == (1, 3, 5, 6)
    assert float(picture.rgb.max()) == pytest.approx(0.2)
    assert write_array(picture.rgb, picture).shape == (5, 6, 3)


def test_colours_hidden_by_transparency_are_not_painted() -> None:
    array = np.zeros((4, 4, 4), np.uint8)
    array[:2] = (200, 100, 50, 255)
    picture = read_picture(array, "content")
    assert (picture.rgb * 255)[0, :, 3, 3].tolist() == pytest.approx([200, 100, 50], abs=0.01)
    assert (write_array(picture.rgb, picture)[..., 3] == array[..., 3]).all()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 5, 3), np.uint8), "shape"),
        (np.zeros((4, 5, 2), np.uint8), "shape"),
        (np.zeros((0, 5), np.uint8), "shape"),
        (np.zeros((4, 5, 1), np.uint8), "one of its channels"),
        (np.zeros((2, 2, 4, 5, 3), np.uint8), r"array\[0, 0\]"),
        (np.zeros((4, 5), np.int32), r"dtype int32.*astype\(numpy.uint8\)"),
        (np.array([[-1000, 2000]], np.int16), r"-1000 to 2000.*\(array.astype\(float\) - -1000\)"),
        (np.array([[0, 2**40]], np.uint64), "dtype uint64.* 0 to 1099511627776"),
        (np.zeros((4, 5), complex), "dtype complex128"),
        (np.full((4, 5), 1.5), "from 1.5 to 1.5.*Rescale"),
        (np.array([[0.0, 254.0]]), "by / 255"),
        (np.full((4, 5), np.nan), "20 values that are not finite"),
        (np.array([[0.0, np.inf]]), "1 values that are not finite"),
        (np.zeros((4, 5, 4), np.uint8), "fully transparent"),
    ],
)
def test_what_is_no_picture_is_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_picture(array, "style")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64", "bool"])
def test_alpha_comes_back_to_the_last_bit(dtype: str) -> None:
    array = np.random.default_rng(0).uniform(0, 1, (9, 7, 4))
    if dtype == "bool":
        array = array > 0.5
    elif not dtype.startswith("float"):
        array *= np.iinfo(dtype).max
    picture = read_picture(array.astype(dtype), "content")
    back = write_array(picture.rgb, picture)
    assert back.dtype == ("uint8" if dtype == "bool" else dtype)
    scale = 255 if dtype == "bool" else 1
    np.testing.assert_array_equal(back[..., 3], array.astype(dtype)[..., 3] * scale)


def test_black_and_white_are_painted_in_8_bits() -> None:
    picture = read_picture(np.array([[True, False]]), "content")
    assert picture.rgb[0, 0].tolist() == [[1, 0]]
    assert write_array(picture.rgb, picture).tolist() == [[[255] * 3, [0] * 3]]


def test_floats_a_rounding_beyond_the_range_are_clipped() -> None:
    picture = read_picture(np.array([[-1e-7, 0.5, 1 + 1e-7]], np.float32), "content")
    assert picture.rgb[0, 0].tolist() == [[0, 0.5, 1]]


@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(23, 31), (120, 90)])
def test_resizing_is_pillows(resample: str, size: tuple[int, int]) -> None:
    array = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    expected = np.asarray(Image.fromarray(array).resize(size[::-1], filters[resample]))
    picture = read_picture(array, "content").resized(size, resample)
    np.testing.assert_array_equal(write_array(picture.rgb, picture), expected)
    fine = read_picture(array / np.float32(255), "content").resized(size, resample)
    # Pillow rounds after each of the two passes; floats are not rounded.
    np.testing.assert_allclose(write_array(fine.rgb, fine) * 255, expected, atol=1.1)


def test_enlarging_stays_within_the_range() -> None:
    steps = torch.tensor([0.0, 1.0]).repeat(4).view(1, 1, 1, 8).expand(1, 3, 8, 8)
    enlarged = resize(steps, (20, 20), "bicubic")
    assert float(enlarged.min()) >= 0
    assert float(enlarged.max()) <= 1


def test_the_longest_side_keeps_the_aspect() -> None:
    assert fit_longest_side((300, 400), 512) == (384, 512)
    assert fit_longest_side((1000, 10), 50) == (50, 1)
    assert fit_longest_side((7, 9), None) == (7, 9)


@pytest.mark.parametrize("degrees", [0, 30, -45, 90, 180.0, 271.5, 360])
def test_the_size_of_a_turned_picture_is_known_before_it_is_turned(degrees: float) -> None:
    picture = read_picture(np.zeros((21, 40, 3), np.uint8), "style")
    found, known = rotated(picture, degrees, "style").size, rotated_size((21, 40), degrees)
    assert max(abs(a - b) for a, b in zip(found, known, strict=True)) <= (degrees % 90 > 0)
