"""Each file of cases/, and the values that it must give."""

import numpy as np
import pytest

from napari_nst.files.images import read_picture
from tests.files.decode.formulas import CASES

DRAWN = [(200, 40, 40), (40, 180, 60), (40, 60, 200), (220, 210, 60)]
FROM_P3 = [(220, 0, 17), (0, 185, 23), (28, 58, 209), (223, 211, 0)]
FROM_ADOBE = [(233, 35, 35), (0, 181, 42), (21, 57, 205), (225, 211, 33)]


def quadrants(pixels):
    height, width = pixels.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return np.array([pixels[row, column] for row in rows for column in columns]).astype(float)


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        ("plain.png", DRAWN, 0),
        ("exif_repr.png", DRAWN, 0),
        ("extra_unspecified.tif", DRAWN, 0),
        ("adobe8.tif", FROM_ADOBE, 2),
        ("lab.tif", DRAWN, 3),
    ],
)
def test_colours_are_as_drawn(name, expected, tolerance):
    pixels = read_picture(CASES / name)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (48, 64, 3))
    np.testing.assert_allclose(quadrants(pixels), expected, atol=tolerance)


@pytest.mark.parametrize("name", ["adobe16.tif", "adobe16.png"])
def test_a_profile_counts_in_16_bits(name):
    pixels = read_picture(CASES / name)
    assert (pixels.dtype, pixels.shape) == (np.uint16, (48, 64, 3))
    np.testing.assert_allclose(quadrants(pixels) / 257, FROM_ADOBE, atol=2)


@pytest.mark.parametrize(
    ("name", "expected", "alpha", "tolerance"),
    [
        ("straight.tif", DRAWN, 128, 0),
        ("premul.tif", DRAWN, 128, 1),
        ("p3_rgba.png", FROM_P3, 255, 2),
    ],
)
def test_alpha_is_kept_and_straight(name, expected, alpha, tolerance):
    pixels = read_picture(CASES / name)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (48, 64, 4))
    np.testing.assert_allclose(quadrants(pixels)[:, :3], expected, atol=tolerance)
    assert (pixels[..., 3] == alpha).all()


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("gray4.tif", np.uint8, (68, 187)),
        ("gray8_ref.tif", np.uint8, (65, 194)),
        ("gray12.tif", np.uint16, (65 * 257, 194 * 257)),
    ],
)
def test_grey_is_scaled_to_its_range(name, dtype, expected):
    pixels = read_picture(CASES / name)
    assert (pixels.dtype, pixels.shape) == (dtype, (48, 64))
    tolerance = 0 if dtype == np.uint8 else 257
    np.testing.assert_allclose(quadrants(pixels)[:2], expected, atol=tolerance)
