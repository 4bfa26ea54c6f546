"""Large pictures: files are read and written by pieces, and equal those that are read whole."""

import errno
import tracemalloc

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import napari_nst.files.decode.tiff_rows
import napari_nst.settings.pixels
from napari_nst.errors import ImageError
from napari_nst.files.decode.tiff_rows import TiffRows
from napari_nst.files.images import open_picture, read_picture, read_settings, write_picture
from napari_nst.files.tiff_output import write_large_tiff
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord

SHAPE = (70, 83)
RECORD = RunRecord(StyleConfig(seed=7), {}, {}, "builtin")

LAYOUTS = {
    "one block": {},
    "strips": {"rowsperstrip": 16},
    "deflate": {"compression": "zlib", "predictor": True, "rowsperstrip": 9},
    "tiles": {"tile": (32, 48)},
    "lzw tiles": {"tile": (32, 16), "compression": "lzw"},
    "zstd tiles": {"tile": (16, 16), "compression": "zstd", "predictor": True},
    "big": {"tile": (32, 32), "bigtiff": True, "compression": "packbits"},
    "big-endian": {"byteorder": ">", "rowsperstrip": 20},
    "big-endian block": {"byteorder": ">"},
}


def array_of(shape, dtype=np.uint8):
    values = np.random.default_rng(3).random(shape)
    if np.dtype(dtype).kind == "u":
        values *= np.iinfo(dtype).max
    return values.astype(dtype)


@pytest.fixture(autouse=True)
def low_limit(monkeypatch):
    """Pictures of a thousand pixels are large."""
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)


class Endless:
    """A picture without memory of its own, which counts the rows that are read at once."""

    def __init__(self, shape, dtype=np.uint8, fails_at=None):
        self.shape, self.dtype, self.most, self.fails_at = shape, np.dtype(dtype), 0, fails_at

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(self.shape[0])
        self.most = max(self.most, stop - start)
        if self.fails_at is not None and stop > self.fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = np.empty((stop - start, *self.shape[1:]), self.dtype)
        part[:] = (np.arange(start, stop) % 251)[:, *(None,) * (part.ndim - 1)]
        return part


def assert_equal_by_pieces(path):
    expected, lazy = read_picture(path), open_picture(path)
    assert isinstance(lazy, TiffRows)
    assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(lazy), expected)
    for index in (np.s_[3:40], np.s_[15:16], np.s_[:, 20:50], np.s_[33:, 47:49], np.s_[-5:, -60:]):
        np.testing.assert_array_equal(lazy[index], expected[index])
    lazy.close()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba", "planar"])
def test_a_tiff_by_pieces_equals_the_whole(tmp_path, layout, dtype, kind):
    shape = {"grey": SHAPE, "rgb": (*SHAPE, 3), "rgba": (*SHAPE, 4), "planar": (3, *SHAPE)}[kind]
    options = {"photometric": "minisblack" if kind == "grey" else "rgb", **LAYOUTS[layout]}
    options |= {"planarconfig": "separate"} if kind == "planar" else {}
    options |= {"extrasamples": ["unassalpha"]} if kind == "rgba" else {}
    if dtype == np.float32 and options.get("predictor"):
        options["predictor"] = 3
    tifffile.imwrite(tmp_path / "a.tif", array_of(shape, dtype), metadata=None, **options)
    assert_equal_by_pieces(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
@pytest.mark.parametrize("layout", ["one block", "tiles"])
def test_orientation_by_pieces(tmp_path, orientation, layout):
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(
        tmp_path / "a.tif",
        array_of((*SHAPE, 3)),
        photometric="rgb",
        extratags=tags,
        metadata=None,
        **LAYOUTS[layout],
    )
    assert_equal_by_pieces(tmp_path / "a.tif")


def test_conversions_by_pieces(tmp_path):
    import imagecodecs

    path = tmp_path / "a.tif"
    shared = {"tile": (32, 32), "metadata": None}
    tifffile.imwrite(path, array_of(SHAPE), photometric="miniswhite", **shared)
    assert_equal_by_pieces(path)
    tifffile.imwrite(
        path, array_of((*SHAPE, 4)), photometric="rgb", extrasamples=["assocalpha"], **shared
    )
    assert_equal_by_pieces(path)
    tifffile.imwrite(path, array_of((*SHAPE, 3), np.uint16), photometric="cielab", **shared)
    assert_equal_by_pieces(path)
    profile = imagecodecs.cms_profile("adobergb")
    tifffile.imwrite(path, array_of((*SHAPE, 3)), photometric="rgb", iccprofile=profile, **shared)
    assert_equal_by_pieces(path)
    tifffile.imwrite(path, array_of((*SHAPE, 4)), photometric="separated", **shared)
    assert_equal_by_pieces(path)
    colormap = array_of((3, 256), np.uint16)
    tifffile.imwrite(path, array_of(SHAPE), photometric="palette", colormap=colormap, **shared)
    assert_equal_by_pieces(path)
    tifffile.imwrite(path, array_of(SHAPE) > 100, photometric="minisblack", metadata=None)
    assert_equal_by_pieces(path)
    tifffile.imwrite(path, array_of((*SHAPE, 3)), photometric="ycbcr", compression="jpeg", **shared)
    assert_equal_by_pieces(path)


def write_pyramid(path, levels, kind):
    """Write a picture in several sizes, as OME-TIFF, vips or a slide scanner does."""
    shared = {"photometric": "rgb", "tile": (16, 16), "metadata": None}
    aperio = "Aperio Image Library v1\n83x70 |AppMag = 20|MPP = 0.5"
    with tifffile.TiffWriter(path, bigtiff=True, ome=kind == "ome") as tiff:
        if kind == "ome":
            shared["metadata"] = {"axes": "YXS"}
        first = {"subifds": len(levels) - 1} if kind == "ome" else {}
        tiff.write(levels[0], **shared, **first, description=aperio if kind == "svs" else None)
        if kind == "svs":
            tiff.write(levels[0][:20, :20], photometric="rgb", metadata=None, description="Aperio")
        reduced = 0 if kind == "svs" else 1
        for level in levels[1:]:
            options = {**shared, "metadata": None, "subfiletype": reduced}
            tiff.write(level, **options, description="Aperio" if kind == "svs" else None)


@pytest.mark.parametrize("kind", ["ome", "vips", "svs"])
@pytest.mark.parametrize(("least_px", "step"), [(None, 1), (36, 1), (35, 2), (20, 2), (9, 4)])
def test_the_level_of_a_pyramid_that_is_large_enough_is_read(tmp_path, kind, least_px, step):
    whole = array_of((*SHAPE, 3))
    levels = [whole[: SHAPE[0] // n * n : n, : SHAPE[1] // n * n : n] for n in (1, 2, 4)]
    write_pyramid(tmp_path / "a.tif", levels, kind)
    picture = open_picture(tmp_path / "a.tif", least_px=least_px)
    np.testing.assert_array_equal(np.asarray(picture), levels[step // 2])


def test_a_level_has_the_orientation_and_the_profile_of_its_picture(tmp_path):
    import imagecodecs

    path, whole = tmp_path / "a.tif", array_of((*SHAPE, 3))
    tags, profile = [(274, "H", 1, 3, True)], imagecodecs.cms_profile("adobergb")
    shared = {"photometric": "rgb", "tile": (16, 16), "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(whole, subifds=1, extratags=tags, iccprofile=profile, **shared)
        tiff.write(whole[:35, :41], subfiletype=1, **shared)
    found = open_picture(path, least_px=20)
    tifffile.imwrite(tmp_path / "b.tif", whole[34::-1, 40::-1], iccprofile=profile, **shared)
    np.testing.assert_array_equal(found, read_picture(tmp_path / "b.tif"))


def test_a_slide_that_ends_early_is_told_by_name(tmp_path):
    path, whole = tmp_path / "a.tif", array_of((*SHAPE, 3))
    write_pyramid(path, [whole, whole[:35, :41]], "vips")
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 2000)
    with pytest.raises(ImageError, match=r"a\.tif cannot be read"):
        open_picture(path, least_px=20)[:]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_slice_of_tiles_of_any_size(tmp_path, data):
    height, width = data.draw(st.integers(40, 90)), data.draw(st.integers(40, 90))
    tile = tuple(16 * data.draw(st.integers(1, 4)) for _ in range(2))
    array = array_of((height, width, 3))
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", tile=tile, metadata=None)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top, height)), data.draw(st.integers(left, width))
    lazy = open_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(lazy[top:bottom, left:right], array[top:bottom, left:right])
    lazy.close()


def test_only_the_tiles_that_are_needed_are_decoded(tmp_path, monkeypatch):
    array = array_of((128, 128, 3))
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", tile=(32, 32), metadata=None)
    decoded = []
    genuine = TiffRows._decode
    monkeypatch.setattr(
        TiffRows, "_decode", lambda self, index: decoded.append(index) or genuine(self, index)
    )
    lazy = open_picture(tmp_path / "a.tif")
    lazy[40:60, 33:64]
    assert decoded == [5]
    lazy[30:60, 33:64]
    assert decoded == [5, 1]  # the other one is still known
    lazy.close()


def test_what_cannot_be_read_by_pieces_is_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    sideways = [(274, "H", 1, 6, True)]
    tifffile.imwrite(
        path, array_of((*SHAPE, 3)), photometric="rgb", extratags=sideways, metadata=None
    )
    assert open_picture(path).shape == (83, 70, 3)
    tifffile.imwrite(path, array_of((*SHAPE, 3)), photometric="rgb", compression="zlib")
    monkeypatch.setattr(napari_nst.files.decode.tiff_rows, "_CACHE_BYTES", 9000)
    tifffile.imwrite(
        path, array_of((*SHAPE, 3)), photometric="rgb", compression="zlib", rowsperstrip=70
    )
    assert isinstance(open_picture(path), np.ndarray)
    write_picture(tmp_path / "a.png", array_of((*SHAPE, 3)))
    assert isinstance(open_picture(tmp_path / "a.png"), np.ndarray)


@pytest.mark.parametrize("layout", ["one block", "deflate", "tiles"])
def test_a_file_that_shrinks_is_named(tmp_path, layout):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array_of((*SHAPE, 3)), photometric="rgb", **LAYOUTS[layout])
    lazy = open_picture(path)
    with open(path, "r+b") as file:
        file.truncate(2000)
    with pytest.raises(ImageError, match=r"a\.tif cannot be read between its rows 60 and 70"):
        lazy[60:70]
    lazy.close()


def test_memory_that_runs_out_is_no_damage(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", array_of((*SHAPE, 3)), photometric="rgb")
    lazy = open_picture(tmp_path / "a.tif")
    monkeypatch.setattr(lazy, "_bytes", lambda *_: bytearray(1 << 60))
    with pytest.raises(MemoryError):
        lazy[60:70]
    lazy.close()


def test_a_damaged_tile_is_named_and_the_others_are_read(tmp_path):
    path, array = tmp_path / "a.tif", array_of((128, 128, 3))
    tifffile.imwrite(path, array, photometric="rgb", tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[3], tiff.pages[0].databytecounts[3]
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(bytes(count))
    lazy = open_picture(path)
    np.testing.assert_array_equal(lazy[:64], array[:64])
    with pytest.raises(ImageError, match="rows 64 and 128: it is damaged"):
        lazy[64:]
    lazy.close()


@pytest.mark.parametrize("shape", [(300, 280), (300, 280, 3), (256, 513, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_large_tiff_is_written_by_pieces(tmp_path, shape, dtype):
    array = array_of(shape, dtype)
    write_picture(tmp_path / "a.tif", array, record=RECORD)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), array)
    assert read_settings(tmp_path / "a.tif").record == RECORD
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages[0].is_tiled


def test_writing_takes_the_memory_of_a_row_of_tiles(tmp_path):
    endless = Endless((4000, 5000, 3))
    tracemalloc.start()
    try:
        write_picture(tmp_path / "a.tif", endless)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert endless.most == 256
    assert peak < 4000 * 5000 * 3 / 2
    lazy = open_picture(tmp_path / "a.tif")
    assert (lazy[3000:3010] == endless[3000:3010]).all()
    lazy.close()


def test_more_than_four_gigabytes_become_a_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_nst.files.tiff_output._CLASSIC_BYTES", 100_000)
    write_picture(tmp_path / "a.tif", array_of((200, 200, 3)), record=RECORD)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_bigtiff
    assert read_settings(tmp_path / "a.tif").config.seed == 7


def test_a_full_disk_keeps_what_was_there(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"kept")
    with pytest.raises(ImageError, match=r"No space left on device\. Choose another place"):
        write_picture(path, Endless((2000, 100, 3), fails_at=1000))
    assert path.read_bytes() == b"kept"
    assert list(tmp_path.iterdir()) == [path]


def test_a_removed_folder_is_named(tmp_path):
    folder = tmp_path / "gone"
    with pytest.raises(ImageError, match=r"a\.tif cannot be written: No such file"):
        write_large_tiff(folder / "a.tif", Endless((2000, 100, 3)), "")


@pytest.mark.parametrize("layout", ["one block", "deflate"])
def test_8_bits_in_wider_integers_are_as_light_by_pieces(tmp_path, layout):
    values = array_of(SHAPE)
    for dtype, top in (("int32", 255), ("int32", 300)):
        wide = values.astype(dtype)
        wide[-1, -1] = top
        tifffile.imwrite(tmp_path / "a.tif", wide, photometric="minisblack", **LAYOUTS[layout])
        opened = open_picture(tmp_path / "a.tif")
        assert isinstance(opened, TiffRows)
        assert opened.dtype == (np.uint8 if top == 255 else np.uint16)
        np.testing.assert_array_equal(opened[10:30], wide[10:30])
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), wide)
