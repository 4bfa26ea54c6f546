"""OME-Zarr is written by pieces and atomically, and others read it."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import napari_nst.settings.pixels
from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.disk import folder_replacing
from napari_nst.files.images import open_picture, read_settings, write_picture
from napari_nst.files.names import record_of
from napari_nst.files.outputs import check_apart, check_output, save_path
from napari_nst.files.slides import zarr_writing
from napari_nst.files.slides.extent import Extent
from napari_nst.files.slides.pixel_size import extent_of
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord

zarr = pytest.importorskip("zarr")

RGB = np.random.default_rng(0).integers(0, 256, (75, 50, 3), np.uint8)
RECORD = RunRecord(StyleConfig(seed=7), {}, {}, "builtin")
EXTENT = Extent(150, 50, 10, 20, "micrometer")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(zarr_writing, "CHUNK_PX", 16)


def halved(image):
    """The means of 2x2 pixels, one by one."""
    height, width = image.shape[:2]
    means = np.empty((-(-height // 2), -(-width // 2), *image.shape[2:]))
    for y, x in np.ndindex(*means.shape[:2]):
        rows, columns = [2 * y, min(2 * y + 1, height - 1)], [2 * x, min(2 * x + 1, width - 1)]
        means[y, x] = image[np.ix_(rows, columns)].mean((0, 1), dtype=float)
    return np.floor(means + 0.5).astype(image.dtype) if image.dtype.kind == "u" else means


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [None, 3, 4])
def test_the_pyramid_has_means_of_2x2_pixels(tmp_path, dtype, channels):
    image = np.random.default_rng(1).random((75, 50, channels or 1))
    image = (image * (np.iinfo(dtype).max if dtype != np.float32 else 1)).astype(dtype)
    image = image if channels else image[..., 0]
    write_picture(tmp_path / "a.zarr", image)
    for least_px in (50, 25, 13, 7):
        level = open_picture(tmp_path / "a.zarr", least_px=least_px)
        assert level.dtype == dtype
        np.testing.assert_allclose(level, image, rtol=1e-6)
        image = halved(image)
    assert sorted(os.listdir(tmp_path / "a.zarr")) == ["0", "1", "2", "3", "zarr.json"]


def test_it_is_valid_ome_zarr(tmp_path):
    v05 = pytest.importorskip("ome_zarr_models.v05")
    write_picture(tmp_path / "a.zarr", RGB, record=RECORD, extent=EXTENT)
    image = v05.Image.from_zarr(zarr.open_group(str(tmp_path / "a.zarr"), mode="r"))
    (multiscale,) = image.ome_attributes.multiscales
    assert [(axis.name, axis.unit) for axis in multiscale.axes[1:]] == [
        ("y", "micrometer"),
        ("x", "micrometer"),
    ]
    assert len(multiscale.datasets) == 4


def test_ome_zarr_reads_it(tmp_path):
    reader = pytest.importorskip("ome_zarr.reader")
    from ome_zarr.io import parse_url

    write_picture(tmp_path / "a.zarr", RGB, record=RECORD, extent=EXTENT)
    (node,) = reader.Reader(parse_url(tmp_path / "a.zarr"))()
    np.testing.assert_array_equal(np.moveaxis(np.asarray(node.data[0]), 0, -1), RGB)
    np.testing.assert_array_equal(np.moveaxis(np.asarray(node.data[2]), 0, -1), halved(halved(RGB)))
    assert [axis["name"] for axis in node.metadata["axes"]] == ["c", "y", "x"]
    scales = [steps[0]["scale"] for steps in node.metadata["coordinateTransformations"]]
    assert scales == [[1, 2 * 2**n, 2**n] for n in range(4)]


def test_pixel_size_record_and_place_are_kept(tmp_path):
    path = tmp_path / "a.zarr"
    write_picture(path, RGB, record=RECORD, extent=EXTENT)
    assert extent_of(path) == EXTENT
    assert read_settings(path).record == record_of(path) == RECORD
    datasets = zarr.open_group(str(path)).attrs["ome"]["multiscales"][0]["datasets"]
    centers = [each["coordinateTransformations"][1]["translation"] for each in datasets[:2]]
    assert centers == [[0, 11, 20.5], [0, 12, 21]]  # of the first pixel, of 2 x 1 and of 4 x 2
    write_picture(path, RGB)
    assert extent_of(path) == Extent(75, 50, -0.5, -0.5)
    with pytest.raises(ConfigError, match="holds no settings"):
        read_settings(path)


class Rows:
    """A picture without memory of its own, which fails at a row."""

    dtype = np.dtype(np.uint8)

    def __init__(self, shape, fails_at=None, error=None):
        self.shape, self.fails_at, self.error = shape, fails_at, error

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(self.shape[0])
        if self.fails_at is not None and stop > self.fails_at:
            raise self.error
        return np.full((stop - start, *self.shape[1:]), start % 251, np.uint8)


def test_memory_holds_some_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(zarr_writing, "CHUNK_PX", 128)
    shape = (4096, 1024, 3)
    write_picture(tmp_path / "a.zarr", Rows((256, 256, 3)))  # what is imported once
    tracemalloc.start()
    write_picture(tmp_path / "a.zarr", Rows(shape))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < np.prod(shape) / 3


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ImageError("x"), ValueError("x")])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    write_picture(tmp_path / "a.zarr", RGB)
    with pytest.raises(ImageError):
        write_picture(tmp_path / "a.zarr", Rows((90, 20, 3), fails_at=60, error=error))
    np.testing.assert_array_equal(open_picture(tmp_path / "a.zarr"), RGB)
    assert os.listdir(tmp_path) == ["a.zarr"]


KILLED = """
import os, sys, numpy as np
from pathlib import Path
from napari_nst.files.images import write_picture

class Killer:
    shape, dtype = (1200, 20, 3), np.dtype(np.uint8)
    def __getitem__(self, rows):
        if rows.start:
            os._exit(9)
        return np.zeros((rows.stop, 20, 3), np.uint8)

write_picture(Path(sys.argv[1]), Killer())
"""


def test_a_kill_leaves_what_was_there_and_a_folder_that_says_it_is_incomplete(tmp_path):
    path = tmp_path / "a.zarr"
    write_picture(path, RGB)
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == 9
    np.testing.assert_array_equal(open_picture(path), RGB)
    (part,) = set(tmp_path.iterdir()) - {path}
    assert "ome" not in zarr.open_group(str(part)).attrs
    with pytest.raises(ImageError, match="is incomplete: napari-nst was ended while it wrote"):
        open_picture(part)
    write_picture(path, RGB[::2])
    np.testing.assert_array_equal(open_picture(path), RGB[::2])


def test_a_folder_whose_name_was_taken_by_a_killed_program_gets_it_back(tmp_path):
    path = tmp_path / "a.zarr"
    write_picture(path, RGB)
    os.rename(path, tmp_path / "a.zarr.napari-nst-before")
    check_output(path)
    np.testing.assert_array_equal(open_picture(path), RGB)
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_the_old_folder_comes_back_where_the_new_one_cannot_have_its_name(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    write_picture(path, RGB)
    replace = os.replace

    def refuse(source, target):
        if str(source).endswith(".part"):
            raise PermissionError(13, "no")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError), folder_replacing(path) as part:
        part.mkdir()
    np.testing.assert_array_equal(open_picture(path), RGB)
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_folders_of_others_are_refused_before_the_run(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    path.mkdir()
    check_output(path)  # it is empty
    (path / "thesis.txt").write_text("mine")
    with pytest.raises(ImageError, match="was not written by napari-nst; name another folder"):
        check_output(path)
    zarr.create_array(str(tmp_path / "b.zarr"), data=RGB)
    with pytest.raises(ImageError, match="was not written by napari-nst"):
        write_picture(tmp_path / "b.zarr", RGB)
    (tmp_path / "c.zarr").write_text("a file")
    with pytest.raises(ImageError, match="is a file; name a folder"):
        check_output(tmp_path / "c.zarr")
    with pytest.raises(ImageError, match="too long"):
        check_output(tmp_path / f"{'n' * 245}.zarr")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImageError, match="pip install zarr"):
        check_output(tmp_path / "d.zarr")


def test_a_result_is_not_written_into_its_content_nor_over_it(tmp_path):
    path = tmp_path / "a.zarr"
    write_picture(path, RGB)
    for output, source in ((path, path), (path, path / "0"), (path / "b.zarr", path)):
        with pytest.raises(ImageError, match="is an input"):
            check_apart(output, [source])
    check_apart(tmp_path / "b.zarr", [path])
    assert save_path(path, 50).name == "a-00050.zarr"


def test_pieces_of_a_large_result_are_read_back_equal(tmp_path, monkeypatch):
    write_picture(tmp_path / "a.zarr", RGB)
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)
    lazy = open_picture(tmp_path / "a.zarr")
    np.testing.assert_array_equal(lazy[3:40, 5:20], RGB[3:40, 5:20])
