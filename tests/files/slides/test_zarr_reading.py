"""Zarr folders are pictures: arrays, and the level of an OME-Zarr group that is large enough."""

import json
import os
import pickle
import sys

import numpy as np
import pytest

import napari_nst.settings.pixels
from napari_nst.errors import ImageError
from napari_nst.files.images import open_picture
from napari_nst.files.slides.extent import Extent
from napari_nst.files.slides.zarr_reading import ZarrPlane, open_levels

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
    with pytest.raises(ImageError, match="without multiscales; name one of its members: plate"):
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


def described(path, **changes):
    """Change the OME part of a folder's attributes."""
    group = zarr.open_group(str(path), mode="r+")
    group.attrs["ome"] = group.attrs["ome"] | changes
    return path


def test_a_plane_of_a_stack_is_chosen(tmp_path):
    stack = np.stack([RGB[..., 0], RGB[..., 1]])[None]
    path = ome(tmp_path / "a.zarr", [stack], [{"name": n} for n in "tzyx"], version="0.5")
    np.testing.assert_array_equal(open_picture(path, places={"z": 1})[:], RGB[..., 1])
    for places in ({"z": 2}, {"c": 0}, {"y": 0}):
        with pytest.raises(ImageError, match=r"a\.zarr has no place"):
            open_picture(path, places=places)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_channels_are_added_up_as_napari_does(tmp_path, dtype):
    whole = np.moveaxis(RGB, -1, 0)[:2].astype(dtype)
    axes = [{"name": "c", "type": "channel"}, {"name": "y"}, {"name": "x"}]
    path = ome(tmp_path / "a.zarr", [whole], axes, version="0.5")
    with pytest.raises(ImageError, match="2 channels and does not say how they are shown"):
        open_picture(path)
    window = {"start": 50, "end": 150, "min": 0, "max": 255}
    green = {"color": "00FF00", "window": window}
    described(path, omero={"channels": [green, {"color": "FF00FF", "window": window}]})
    top = {"uint8": 255, "uint16": 65535}.get(np.dtype(dtype).name, 1)
    shares = np.clip((RGB[..., :2].astype(float) - 50) / 100, 0, 1)
    expected = shares @ np.array([[0, 1, 0], [1, 0, 1.0]]) * top
    picture = open_picture(path)
    assert picture.dtype == (dtype if top > 1 else np.float32)
    np.testing.assert_allclose(
        picture[5:30, 3:], expected[5:30, 3:], atol=0.51 if top > 1 else 1e-6
    )
    described(path, omero={"channels": [green, {"color": "FF00FF", "active": False}]})
    assert not open_picture(path)[:][..., [0, 2]].any()


def test_red_green_and_blue_over_their_whole_range_are_left_as_they_are(tmp_path):
    axes = [{"name": name} for name in "cyx"]
    path = ome(tmp_path / "a.zarr", [np.moveaxis(RGB, -1, 0)], axes, version="0.5")
    window = {"start": 0, "end": 255}
    colors = ["FF0000", "00FF00", "0000FF"]
    described(path, omero={"channels": [{"color": c, "window": window} for c in colors]})
    np.testing.assert_array_equal(open_picture(path)[:], RGB)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"multiscales": [{"axes": 5}]}, "multiscales are damaged"),
        ({"multiscales": [{"axes": ["y", "x"], "datasets": [{}]}]}, "multiscales are damaged"),
        ({"multiscales": [{"axes": ["y", "q"], "datasets": [{"path": "0"}]}]}, "expected y and x"),
        ({"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "7"}]}]}, "no array '7'"),
        ({"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]}, "its axes are y, x"),
        ({"omero": {"channels": [{}]}}, "1 channels are described"),
        ({"omero": {"channels": [{"color": "red"}] * 3}}, "a colour is 'red'"),
        ({"omero": {"channels": [{"window": {"start": 3, "end": 3}}] * 3}}, "a window is 3 to 3"),
    ],
)
def test_damaged_metadata_is_told(tmp_path, changes, match):
    axes = [{"name": name} for name in "cyx"]
    path = ome(tmp_path / "a.zarr", [np.moveaxis(RGB, -1, 0)], axes, version="0.5")
    with pytest.raises(ImageError, match=rf"a\.zarr cannot be read: .*{match}"):
        open_picture(described(path, **changes))


@pytest.mark.parametrize("transformation", [{"type": "scale", "scale": ["a", 1, 1]}, 5])
def test_a_damaged_pixel_size_is_told(tmp_path, transformation):
    axes = [{"name": name} for name in "cyx"]
    path = ome(tmp_path / "a.zarr", [np.moveaxis(RGB, -1, 0)], axes, version="0.5")
    datasets = [{"path": "0", "coordinateTransformations": [transformation]}]
    described(path, multiscales=[{"axes": axes, "datasets": datasets}])
    with pytest.raises(ImageError, match="coordinateTransformations are damaged"):
        open_picture(path)


def test_the_extent_counts_both_scales_and_the_border_of_the_first_pixel(tmp_path):
    axes = [{"name": "c"}, *({"name": n, "unit": "micrometer"} for n in "yx")]
    path = ome(tmp_path / "a.zarr", [np.moveaxis(RGB, -1, 0)], axes, version="0.5")
    inner = [{"type": "scale", "scale": [1, 0.5, 0.25]}]
    inner.append({"type": "translation", "translation": [0, 3, 4]})
    outer = [{"type": "scale", "scale": [1, 2, 2]}]
    datasets = [{"path": "0", "coordinateTransformations": inner}]
    whole = {"axes": axes, "datasets": datasets, "coordinateTransformations": outer}
    found = open_levels(described(path, multiscales=[whole])).extent
    assert found == Extent(64, 40, 5.5, 7.75, "micrometer")


def test_missing_chunks_are_told_and_read_as_the_fill_value(tmp_path):
    path = written(tmp_path / "a.zarr", RGB, chunks=(32, 80, 3))
    (path / "c" / "1" / "0" / "0").unlink()
    notes = []
    picture = open_picture(path, note=notes.append)
    assert not picture[32:].any()
    assert ["1 of its 2 chunks are not there" in each for each in notes] == [True]


def test_a_picture_of_bioformats2raw_is_found_below_its_root(tmp_path):
    root = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    axes = [{"name": name} for name in "cyx"]
    ome(tmp_path / "a.zarr" / "0", [np.moveaxis(RGB, -1, 0)], axes, version="0.4")
    np.testing.assert_array_equal(open_picture(tmp_path / "a.zarr")[:], RGB)


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("dtype", ["|O", "|u1"])
def test_nothing_is_unpickled(tmp_path, dtype):
    path, trap = tmp_path / "a.zarr", tmp_path / "sprung"
    path.mkdir()
    described = {"zarr_format": 2, "shape": [4, 4], "chunks": [4, 4], "dtype": dtype}
    described |= {"compressor": None, "filters": [{"id": "pickle"}], "fill_value": 0, "order": "C"}
    (path / ".zarray").write_text(json.dumps(described))
    (path / "0.0").write_bytes(pickle.dumps(Malicious(trap)))
    with pytest.raises(ImageError, match=r"a\.zarr cannot be read"):
        open_picture(path)[:]
    assert not trap.exists()
