"""Make a synthetic slide of any size by pieces, and stylise it in bounded memory.

    python docs/make_slide.py slide.zarr --size 12000 9000
    python docs/make_slide.py slide.zarr --size 12000 9000 --stylize painting.jpg --memory 4GB

The second line also runs `napari-nst stylize` with two steps, and says how much memory the run held
at its peak. Cells of stained tissue lie on a jittered grid, so that every row can be drawn alone.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_nst.files.images import write_picture
from napari_nst.files.slides.extent import Extent

CELL_PX = 26
UM_PER_PX = 0.5
PAPER = np.array([244, 244, 244], np.float32)
STROMA = np.array([222, 150, 190], np.float32)
NUCLEUS = np.array([92, 60, 140], np.float32)


class Tissue:
    """The slide, shape (H, W, 3), uint8, of which rows are drawn when they are asked for."""

    dtype = np.dtype(np.uint8)

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height, width, 3)

    def __getitem__(self, rows: slice) -> npt.NDArray[np.uint8]:
        height, width, _ = self.shape
        start, stop, _ = rows.indices(height)
        y, x = np.ogrid[start:stop, :width]
        y, x = y.astype(np.float32), x.astype(np.float32)
        strands = np.sin(x / 61 + 3 * np.sin(y / 173)) * np.sin(y / 47 + 3 * np.sin(x / 211))
        picture = STROMA + strands[..., None] * np.float32(18)
        inside = _shade(1 - np.hypot(2 * y / height - 1, 2 * x / width - 1) + 0.1 * strands, 0.02)
        nuclei = _shade(_nuclei(y, x), 1.5)[..., None]
        picture += (NUCLEUS - picture) * nuclei * np.float32(0.9)
        picture = PAPER + (picture - PAPER) * inside[..., None]
        return np.clip(picture, 0, 255).astype(np.uint8)


def _nuclei(y: npt.NDArray[np.float32], x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return how far each pixel is within the nearest nucleus, in pixels; negative outside."""
    row, column = (np.floor(each / CELL_PX).astype(np.int64) for each in (y, x))
    depth = np.full((len(y), x.shape[1]), -CELL_PX, np.float32)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            i, j = row + down, column + across
            top, left, radius = (_hash(i, j, salt) for salt in (1, 2, 3))
            far = np.hypot(y - (i + top) * CELL_PX, x - (j + left) * CELL_PX)
            np.maximum(depth, 3 + 6 * radius - far.astype(np.float32), out=depth)
    return depth


def _hash(i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], salt: int) -> npt.NDArray[np.float32]:
    """Return a random number from 0 to 1 for each pair of integers."""
    mixed = (i * 73856093) ^ (j * 19349663) ^ (salt * 83492791)
    mixed = (mixed ^ (mixed >> 13)) * 1274126177
    return ((mixed ^ (mixed >> 16)) & 0xFFFF).astype(np.float32) / np.float32(0xFFFF)


def _shade(depth: npt.NDArray[np.float32], soft: float) -> npt.NDArray[np.float32]:
    return np.clip(depth / np.float32(soft) + np.float32(0.5), 0, 1)


def main() -> None:
    """Make the slide, and run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(12000, 9000), metavar=("W", "H"))
    parser.add_argument("--stylize", metavar="STYLE", help="a picture; the result is out.zarr")
    parser.add_argument("--memory", default="4GB")
    asked, more = parser.parse_known_args()
    width, height = asked.size
    if not asked.slide.exists():
        extent = Extent(height * UM_PER_PX, width * UM_PER_PX, unit="micrometer")
        write_picture(asked.slide, Tissue(height, width), extent=extent)
        print(f"{asked.slide}: {width} x {height} px")
    if asked.stylize:
        command = [sys.executable, "-m", "napari_nst", "stylize", str(asked.slide), asked.stylize]
        command += ["-o", str(asked.slide.with_name("out.zarr")), "--size", "original"]
        command += ["--steps", "2", "--memory", asked.memory, *more]
        began = time.monotonic()
        subprocess.run(command, check=True)
        peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
        print(f"{time.monotonic() - began:.0f} s, {peak_gb:.2f} GB at the peak")


if __name__ == "__main__":
    main()
