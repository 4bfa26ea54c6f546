"""Slide scanners' files, and what files tell of their pixels' size."""

import sys

import numpy as np
import pytest
import tifffile

import napari_nst.settings.pixels
from napari_nst.errors import ImageError
from napari_nst.files.images import open_picture
from napari_nst.files.slides.extent import Extent
from napari_nst.files.slides.pixel_size import extent_of
from napari_nst.files.slides.slide_formats import SlideLevel

RGB = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
SHARED = {"photometric": "rgb", "tile": (16, 16)}
APERIO = "Aperio Image Library v1\n80x64 |AppMag = 20|MPP = 0.5"


@pytest.fixture
def slide(tmp_path, monkeypatch):
    """A slide in three sizes, of which pictures of a thousand pixels are large."""
    pytest.importorskip("tiffslide")
    monkeypatch.setitem(sys.modules, "openslide", None)
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)
    path = tmp_path / "a.svslide"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(RGB, metadata=None, description=APERIO, **SHARED)
        tiff.write(RGB[:20, :20], metadata=None, description="Aperio", photometric="rgb")
        for step in (2, 4):
            tiff.write(RGB[::step, ::step], metadata=None, description="Aperio", **SHARED)
    return path


@pytest.mark.parametrize(("least_px", "step"), [(None, 1), (32, 2), (16, 4)])
def test_the_level_of_a_slide_that_is_large_enough_is_read(slide, least_px, step):
    picture = open_picture(slide, least_px=least_px)
    assert isinstance(picture, SlideLevel) == (step < 4)
    np.testing.assert_array_equal(picture[3:9, 2:7], RGB[::step, ::step][3:9, 2:7])
    np.testing.assert_array_equal(np.asarray(picture), RGB[::step, ::step])


def test_a_slide_that_ends_early_is_told_by_name(slide):
    data = slide.read_bytes()
    slide.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"a\.svslide cannot be read"):
        open_picture(slide)[:]
    with pytest.raises(ImageError, match=r"b\.svslide does not exist"):
        open_picture(slide.with_stem("b"))


def test_without_a_library_its_name_is_told(slide, monkeypatch):
    monkeypatch.setitem(sys.modules, "tiffslide", None)
    with pytest.raises(ImageError, match="pip install openslide-python"):
        open_picture(slide.with_suffix(".mrxs"))
    np.testing.assert_array_equal(open_picture(slide)[:], RGB)  # as any TIFF


def test_what_was_not_scanned_is_white():
    class Slide:
        level_dimensions, level_downsamples = [(2, 1)], [1.0]

        def close(self):
            pass

        def read_region(self, corner, level, size):
            return np.array([[[10, 20, 30, 255], [0, 0, 0, 0]]], np.uint8)

    np.testing.assert_array_equal(SlideLevel("a", Slide(), 0)[:], [[[10, 20, 30], [255] * 3]])


def test_files_tell_how_much_they_cover(slide, tmp_path):
    assert extent_of(slide) == Extent(32, 40, unit="micrometer")
    tifffile.imwrite(tmp_path / "a.svs", RGB, metadata=None, description=APERIO, **SHARED)
    assert extent_of(tmp_path / "a.svs") == Extent(32, 40, unit="micrometer")
    sizes = {"axes": "YXS", "PhysicalSizeX": 2, "PhysicalSizeXUnit": "mm"}
    sizes |= {"PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "mm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", RGB, metadata=sizes, **SHARED)
    assert extent_of(tmp_path / "a.ome.tif") == Extent(32, 160, unit="millimeter")
    tifffile.imwrite(tmp_path / "a.tif", RGB, metadata=None, resolution=(72, 72), **SHARED)
    assert extent_of(tmp_path / "a.tif") is None
    (tmp_path / "a.png").write_bytes(b"no TIFF")
    assert extent_of(tmp_path / "a.png") is None
