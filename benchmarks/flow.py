"""Optical flow by three libraries on pairs under a known motion: endpoint error and time.

    python benchmarks/flow.py [--size 256]

OpenCV is no dependency of napari-nst: its rows need `pip install opencv-python-headless`.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import ndimage
from skimage import color, data
from skimage.registration import optical_flow_ilk, optical_flow_tvl1
from skimage.transform import resize

MOTIONS = {  # matrix, and shift in px, that lead from a pixel of the second frame to the first
    "shift 3 px": (np.eye(2), (3.0, -2.0)),
    "shift 12 px": (np.eye(2), (9.0, -8.0)),
    "turn 2°": (np.array([[0.9994, -0.0349], [0.0349, 0.9994]]), (0.0, 0.0)),
    "zoom 3 %": (np.eye(2) * 1.03, (0.0, 0.0)),
}


def exact_flow(size: int, matrix: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    """Give the motion from the second frame to the first, shape (2, H, W), rows first."""
    grid = np.mgrid[:size, :size].astype(float)
    centred = grid - (size - 1) / 2
    return np.einsum("ij,jhw->ihw", matrix, centred) - centred + np.reshape(shift, (2, 1, 1))


def ilk(second: np.ndarray, first: np.ndarray, **options: object) -> np.ndarray:
    return np.asarray(optical_flow_ilk(second, first, **options))


def tvl1(second: np.ndarray, first: np.ndarray, **options: object) -> np.ndarray:
    return np.asarray(optical_flow_tvl1(second, first, **options))


def dis(second: np.ndarray, first: np.ndarray, *, preset: int) -> np.ndarray:
    import cv2

    in_bytes = [np.rint(each * 255).astype(np.uint8) for each in (second, first)]
    return np.moveaxis(cv2.DISOpticalFlow.create(preset).calc(*in_bytes, None), 2, 0)[::-1]


METHODS: dict[str, Callable[..., np.ndarray]] = {
    "ILK, radius 7": ilk,
    "ILK, radius 5, prefilter": partial(ilk, radius=5, prefilter=True),
    "ILK, Gaussian, 10 warps": partial(ilk, gaussian=True, num_warp=10),
    "TV-L1": tvl1,
    "TV-L1, attachment 30, 5 warps": partial(tvl1, attachment=30, num_warp=5),
    "DIS, fast": partial(dis, preset=1),
    "DIS, medium": partial(dis, preset=2),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=256)
    size = parser.parse_args().size
    picture = resize(color.rgb2gray(data.astronaut()), (size, size), anti_aliasing=True)
    first = ndimage.gaussian_filter(picture, 0.5)
    random = np.random.default_rng(0)
    print(f"{size}² px, mean endpoint error in px / 95th percentile, ms")
    for name, method in METHODS.items():
        cells = []
        for motion in MOTIONS.values():
            exact = exact_flow(size, *motion)
            moved = ndimage.map_coordinates(first, np.mgrid[:size, :size] + exact, mode="reflect")
            pair = [each + random.normal(0, 0.01, each.shape) for each in (moved, first)]
            pair = [np.clip(each, 0, 1) for each in pair]
            began = time.perf_counter()
            try:
                found = method(*pair)
            except ImportError:
                cells.append("absent")
                continue
            ms = 1e3 * (time.perf_counter() - began)
            inside = np.all(
                (np.mgrid[:size, :size] + exact >= 0)
                & (np.mgrid[:size, :size] + exact <= size - 1),
                axis=0,
            )
            error = np.hypot(*(found - exact))[inside]
            cells.append(f"{error.mean():.2f} / {np.percentile(error, 95):.2f}, {ms:.0f}")
        print(f"{name:32} " + "  ".join(f"{each:>20}" for each in cells))


if __name__ == "__main__":
    main()
