import io
import os
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from napari_nst.errors import ConfigError, ImageError
from napari_nst.files.images import check_output, read_picture, read_settings, write_picture
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord


@pytest.fixture
def record():
    return RunRecord(
        config=StyleConfig.preset("seed", size=64, steps=3, seed=7),
        resolved={"device": "cpu", "name": "Größe"},
        hashes={"content": "ab"},
        weights="untrained",
        steps_done=3,
        reason="finished",
    )


def noise(shape, dtype):
    random = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return random.random(shape, dtype=dtype)
    return random.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def gradient(height=40, width=50):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 5, y * 6, 255 - x * 2], axis=2).astype(np.uint8)


@pytest.mark.parametrize("channels", [(), (3,), (4,)], ids=["grey", "rgb", "rgba"])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        *((".png", dtype) for dtype in ("uint8", "uint16")),
        *((".tif", dtype) for dtype in ("uint8", "uint16", "float32")),
    ],
)
def test_png_and_tiff_keep_every_bit_and_the_alpha(tmp_path, suffix, dtype, channels):
    image = noise((13, 17, *channels), dtype)
    write_picture(tmp_path / f"a{suffix}", image)
    again = read_picture(tmp_path / f"a{suffix}")
    assert again.dtype == image.dtype
    np.testing.assert_array_equal(again, image)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_come_back_close_from_16_bits(tmp_path, suffix):
    image = gradient()
    write_picture(tmp_path / f"a{suffix}", image.astype(np.uint16) * 257)
    again = read_picture(tmp_path / f"a{suffix}")
    assert again.dtype == np.uint8
    assert np.abs(again.astype(int) - image).mean() < 4


def test_jpeg_lays_alpha_on_white_and_webp_keeps_it(tmp_path):
    image = np.zeros((32, 32, 4), np.uint8)
    image[:, 16:, 3] = 255
    for suffix in (".jpg", ".webp"):
        write_picture(tmp_path / f"a{suffix}", image)
    flat = read_picture(tmp_path / "a.jpg")
    assert flat.shape == (32, 32, 3)
    assert flat[:, :8].min() > 240
    assert flat[:, 24:].max() < 15
    np.testing.assert_array_equal(read_picture(tmp_path / "a.webp")[..., 3], image[..., 3])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_record_comes_back_from_every_format(tmp_path, record, suffix, dtype):
    path = tmp_path / f"a{suffix}"
    write_picture(path, noise((16, 20, 3), dtype), record=record)
    assert read_settings(path) == (record.config, record)


def test_a_png_with_a_record_is_valid_to_other_readers(tmp_path, record):
    write_picture(tmp_path / "a.png", gradient(), record=record)
    with Image.open(tmp_path / "a.png") as picture:
        picture.verify()
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), gradient())
        assert RunRecord.from_json(picture.info["napari-nst"]) == record


def test_settings_are_read_from_json_files_of_both_kinds(tmp_path, record):
    (tmp_path / "config.json").write_text(record.config.to_json(), encoding="utf-8")
    (tmp_path / "record.json").write_text(record.to_json(), encoding="utf-8")
    assert read_settings(tmp_path / "config.json") == (record.config, None)
    assert read_settings(tmp_path / "record.json") == (record.config, record)


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"{", b"\x89PNG\r\n", b"II*\0", b'{"size": "big"}', b'{"x": 1}']
)
def test_files_without_settings_are_refused_by_name(tmp_path, content):
    (tmp_path / "no.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"no\.json"):
        read_settings(tmp_path / "no.json")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_exif_orientation_is_applied_as_pillow_does(tmp_path, orientation, suffix):
    path = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[274] = orientation
    pixels = gradient()
    if suffix == ".tif":
        tifffile.imwrite(path, pixels, extratags=[(274, "H", 1, orientation, True)])
    else:
        Image.fromarray(pixels).save(path, exif=exif)
    with Image.open(path) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(read_picture(path), expected)


@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_orientation_is_applied_to_16_bit_png(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(noise((9, 14), "uint16")).save(tmp_path / "a.png", exif=exif)
    expected = np.rot90(noise((9, 14), "uint16"), {3: 2, 6: -1}[orientation])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), expected)


@pytest.mark.parametrize(
    ("mode", "suffix", "channels"),
    [
        ("1", ".png", ()),
        ("L", ".jpg", ()),
        ("LA", ".png", (4,)),
        ("P", ".gif", (3,)),
        ("P", ".png", (3,)),
        ("CMYK", ".jpg", (3,)),
        ("CMYK", ".tif", (3,)),
        ("1", ".tif", ()),
        ("P", ".tif", (3,)),
        ("LA", ".tif", (4,)),
        ("YCbCr", ".jpg", (3,)),
        ("RGBA", ".png", (4,)),
        ("RGB", ".bmp", (3,)),
    ],
)
def test_every_mode_becomes_grey_rgb_or_rgba(tmp_path, mode, suffix, channels):
    path = tmp_path / f"a{suffix}"
    picture = Image.fromarray(gradient()).convert(mode)
    picture.save(path, quality=95)
    pixels = read_picture(path)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (40, 50, *channels)
    expected = picture.convert("L" if not channels else "RGB" if channels == (3,) else "RGBA")
    assert np.abs(pixels.astype(int) - np.asarray(expected)).mean() < 6


def test_a_transparent_palette_keeps_its_alpha(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 200, 10, 10])
    picture.putpixel((0, 0), 0)
    picture.save(tmp_path / "a.gif", transparency=0)
    pixels = read_picture(tmp_path / "a.gif")
    assert pixels.shape == (4, 4, 4)
    assert pixels[0, 0, 3] == 0
    assert pixels[1, 1].tolist() == [200, 10, 10, 255]


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp", ".png"])
def test_the_first_of_several_frames_is_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    first.save(path, save_all=True, append_images=[second])
    assert read_picture(path)[4, 4, :3].tolist() == pytest.approx([255, 0, 0], abs=3)


def test_an_embedded_profile_becomes_srgb(tmp_path):
    picture = Image.new("RGB", (4, 4), (120, 120, 120))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(tmp_path / "srgb.png", icc_profile=profile)
    picture.save(tmp_path / "broken.png", icc_profile=b"no profile")
    assert read_picture(tmp_path / "srgb.png")[0, 0].tolist() == [120, 120, 120]
    assert read_picture(tmp_path / "broken.png")[0, 0].tolist() == [120, 120, 120]


def test_planar_inverted_and_lzw_tiffs_are_read(tmp_path):
    image = noise((12, 15, 3), "uint16")
    tifffile.imwrite(
        tmp_path / "planar.tif", np.moveaxis(image, -1, 0), photometric="rgb", planarconfig=2
    )
    tifffile.imwrite(tmp_path / "lzw.tif", image, photometric="rgb", compression="lzw")
    tifffile.imwrite(tmp_path / "white.tif", image[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(read_picture(tmp_path / "planar.tif"), image)
    np.testing.assert_array_equal(read_picture(tmp_path / "lzw.tif"), image)
    np.testing.assert_array_equal(read_picture(tmp_path / "white.tif"), 65535 - image[..., 0])


def bytes_of(image, kind):
    buffer = io.BytesIO()
    if kind == "tiff":
        tifffile.imwrite(buffer, image, compression="zlib")
    else:
        Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "png16"])
def test_a_file_cut_short_is_refused_in_one_line(tmp_path, kind):
    if kind == "png16":
        data = bytes_of(noise((64, 64), "uint16"), "png")
    else:
        data = bytes_of(noise((64, 64, 3), "uint8"), kind)
    path = tmp_path / "cut.png"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"cut\.png cannot be read") as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no picture", b"II*\0", b"\x89PNG\r\n\x1a\n", b"%PDF"])
def test_a_file_that_is_no_picture_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match="cannot be read as a picture"):
        read_picture(tmp_path / "a.png")


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(ImageError, match="cannot be read"):
        read_picture(tmp_path)


def test_a_picture_that_unpacks_to_a_bomb_is_refused(tmp_path):
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    (tmp_path / "bomb.png").write_bytes(png)
    with pytest.raises(ImageError, match="too large"):
        read_picture(tmp_path / "bomb.png")


def test_a_tiff_that_unpacks_to_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    tifffile.imwrite(tmp_path / "bomb.tif", np.zeros((20, 20), np.uint8))
    with pytest.raises(ImageError, match="too many"):
        read_picture(tmp_path / "bomb.tif")


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [((8, 8, 7), "uint8", "channels"), ((8, 8), "int32", "expected 0 to 65535")],
)
def test_tiffs_of_science_that_are_no_pictures_are_refused(tmp_path, shape, dtype, message):
    tifffile.imwrite(
        tmp_path / "a.tif", np.full(shape, -1).astype(dtype), photometric="minisblack",
        planarconfig="contig" if len(shape) == 3 else None,
    )  # fmt: skip
    with pytest.raises(ImageError, match=message):
        read_picture(tmp_path / "a.tif")


def test_an_output_is_checked_before_the_run(tmp_path):
    check_output(tmp_path / "a.PNG")
    for path, message in (
        (tmp_path / "a.gif", "end it in one of"),
        (tmp_path / "a", "end it in one of"),
        (tmp_path / "no" / "a.png", "no folder"),
    ):
        with pytest.raises(ImageError, match=message):
            check_output(path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match="is a folder"):
        check_output(tmp_path / "folder.png")
    with pytest.raises(ImageError, match="at most 16383 px"):
        check_output(tmp_path / "a.webp", longest_px=20000)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such permission")
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_picture(path, gradient())
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ImageError, match="No space left"):
        write_picture(path, gradient() // 2)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "a.png"
    target.write_bytes(b"old")
    link = tmp_path / "link.png"
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("no right to make links here")
    write_picture(link, gradient())
    assert link.is_symlink()
    np.testing.assert_array_equal(read_picture(target), gradient())
