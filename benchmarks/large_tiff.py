"""Write a BigTIFF of any size, a photograph repeated, in memory of a few tiles.

python benchmarks/large_tiff.py PHOTO OUT.tif --size 10000 10000
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from napari_nst.files.images import read_picture

TILE_PX = 512


def tiles(photo: npt.NDArray[np.uint8], height: int, width: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the tiles of a picture in which a photograph is repeated, row by row."""
    side = np.arange(TILE_PX)
    for top in range(0, height, TILE_PX):
        rows = photo[(top + side) % photo.shape[0]]
        for left in range(0, width, TILE_PX):
            yield np.ascontiguousarray(rows[:, (left + side) % photo.shape[1]])


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(10_000, 10_000), metavar="PX")
    given = parser.parse_args()
    height, width = given.size
    photo = np.asarray(read_picture(given.photo))[..., :3]
    tifffile.imwrite(
        given.out,
        tiles(photo, height, width),
        shape=(height, width, 3),
        dtype=photo.dtype,
        tile=(TILE_PX, TILE_PX),
        photometric="rgb",
        bigtiff=True,
        compression="zlib",
    )


if __name__ == "__main__":
    main()
