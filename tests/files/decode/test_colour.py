import io
import logging

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from napari_nst.files.decode import pixels as strips
from napari_nst.files.images import read_picture
from tests.files.decode.formulas import (
    BARE_GREY,
    CYAN_OF_CMYK,
    adobe_rgb,
    cmyk,
    display_p3,
    encoded,
    gradient,
    linear_grey,
    png_chunk,
    srgb_of_adobe,
    srgb_of_lab,
)

RED, P3_RED = (200, 40, 40), (220, 0, 17)


def read_bytes(folder, data, name="a.png"):
    (folder / name).write_bytes(data)
    return read_picture(folder / name)


def tiff_bytes(image, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, **options)
    return buffer.getvalue()


def png16(image, profile):
    png = imagecodecs.png_encode(image)
    packed = b"icc\0\0" + imagecodecs.zlib_encode(profile)
    return png[:33] + png_chunk(b"iCCP", packed) + png[33:]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_profile_counts_in_8_bits_with_and_without_alpha(tmp_path, kind, mode):
    colour = RED if mode == "RGB" else (*RED, 77)
    options = {} if kind in ("PNG", "TIFF") else {"quality": 100, "lossless": kind == "WEBP"}
    if kind == "AVIF":
        options = {"quality": 100, "subsampling": "4:4:4"}
    picture = Image.new(mode, (40, 30), colour)
    data = encoded(picture, kind, icc_profile=display_p3(), exact=True, **options)
    pixels = read_bytes(tmp_path, data)
    np.testing.assert_allclose(pixels[15, 20, :3].astype(int), P3_RED, atol=3)
    assert pixels.shape[2] == len(mode)
    if mode == "RGBA":
        assert (pixels[..., 3] == 77).all()


def test_a_profile_counts_in_jpeg_and_palettes(tmp_path):
    picture = Image.new("RGB", (40, 30), RED)
    jpeg = encoded(picture, "JPEG", quality=100, subsampling=0, icc_profile=display_p3())
    np.testing.assert_allclose(read_bytes(tmp_path, jpeg)[5, 5], P3_RED, atol=3)
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    palette.putpixel((0, 0), 0)
    png = encoded(palette, "PNG", icc_profile=display_p3())
    np.testing.assert_allclose(read_bytes(tmp_path, png)[3, 3], P3_RED, atol=2)
    clear = encoded(palette, "PNG", icc_profile=display_p3(), transparency=0)
    pixels = read_bytes(tmp_path, clear)
    np.testing.assert_allclose(pixels[3, 3], (*P3_RED, 255), atol=2)
    assert pixels[0, 0, 3] == 0
    indices = np.ones((4, 4), np.uint8)
    table = np.zeros((3, 256), np.uint16)
    table[:, 1] = np.array(RED) * 257
    tiff = tiff_bytes(indices, photometric="palette", colormap=table, iccprofile=display_p3())
    np.testing.assert_allclose(read_bytes(tmp_path, tiff)[3, 3], P3_RED, atol=2)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("planar", [False, True])
def test_every_depth_agrees_with_arithmetic_and_keeps_alpha(tmp_path, dtype, planar):
    values = np.random.default_rng(0).random((30, 40, 4))
    top = 1 if "float" in dtype else np.iinfo(dtype).max
    image = (values if top == 1 else np.rint(values * top)).astype(dtype)
    stored = np.moveaxis(image, -1, 0) if planar else image
    data = tiff_bytes(
        stored, photometric="rgb", extrasamples=["unassalpha"], iccprofile=adobe_rgb(),
        planarconfig="separate" if planar else "contig",
    )  # fmt: skip
    pixels = read_bytes(tmp_path, data, "a.tif")
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels[..., 3], image[..., 3])
    expected = srgb_of_adobe(image[..., :3].astype(float) / top)
    tolerance = 1.2 / 255 if dtype == "uint8" else 2e-3
    np.testing.assert_allclose(pixels[..., :3].astype(float) / top, expected, atol=tolerance)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_of_both_byte_orders_agree(tmp_path, order):
    image = gradient().astype(np.uint16) * 257
    data = tiff_bytes(image, photometric="rgb", iccprofile=adobe_rgb(), byteorder=order)
    expected = srgb_of_adobe(image / 65535)
    np.testing.assert_allclose(read_bytes(tmp_path, data) / 65535, expected, atol=2e-3)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_profile_counts_in_16_bit_png(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 65536, (20, 30, channels), dtype=np.uint16)
    pixels = read_bytes(tmp_path, png16(image, adobe_rgb()))
    expected = srgb_of_adobe(image[..., :3] / 65535)
    np.testing.assert_allclose(pixels[..., :3] / 65535, expected, atol=2e-3)
    np.testing.assert_array_equal(pixels[..., 3:], image[..., 3:])


def test_a_linear_grey_of_64_reads_137(tmp_path):
    linear, shown = BARE_GREY
    grey = np.full((8, 9), linear, np.uint8)
    fine = grey.astype(np.uint16) * 257
    with_alpha = Image.merge("LA", [Image.fromarray(grey), Image.new("L", (9, 8), 50)])
    tiff = {"photometric": "minisblack", "iccprofile": linear_grey()}
    files = {
        "png": encoded(grey, "PNG", icc_profile=linear_grey()),
        "jpeg": encoded(grey, "JPEG", icc_profile=linear_grey(), quality=100),
        "png 16": png16(fine, linear_grey()),
        "tiff": tiff_bytes(grey, **tiff),
        "tiff 16": tiff_bytes(fine, **tiff),
        "tiff float": tiff_bytes(np.float32(grey / 255), **tiff),
        "tiff white": tiff_bytes(255 - grey, **{**tiff, "photometric": "miniswhite"}),
    }
    for name, data in files.items():
        pixels = read_bytes(tmp_path, data)
        assert pixels.shape == (8, 9), name
        top = {"u": 1 if pixels.dtype == np.uint8 else 257, "f": 1 / 255}[pixels.dtype.kind]
        np.testing.assert_allclose(pixels / top, shown, atol=1, err_msg=name)
    data = encoded(with_alpha, "PNG", icc_profile=linear_grey())
    pixels = read_bytes(tmp_path, data)
    np.testing.assert_allclose(pixels[3, 3], (shown, shown, shown, 50), atol=1)
    pixels = read_bytes(
        tmp_path, png16(np.dstack([fine, np.full_like(fine, 12345)]), linear_grey())
    )
    np.testing.assert_allclose(pixels[3, 3] / 257, (shown, shown, shown, 12345 / 257), atol=1)


def test_a_grey_with_a_profile_of_rgb_stays_grey(tmp_path, caplog):
    curved = imagecodecs.cms_profile(
        "rgb",
        gamma=1.0,
        whitepoint=[0.3127, 0.3290, 1],
        primaries=[0.64, 0.33, 1, 0.30, 0.60, 1, 0.15, 0.06, 1],
    )
    data = encoded(np.full((8, 9), 64, np.uint8), "PNG", icc_profile=curved)
    pixels = read_bytes(tmp_path, data)
    assert pixels.shape == (8, 9)
    assert pixels[0, 0] == pytest.approx(137, abs=1)
    assert not caplog.records


@pytest.mark.parametrize("kind", ["jpeg", "uint8", "uint16", "float32"])
def test_a_profile_of_cmyk_counts(tmp_path, kind):
    full = 1 if kind == "float32" else 65535 if kind == "uint16" else 255
    ink = np.zeros((16, 16, 4), "uint8" if kind == "jpeg" else kind)
    ink[:, 8:, 0] = full
    if kind == "jpeg":
        picture = Image.frombytes("CMYK", (16, 16), ink.tobytes())
        data = encoded(picture, "JPEG", quality=100, subsampling=0, icc_profile=cmyk())
    else:
        data = tiff_bytes(ink, photometric="separated", iccprofile=cmyk())
    pixels = read_bytes(tmp_path, data)
    assert pixels.shape == (16, 16, 3)
    cyan = srgb_of_lab(CYAN_OF_CMYK) * 255
    np.testing.assert_allclose(pixels[4, 4] / full * 255, (255, 255, 255), atol=3)
    np.testing.assert_allclose(pixels[4, 12] / full * 255, cyan, atol=4)


def test_cmyk_in_8_bits_agrees_with_pillow_s_littlecms(tmp_path):
    ink = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    data = tiff_bytes(ink, photometric="separated", iccprofile=cmyk())
    expected = ImageCms.profileToProfile(
        Image.frombytes("CMYK", (30, 20), ink.tobytes()),
        ImageCms.ImageCmsProfile(io.BytesIO(cmyk())),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    pixels = read_bytes(tmp_path, data).astype(int)
    np.testing.assert_allclose(pixels, np.asarray(expected).astype(int), atol=1)


def damaged_profiles():
    whole = adobe_rgb()
    return {
        "no profile": b"no profile",
        "its head": whole[:150],
        "cut short": whole[:-100],
        "no signature": whole[:36] + b"xxxx" + whole[40:],
        "of CMYK": cmyk(),
        "no colour space": whole[:16] + b"\xff\0\xff\0" + whole[20:],
    }


@pytest.mark.parametrize("damage", damaged_profiles())
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "png16"])
def test_a_damaged_profile_is_said_and_the_picture_read_as_srgb(tmp_path, caplog, kind, damage):
    profile = damaged_profiles()[damage]
    image = gradient()
    if kind == "png16":
        data = png16(image.astype(np.uint16) * 257, profile)
        plain = png16(image.astype(np.uint16) * 257, b" ")
    else:
        data, plain = encoded(image, kind, icc_profile=profile), encoded(image, kind)
    with caplog.at_level(logging.WARNING):
        pixels = read_bytes(tmp_path, data, "named.png")
    (message,) = [record.getMessage() for record in caplog.records]
    assert "named.png: the colour profile was ignored" in message
    np.testing.assert_array_equal(pixels, read_bytes(tmp_path, plain, "b.png"))


def test_a_profile_s_chunk_that_cannot_be_unpacked_is_said(tmp_path):
    png = encoded(gradient(), "PNG")
    png = png[:33] + png_chunk(b"iCCP", b"icc\0\0no zlib") + png[33:]
    (tmp_path / "a.png").write_bytes(png)
    notes = []
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", note=notes.append), gradient())
    assert len(notes) == 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_strips_make_no_difference_and_notes_come_once(tmp_path, monkeypatch, kind):
    image = np.random.default_rng(0).integers(0, 256, (33, 20, 4), dtype=np.uint8)
    data = encoded(image, kind, icc_profile=adobe_rgb())
    whole = read_bytes(tmp_path, data)
    monkeypatch.setattr(strips, "_STRIP_PIXELS", 20 * 4)
    np.testing.assert_array_equal(read_bytes(tmp_path, data), whole)
    (tmp_path / "b").write_bytes(encoded(image, kind, icc_profile=b"none"))
    notes = []
    read_picture(tmp_path / "b", note=notes.append)
    assert len(notes) == 1
