"""What tests of decoding share: profiles, TIFFs made by hand, and sRGB by arithmetic."""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

CASES = Path(__file__).parent / "cases"

BARE_GREY = (64, 137)
"""A level of a linear grey, and the level of sRGB that shows the same."""


def adobe_rgb():
    with tifffile.TiffFile(CASES / "adobe8.tif") as file:
        return file.pages[0].tags.valueof(34675)


def display_p3():
    with Image.open(CASES / "p3_rgba.png") as picture:
        return picture.info["icc_profile"]


def linear_grey():
    return imagecodecs.cms_profile("gray", gamma=1.0)


def cmyk():
    """Build a v2 profile of a printer: a table of CIELAB at full and no ink, linear between.

    The paper is white, each single ink a colour of its own, black and mixtures black.
    """
    corners = {
        (0, 0, 0, 0): (100, 0, 0),
        (1, 0, 0, 0): (55, -37, -50),
        (0, 1, 0, 0): (48, 74, -3),
        (0, 0, 1, 0): (89, -5, 93),
    }
    table = bytearray()
    for index in np.ndindex(2, 2, 2, 2):
        lightness, a, b = corners.get(index, (0, 0, 0))
        table += bytes([round(lightness * 2.55), a + 128, b + 128])
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    lut += struct.pack(">9i", *(65536 * value for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    lut += ramp * 4 + bytes(table) + ramp * 3
    lut += b"\0" * (-len(lut) % 4)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 78
    text += b"\0" * (-len(text) % 4)
    parts = {b"desc": text, b"wtpt": white, b"A2B0": lut}
    at, directory, body = 128 + 4 + 12 * len(parts), b"", b""
    for name, data in parts.items():
        directory += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI", at + len(body), b"lcms", 0x02100000) + b"prtrCMYKLab "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acspAPPL" + b"\0" * 24
    head += struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + struct.pack(">I", len(parts)) + directory + body


CYAN_OF_CMYK = (55, -37, -50)


def srgb_of_linear(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def srgb_of_adobe(values):
    """Turn Adobe RGB, values in [0, 1], into sRGB by the published matrices, both under D65."""
    to_xyz = [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
    to_rgb = [[3.24045, -1.53714, -0.49853], [-0.96927, 1.87601, 0.04156]]
    to_rgb.append([0.05564, -0.20403, 1.05723])
    linear = np.asarray(values) ** (563 / 256)
    return srgb_of_linear(linear @ np.array(to_xyz).T @ np.array(to_rgb).T)


def srgb_of_lab(lab):
    """Turn CIELAB under D50 into sRGB, values in [0, 1]."""
    lightness, a, b = np.moveaxis(np.asarray(lab, float), -1, 0)
    y = (lightness + 16) / 116
    steps = np.stack([y + a / 500, y, y - b / 200], -1)
    relative = np.where(steps > 6 / 29, steps**3, (steps - 4 / 29) * 3 * (6 / 29) ** 2)
    xyz = relative * [0.96422, 1, 0.82521]
    to_rgb = [[3.13386, -1.61687, -0.49061], [-0.97877, 1.91614, 0.03345]]
    to_rgb.append([0.07195, -0.22899, 1.40524])
    return srgb_of_linear(xyz @ np.array(to_rgb).T)


def gradient(height=40, width=50):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 5, y * 6, 255 - x * 2], axis=2).astype(np.uint8)


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_png_chunk(png, name, data):
    """Put a chunk behind the header."""
    return png[:33] + png_chunk(name, data) + png[33:]


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def ycbcr_tiff(rgb, sampling, *, compression=1, orientation=1, order="<"):
    """Write a TIFF of YCbCr with the given subsampling, which tifffile and Pillow do not."""
    height, width = rgb.shape[:2]
    across, down = sampling
    planes = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    planes = np.pad(planes, ((0, -height % down), (0, -width % across), (0, 0)), "edge")
    data = bytearray()
    for top in range(0, planes.shape[0], down):
        for left in range(0, planes.shape[1], across):
            block = planes[top : top + down, left : left + across]
            data += block[..., 0].tobytes()
            data += bytes(np.rint(block[..., 1:].mean((0, 1))).astype(np.uint8))
    data = zlib.compress(data) if compression == 8 else bytes(data)
    return tiff_of(
        {
            256: ("H", [width]),
            257: ("H", [height]),
            258: ("H", [8, 8, 8]),
            259: ("H", [compression]),
            262: ("H", [6]),
            274: ("H", [orientation]),
            277: ("H", [3]),
            278: ("H", [height]),
            530: ("H", [across, down]),
        },
        data,
        order,
    )


def tiff_of(tags, data, order="<"):
    """Write a TIFF of one strip from its tags: {code: (struct's type, values)}."""
    types = {"B": 1, "H": 3, "I": 4}
    tags = {**tags, 273: ("I", [0]), 279: ("I", [len(data)])}
    after = 8 + 2 + 12 * len(tags) + 4
    extra = b""
    strip_at = after + sum(len(v) * struct.calcsize(k) + 3 & ~3 for k, v in tags.values())
    entries = b""
    for code, (kind, values) in sorted(tags.items()):
        packed = struct.pack(
            f"{order}{len(values)}{kind}", *(values if code != 273 else [strip_at])
        )
        if len(packed) > 4:
            offset = after + len(extra)
            extra += packed.ljust(len(packed) + 3 & ~3, b"\0")
            packed = struct.pack(f"{order}I", offset)
        entries += struct.pack(f"{order}HHI", code, types[kind], len(values)) + packed.ljust(
            4, b"\0"
        )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return (head + entries + b"\0\0\0\0" + extra).ljust(strip_at, b"\0") + data
