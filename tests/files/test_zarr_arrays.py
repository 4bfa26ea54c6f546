"""Zarr folders are pictures: arrays, and the level of an OME-Zarr group that is large enough."""

import sys

import numpy as np
import pytest

import napari_nst.settings.pixels
from napari_nst.errors import ImageError
from napari_nst.files.images import open_picture
from napari_nst.files.zarr_arrays import ZarrPlane

zarr = pytest.importorskip("zarr")

RGB = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)


@pytest.fixture(autouse=True)
def low_limit(monkeypatch):
    """Pictures of a thousand pixels are large."""
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)


def written(path, array, chunks="auto"):
    zarr.create_array(str(path), data=array, chunks=chunks)
    return path


def ome(path, levels, axes, *, version):
    """Write an OME-Zarr picture, without the parts that are not read."""
    group = zarr.open_group(str(path), mode="w", zarr_format=3 if version == "0.5" else 2)
    for index, array in enumerate(levels):
        group.create_array(str(index), data=array, chunks=(*[1] * (array.ndim - 2), 16, 16))
    scales = {"axes": axes, "datasets": [{"path": str(n)} for n in range(len(levels))]}
    scales = {"multiscales": [{key: value for key, value in scales.items() if value}]}
    group.attrs.update({"ome": scales} if version == "0.5" else scales)
    return path


@pytest.mark.parametrize("array", [RGB, RGB[..., 0], RGB.astype(np.uint16), RGB[:9, :9]])
def test_an_array_is_read_by_slicing(tmp_path, array):
    picture = open_picture(written(tmp_path / "a.zarr", array))
    assert isinstance(picture, ZarrPlane) == (array.shape[0] > 9)
    assert (picture.shape, picture.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(picture[3:8, 2:7], array[3:8, 2:7])
    np.testing.assert_array_equal(np.asarray(picture), array)


@pytest.mark.parametrize("version", ["0.1", "0.3", "0.4", "0.5"])
@pytest.mark.parametrize(
    ("least_px", "height"), [(None, 64), (40, 64), (32, 32), (10, 16), (99, 64)]
)
def test_the_level_nearest_above_the_size_is_read(tmp_path, version, least_px, height):
    whole = np.moveaxis(RGB, -1, 0)[None, :, None]
    levels = [whole[..., ::step, ::step] for step in (1, 2, 4)]
    names = {"0.1": None, "0.3": list("tczyx")}
    axes = names.get(version, [{"name": name} for name in "tczyx"])
    path = ome(tmp_path / "a.zarr", levels, axes, version=version)
    picture = open_picture(path, least_px=least_px)
    step = 64 // height
    np.testing.assert_array_equal(np.asarray(picture), RGB[::step, ::step])


def test_what_is_left_out_is_told(tmp_path):
    notes = []
    stack = np.stack([RGB[..., 0], RGB[..., 1]])
    picture = open_picture(written(tmp_path / "a.zarr", stack), note=notes.append)
    np.testing.assert_array_equal(picture[:], RGB[..., 0])
    assert notes == [f"{tmp_path / 'a.zarr'}: only the first of its 2 places along z is read"]


def test_what_is_no_picture_is_refused_by_a_sentence(tmp_path, monkeypatch):
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    group.create_array("plate", data=RGB)
    with pytest.raises(ImageError, match="without multiscales; name one of its arrays: plate"):
        open_picture(tmp_path / "g.zarr")
    np.testing.assert_array_equal(open_picture(tmp_path / "g.zarr" / "plate")[:], RGB)
    (tmp_path / "g.zarr" / "zarr.json").write_text("{")
    with pytest.raises(ImageError, match="cannot be read as zarr"):
        open_picture(tmp_path / "g.zarr")
    with pytest.raises(ImageError, match="expected"):
        open_picture(written(tmp_path / "line.zarr", RGB[0, :, 0]))
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImageError, match="pip install zarr"):
        open_picture(tmp_path / "line.zarr")


def test_a_damaged_chunk_is_named(tmp_path):
    path = written(tmp_path / "a.zarr", RGB, chunks=(32, 80, 3))
    (path / "c" / "1" / "0" / "0").write_bytes(b"damaged")
    picture = open_picture(path)
    np.testing.assert_array_equal(picture[:32], RGB[:32])
    with pytest.raises(ImageError, match=r"a\.zarr cannot be read: it is damaged"):
        picture[30:40]
