import io
import struct
import tracemalloc

import numpy as np
import pytest
import tifffile

from napari_nst.errors import ImageError
from napari_nst.files.decode.pixels import upright as turn
from napari_nst.files.images import read_picture
from tests.files.decode.formulas import gradient, srgb_of_lab, tiff_of, ycbcr_tiff


def read_bytes(folder, data, name="a.tif"):
    (folder / name).write_bytes(data)
    return read_picture(folder / name)


def read_written(folder, image, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, **options)
    return read_bytes(folder, buffer.getvalue())


@pytest.mark.parametrize("bits", [*range(1, 8), *range(9, 16)])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_integers_are_scaled_to_the_range_of_their_bits(tmp_path, bits, photometric):
    levels = np.unique(np.linspace(0, (1 << bits) - 1, 37).astype(int))
    stored = np.repeat(levels[None], 3, 0).astype("u1" if bits <= 8 else "u2")
    pixels = read_written(tmp_path, stored, bitspersample=bits, photometric=photometric)
    top = 255 if bits < 8 else 65535
    assert pixels.dtype == (np.uint8 if bits < 8 else np.uint16)
    expected = levels / levels.max() * top
    expected = top - expected if photometric == "miniswhite" else expected
    np.testing.assert_allclose(pixels, np.repeat(expected[None], 3, 0), atol=0.51)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "float16", "float32", "float64"])
def test_min_is_white_is_turned_in_every_depth(tmp_path, dtype):
    values = np.random.default_rng(0).random((9, 11))
    top = 1 if dtype[0] in "bf" else np.iinfo(dtype).max
    image = (values > 0.5) if dtype == "bool" else (values * top).astype(dtype)
    pixels = read_written(tmp_path, image, photometric="miniswhite")
    expected = (1 - image.astype(float)) * 255 if dtype == "bool" else top - image.astype(float)
    np.testing.assert_allclose(pixels, expected, rtol=1e-3)


def test_rgb_of_ten_bits_is_scaled_with_its_alpha(tmp_path):
    image = np.random.default_rng(0).integers(0, 1024, (8, 8, 4), dtype=np.uint16)
    pixels = read_written(
        tmp_path, image, bitspersample=10, photometric="rgb", extrasamples=["unassalpha"]
    )
    np.testing.assert_allclose(pixels, image / 1023 * 65535, atol=0.51)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_premultiplied_alpha_is_undone(tmp_path, dtype, channels, planar):
    random = np.random.default_rng(0)
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    colours, alpha = random.random((12, 14, channels)), 0.2 + 0.8 * random.random((12, 14, 1))
    image = np.concatenate([colours * alpha, alpha], 2) * top
    image = (image if top == 1 else np.rint(image)).astype(dtype)
    stored = image if planar == "contig" else np.moveaxis(image, -1, 0)
    pixels = read_written(
        tmp_path, stored, photometric="rgb" if channels == 3 else "minisblack",
        extrasamples=["assocalpha"], planarconfig=planar,
    )  # fmt: skip
    assert (pixels.shape, pixels.dtype) == ((12, 14, 4), dtype)
    np.testing.assert_allclose(pixels[..., 3], image[..., -1])
    expected = np.broadcast_to(colours, (12, 14, 3)) * top
    np.testing.assert_allclose(pixels[..., :3], expected, atol=5.1 if top > 1 else 1e-6)


def test_under_full_transparency_premultiplied_colours_are_black(tmp_path):
    image = np.zeros((4, 4, 4), np.uint8)
    image[2:] = 255
    pixels = read_written(tmp_path, image, photometric="rgb", extrasamples=["assocalpha"])
    np.testing.assert_array_equal(pixels, image)


@pytest.mark.parametrize(
    ("extra", "alpha_at"),
    [((0,), None), ((0, 0), None), ((2, 0), 3), ((0, 2), 4), ((0, 0, 2), 5)],
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_only_what_is_marked_as_alpha_is_alpha(tmp_path, extra, alpha_at, planar):
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3 + len(extra)), dtype=np.uint8)
    stored = image if planar == "contig" else np.moveaxis(image, -1, 0)
    pixels = read_written(
        tmp_path, stored, photometric="rgb", extrasamples=extra, planarconfig=planar
    )
    expected = image[..., [0, 1, 2] if alpha_at is None else [0, 1, 2, alpha_at]]
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("extra", [(0,), (0, 0)])
def test_grey_with_unspecified_samples_is_grey(tmp_path, extra):
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 1 + len(extra)), dtype=np.uint8)
    pixels = read_written(
        tmp_path, image, photometric="minisblack", extrasamples=extra, planarconfig="contig"
    )
    np.testing.assert_array_equal(pixels, image[..., 0])


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("photometric", [8, 9])
def test_cielab_agrees_with_arithmetic(tmp_path, kind, photometric):
    lab = np.array([[[54, 63, 43], [65, -58, 46], [34, 35, -73], [83, -9, 68], [100, 0, 0]]], float)
    if kind == "float32":
        stored = lab.astype(kind)
    else:
        steps, top = (1, 255) if kind == "uint8" else (256, 65535)
        chroma = lab[..., 1:] + 128 * (photometric == 9)
        stored = np.rint(np.concatenate([lab[..., :1] / 100 * top, chroma * steps], 2))
        stored = stored.astype(int).astype(kind)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, stored, photometric="rgb", extratags=[(700, "B", 4, b"test", True)])
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        at = file.pages[0].tags[262].valueoffset
    data[at : at + 2] = photometric.to_bytes(2, "little")
    pixels = read_bytes(tmp_path, bytes(data))
    assert pixels.dtype == kind
    top = 1 if kind == "float32" else np.iinfo(kind).max
    tolerance = 4 / 255 if kind == "uint8" else 1 / 255
    np.testing.assert_allclose(pixels / top, srgb_of_lab(lab), atol=tolerance)


@pytest.mark.parametrize("sampling", [(1, 1), (2, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("order", ["<", ">"])
def test_ycbcr_is_read_subsampled_or_not(tmp_path, sampling, compression, order):
    rgb = gradient(37, 50)
    data = ycbcr_tiff(rgb, sampling, compression=compression, order=order)
    pixels = read_bytes(tmp_path, data)
    assert pixels.shape == rgb.shape
    assert np.abs(pixels.astype(int) - rgb).mean() < 7
    plain = read_bytes(tmp_path, ycbcr_tiff(np.full_like(rgb, (200, 40, 40)), sampling))
    np.testing.assert_allclose(plain.astype(int), np.full_like(rgb, (200, 40, 40)), atol=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_ycbcr_is_turned_once(tmp_path, orientation, order):
    upright = read_bytes(tmp_path, ycbcr_tiff(gradient(), (2, 2)))
    turned = read_bytes(
        tmp_path, ycbcr_tiff(gradient(), (2, 2), orientation=orientation, order=order)
    )
    again = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    np.testing.assert_array_equal(turn(turned, again), upright)


def test_a_palette_of_8_bit_values_is_no_black_picture(tmp_path):
    for factor in (1, 257):
        table = np.zeros((3, 16), np.uint16)
        table[:, 5] = np.array([200, 40, 60]) * factor
        data = tiff_of(
            {
                256: ("H", [4]), 257: ("H", [4]), 258: ("H", [4]), 259: ("H", [1]),
                262: ("H", [3]), 277: ("H", [1]), 278: ("H", [4]),
                320: ("H", table.ravel().tolist()),
            },
            b"\x55\x55" * 4,
        )  # fmt: skip
        assert read_bytes(tmp_path, data)[2, 2].tolist() == [200, 40, 60]


def test_without_a_photometric_tag_zero_is_black(tmp_path):
    tags = {256: ("H", [2]), 257: ("H", [1]), 258: ("H", [8]), 277: ("H", [1]), 278: ("H", [1])}
    assert read_bytes(tmp_path, tiff_of(tags, b"\x05\xc8")).tolist() == [[5, 200]]


@pytest.mark.parametrize("shape", [(1, 9, 3), (9, 1, 3), (1, 1, 3), (1, 9), (1, 1)])
def test_a_picture_one_pixel_wide_or_high_keeps_its_shape(tmp_path, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    pixels = read_written(tmp_path, image, photometric=photometric, planarconfig="contig")
    np.testing.assert_array_equal(pixels, image)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_cmyk_without_a_profile_is_ink_over_white(tmp_path, dtype):
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    ink = (np.random.default_rng(0).random((9, 11, 4)) * top).astype(dtype)
    pixels = read_written(tmp_path, ink, photometric="separated")
    light = 1 - ink.astype(float) / top
    tolerance = 0.51 / top if top > 1 else 1e-6
    np.testing.assert_allclose(pixels / top, light[..., :3] * light[..., 3:], atol=tolerance)


def write_pages(path, *pages):
    with tifffile.TiffWriter(path) as writer:
        for level, options in pages:
            writer.write(np.full((level, level, 3), level, np.uint8), photometric="rgb", **options)


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([(32, {}), (16, {"subfiletype": 1})], 32),
        ([(16, {"subfiletype": 1}), (32, {})], 32),
        ([(8, {"subfiletype": 1}), (16, {"subfiletype": 1}), (32, {}), (64, {})], 32),
        ([(16, {}), (32, {})], 16),
        ([(32, {"subifds": 1}), (16, {"subfiletype": 1})], 32),
        ([(16, {"subfiletype": 1, "subifds": 1}), (32, {})], 32),
        ([(16, {"subfiletype": 1, "subifds": 2}), (8, {"subfiletype": 1}), (32, {})], 32),
        ([(16, {"subifds": 1}), (32, {})], 32),
        ([(16, {"subfiletype": 1}), (32, {"subfiletype": 1})], 32),
    ],
)
def test_the_picture_is_read_and_not_its_thumbnail(tmp_path, pages, expected):
    write_pages(tmp_path / "a.tif", *pages)
    assert read_picture(tmp_path / "a.tif")[0, 0, 0] == expected


def test_a_camera_raw_is_refused_by_name_however_it_is_named(tmp_path):
    thumbnail = np.zeros((8, 8, 3), np.uint8)
    with tifffile.TiffWriter(tmp_path / "nikon.tif") as writer:
        writer.write(thumbnail, photometric="rgb", subfiletype=1, subifds=1)
        writer.write(np.zeros((16, 16), np.uint16), photometric="cfa", subfiletype=0)
    with tifffile.TiffWriter(tmp_path / "linear.tif") as writer:
        writer.write(thumbnail, photometric="rgb", extratags=[(50706, "B", 4, (1, 4, 0, 0), True)])
    for name in ("a.NEF", "a.dng", "a.arw", "a.cr2", "a.pef"):
        tifffile.imwrite(tmp_path / name, thumbnail, photometric="rgb")
    canon = bytearray((tmp_path / "a.dng").read_bytes())
    canon[8:12] = b"CR\2\0"
    (tmp_path / "canon.jpg").write_bytes(canon)
    (tmp_path / "fuji.jpg").write_bytes(b"FUJIFILMCCD-RAW 0201")
    (tmp_path / "canon3.jpg").write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")
    (tmp_path / "olympus.tif").write_bytes(b"IIRO\x08\0\0\0" + bytes(64))
    files = list(tmp_path.iterdir())
    assert len(files) == 11
    for path in files:
        with pytest.raises(ImageError, match="a camera raw; develop it first"):
            read_picture(path)


def test_what_is_no_picture_is_refused_by_a_sentence(tmp_path):
    image = np.zeros((4, 4, 5), np.uint8)
    with pytest.raises(ImageError, match="expected one, grey"):
        read_written(tmp_path, image, photometric="minisblack", planarconfig="contig")
    with pytest.raises(ImageError, match="complex64"):
        read_written(tmp_path, np.zeros((4, 4), np.complex64))
    with pytest.raises(ImageError, match="inks are not CMYK"):
        read_written(
            tmp_path, image[..., :4], photometric="separated",
            extratags=[(332, "H", 1, 2, True)],
        )  # fmt: skip


def test_a_tag_with_another_count_of_values_is_refused_at_once(tmp_path):
    path = tmp_path / "whole.tif"
    tifffile.imwrite(path, np.zeros((50, 40, 3), np.uint8), photometric="rgb", metadata=None)
    data = path.read_bytes()
    start = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[start : start + 2], "little")
    refused = set()
    for entry in range(start + 2, start + 2 + 12 * entries, 12):
        for count in (0, 2, 96):
            damaged = bytearray(data)
            damaged[entry + 4 : entry + 12] = struct.pack("<II", count, 8)
            try:
                read_bytes(tmp_path, bytes(damaged))
            except ImageError:
                refused.add((int.from_bytes(data[entry : entry + 2], "little"), count))
    assert {(256, 96), (257, 96)} <= refused  # a tuple for a width was repeated a million times


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
@pytest.mark.parametrize("photometric", ["rgb", "miniswhite"])
def test_big_endian_files_give_arrays_of_this_machine(tmp_path, dtype, photometric):
    image = gradient().astype(dtype) / (1 if dtype == "uint16" else 255)
    image = image.astype(dtype) if photometric == "rgb" else image[..., 0].astype(dtype)
    pixels = read_written(tmp_path, image, photometric=photometric, byteorder=">")
    assert pixels.dtype.isnative
    top = 65535 if dtype == "uint16" else 1
    expected = image if photometric == "rgb" else top - image
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_ordinary_picture_takes_little_more_than_its_own_memory(tmp_path, dtype):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((1000, 1500, 3), dtype), photometric="rgb")
    tracemalloc.start()
    pixels = read_picture(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * pixels.nbytes
