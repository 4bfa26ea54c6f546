import logging
import os
import random
import socket
import subprocess

import numpy as np
import pytest
from PIL import Image

from napari_nst.errors import ImageError
from napari_nst.files.images import read_picture, read_settings
from tests.files.decode.formulas import (
    CASES,
    display_p3,
    encoded,
    gradient,
    with_png_chunk,
    ycbcr_tiff,
)

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{} loop\n"


@pytest.fixture
def no_programs(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)


@pytest.mark.usefixtures("no_programs")
@pytest.mark.parametrize(
    ("data", "name"),
    [
        (EPS, "PostScript"),
        (b"\xc5\xd0\xd3\xc6" + (30).to_bytes(4, "little") + bytes(22) + EPS, "PostScript"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (b"\xd7\xcd\xc6\x9a" + bytes(60), "WMF"),
        (b"\x01\0\0\0\x6c\0\0\0" + bytes(32) + b" EMF" + bytes(60), "EMF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(40), "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + bytes(40), "film"),
        (b"\xff\x0a" + bytes(40), "JPEG XL"),
        (b"SIMPLE  =                    T" + bytes(60), "FITS"),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), "HDF5"),
        (b"GRIB\0\0\0\1" + bytes(60), "expected PNG, JPEG"),
        (b"BUFR" + bytes(60), "expected PNG, JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"PK\x03\x04" + bytes(40), "ZIP"),
        (b"just text", "expected PNG, JPEG"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(tmp_path, data, name):
    for suffix in (".png", ".jpg", ".tif", ".eps", ""):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        with pytest.raises(ImageError, match=rf"a{suffix} cannot be read as a picture.*{name}"):
            read_picture(path)


@pytest.mark.usefixtures("no_programs")
def test_settings_are_not_sought_by_running_a_program(tmp_path):
    (tmp_path / "a.png").write_bytes(EPS)
    with pytest.raises(ValueError, match="holds no settings"):
        read_settings(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        *((name, 0) for name in ("PNG", "BMP", "TIFF", "PPM", "TGA", "PCX", "QOI", "SGI")),
        *((name, 4) for name in ("JPEG", "WEBP", "AVIF", "JPEG2000")),
        ("GIF", 20),
    ],
)
def test_pictures_are_read_whatever_they_are_named(tmp_path, kind, tolerance):
    path = tmp_path / "a.jpg"
    options = {"quality": 95} if kind in ("JPEG", "WEBP", "AVIF") else {}
    path.write_bytes(encoded(gradient(), kind, **options))
    pixels = read_picture(path)
    assert (pixels.shape, pixels.dtype) == ((40, 50, 3), np.uint8)
    assert np.abs(pixels.astype(int) - gradient()).mean() <= tolerance


needs_unix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@needs_unix
def test_pipes_sockets_and_devices_are_refused_and_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's whole path may have some 100 letters only
    os.mkfifo("pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        for path, name in (
            ("pipe.png", "a pipe"),
            ("socket.png", "a socket"),
            ("/dev/zero", "a device"),
            (str(tmp_path), "a folder"),
        ):
            for read in (read_picture, read_settings):
                with pytest.raises(ImageError, match=f"cannot be read: it is {name}"):
                    read(path)


@needs_unix
def test_a_link_to_a_picture_is_read_and_one_to_a_pipe_refused(tmp_path):
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "link.png"), gradient())
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "other.png").symlink_to(tmp_path / "pipe")
    with pytest.raises(ImageError, match="a pipe"):
        read_picture(tmp_path / "other.png")


BROKEN_EXIF = [
    b"Exif\\x00\\x00II*",
    b"b'Exif\\x00\\x00MM'",
    b"",
    b"II*\0\xff\xff\xff\xff",
    b"II*\0\x08\0\0\0\xff\xff" + bytes(20),
    b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04abc\0\0\0\0\0",
    b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x09\0\0\xff\xff\0\0\0\0",
    b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\0\0\0\x01\0\0\0\x1a\0\0\0\0\0\0\0\1\0\0\0\0",
]


@pytest.mark.parametrize("exif", BROKEN_EXIF)
@pytest.mark.parametrize("kind", ["png", "png16", "webp", "jpeg"])
def test_damaged_exif_costs_no_picture(tmp_path, kind, exif):
    image = gradient()
    path = tmp_path / "a.png"
    if kind == "png16":
        fine = image[..., 0].astype(np.uint16) * 257
        path.write_bytes(with_png_chunk(encoded(fine, "PNG"), b"eXIf", exif))
        np.testing.assert_array_equal(read_picture(path), fine)
        return
    if kind == "png":
        path.write_bytes(with_png_chunk(encoded(image, "PNG"), b"eXIf", exif))
    else:
        path.write_bytes(encoded(image, kind, exif=exif, quality=95))
    assert np.abs(read_picture(path).astype(int) - image).mean() < 4


@pytest.mark.parametrize("seed", range(4))
def test_a_file_damaged_anywhere_is_read_or_refused_in_one_line(tmp_path, caplog, seed):
    caplog.set_level(logging.CRITICAL)  # tifffile logs each damaged tag
    image = gradient()
    files = [path.read_bytes() for path in CASES.glob("*.[pt][ni][gf]")]
    files += [encoded(image, kind, icc_profile=display_p3()) for kind in ("JPEG", "WEBP", "AVIF")]
    files += [encoded(image, kind) for kind in ("GIF", "BMP", "JPEG2000", "TGA", "PCX", "QOI")]
    files += [ycbcr_tiff(image, (2, 2))]
    dice = random.Random(seed)
    for data in files * 3:
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 5, 20))):
            damaged[dice.randrange(min(len(data), dice.choice((64, 600, 1 << 20))))] ^= dice.choice(
                (1, 255, dice.randrange(256))
            )
        (tmp_path / "a.png").write_bytes(damaged)
        try:
            pixels = read_picture(tmp_path / "a.png")
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
        else:
            assert pixels.ndim == 2 or pixels.shape[2] in (3, 4)
            assert pixels.dtype.name in ("uint8", "uint16", "float16", "float32", "float64")
