"""Masks of odd kinds: read as what they show, or refused in a sentence."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_nst.errors import ImageError
from napari_nst.files.images import read_picture
from napari_nst.files.masks import read_mask

HALVES = np.repeat([[0, 255]], 6, 0).repeat(5, 1).astype(np.uint8)
OPAQUE = np.full_like(HALVES, 255)
RED, BLUE = (1 << 24) + 0xFF0000, (1 << 24) + 0x0000FF
RED_BLUE = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8).repeat(6, 0).repeat(5, 1)
PLANES, GREY_ALPHA = np.moveaxis(RED_BLUE, 2, 0), np.dstack([HALVES, OPAQUE])
INK = np.array([[[0, 255, 255, 0], [255, 255, 0, 0]]], np.uint8).repeat(6, 0).repeat(5, 1)


@pytest.mark.parametrize(
    ("pixels", "options", "values"),
    [
        (INK, {"photometric": "separated"}, (RED, BLUE)),
        (PLANES, {"photometric": "rgb", "planarconfig": "separate"}, (RED, BLUE)),
        (np.dstack([RED_BLUE, OPAQUE]), {"photometric": "rgb", "extrasamples": (2,)}, (RED, BLUE)),
        (GREY_ALPHA, {"photometric": "minisblack", "extrasamples": (2,)}, (0, 255)),
        (255 - HALVES, {"photometric": "miniswhite"}, (0, 255)),
        (HALVES == 0, {"photometric": "miniswhite"}, (0, 255)),
        (HALVES > 0, {"photometric": "minisblack"}, (0, 255)),
        (HALVES.astype(np.int32) * 100, {"photometric": "minisblack"}, (0, 25500)),
        (HALVES[:, ::-1], {"extratags": [(274, 3, 1, 2, True)]}, (0, 255)),
    ],
    ids=["cmyk", "planar", "rgba", "grey+alpha", "white", "fax", "bits", "int32", "mirrored"],
)  # fmt: skip
def test_masks_in_tiffs_are_read_as_what_they_show(
    tmp_path: Path, pixels: np.ndarray, options: dict[str, Any], values: tuple[int, int]
) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", pixels, **options)
    found = read_mask(tmp_path / "mask.tif")
    np.testing.assert_array_equal(found, np.repeat([values], 6, 0).repeat(5, 1))


def test_grey_masks_of_16_bits_keep_their_labels_beside_alpha(tmp_path: Path) -> None:
    labels = HALVES.astype(np.uint16) + 300
    png = imagecodecs.png_encode(np.dstack([labels, np.full_like(labels, 65535)]))
    (tmp_path / "mask.png").write_bytes(png)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), labels)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_masks_with_several_frames_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mask.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, np.stack([HALVES, HALVES[:, ::-1]]), photometric="minisblack")
    else:
        frames = [Image.fromarray(each) for each in (HALVES, HALVES[:, ::-1])]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match=r"mask\..*several (frames|pages); save the one"):
        read_mask(path)


def test_a_mask_of_grey_channels_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RED_BLUE, photometric="minisblack", planarconfig="contig")
    with pytest.raises(ImageError, match="3 grey channels"):
        read_mask(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32", "int64"])
def test_pictures_of_8_bits_in_wider_integers_are_as_light_as_in_8(
    tmp_path: Path, dtype: str
) -> None:
    ramp = np.arange(60).reshape(6, 10) * (2 if dtype == "int8" else 4)
    tifffile.imwrite(tmp_path / "a.tif", ramp.astype(dtype), photometric="minisblack")
    found = read_picture(tmp_path / "a.tif")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, ramp)


def test_wide_integers_beyond_8_bits_are_of_16(tmp_path: Path) -> None:
    ramp = np.arange(60).reshape(6, 10) * 1000
    for dtype in ("uint16", "int32"):
        tifffile.imwrite(tmp_path / "a.tif", ramp.astype(dtype), photometric="minisblack")
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), ramp)
    dark = (ramp // 1000).astype(np.uint16)  # a type that says what is white
    tifffile.imwrite(tmp_path / "a.tif", dark, photometric="minisblack")
    assert read_picture(tmp_path / "a.tif").dtype == np.uint16
