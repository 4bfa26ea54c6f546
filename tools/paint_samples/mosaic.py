"""Mosaic: a wave and a sun in small stones, laid along the water's lines."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from tools.paint_samples.canvas import (
    SUPERSAMPLING,
    Plane,
    finish,
    grid,
    mix,
    ramp,
    relief,
    rgb,
    smooth_noise,
    smoothstep,
)

_STONES_A_SIDE = 46
_GROUT = "#3a332d"
_SUN = (0.27, 0.70, 0.135)
_NEIGHBOURS = 4
_ROUNDS = 7
"""Times that the stones are shifted to the middle of their own ground (Hausner 2001)."""


def mosaic(size: int = 512, seed: int = 4) -> npt.NDArray[np.uint8]:
    """Lay stones.

    Returns
    -------
    array, shape (size, size, 3), uint8
    """
    rng = np.random.default_rng(seed)
    pixels = size * SUPERSAMPLING
    colour, angle = _cartoon(rng, pixels)
    centres = _laid(rng, angle)
    stone, edge = _stones(centres, angle, pixels)
    place = (centres * pixels).astype(np.intp).clip(0, pixels - 1)
    stones = colour[place[:, 0], place[:, 1]]
    stones = stones * rng.normal(1, 0.13, (len(stones), 1)) + rng.normal(0, 0.03, stones.shape)
    unit = pixels / 1024
    face = smoothstep(edge, 1.2 * unit, 3.2 * unit)
    bevel = relief(ndimage.gaussian_filter(np.minimum(edge, 5 * unit), unit), 0.9 / unit)
    grain = 0.05 * smooth_noise(rng, pixels, 90, 2)
    lit = stones[stone] * (1 + 0.26 * bevel + grain + _tilts(rng, len(stones), stone))[..., None]
    ground = np.array(rgb(_GROUT)) * (1 + 2 * grain)[..., None]
    return finish(mix(ground, lit, face))


def _cartoon(rng: np.random.Generator, size: int) -> tuple[Plane, Plane]:
    """Decide colours, and the direction of the rows of stones."""
    y, x = grid(size)
    haze = smooth_noise(rng, size, 4)
    distance = np.hypot(y - _SUN[0], x - _SUN[1])
    turn = np.arctan2(y - _SUN[0], x - _SUN[1])
    sky = ramp(
        distance + 0.05 * haze + 0.035 * np.sign(np.sin(14 * turn)) * (distance < 0.36),
        [0.13, 0.2, 0.32, 0.5, 0.75, 1.0],
        ["#f9dc8f", "#f2b45c", "#e88a5a", "#c65b62", "#6d4a7c", "#33406f"],
    )
    sun = ramp(distance, [0, 0.07, 0.125], ["#fff6d0", "#fbd34d", "#ef9d26"])
    colour = mix(sky, sun, smoothstep(distance, _SUN[2] + 0.002, _SUN[2] - 0.002))
    angle = turn + np.pi / 2
    for level, height, pace, tint in (
        (0.56, 0.035, 7.0, ("#0d3b5c", "#1f7a8c", "#9fd8cb")),
        (0.66, 0.055, 5.0, ("#0a2f55", "#176b9c", "#7fd1de")),
        (0.80, 0.075, 4.0, ("#071f3f", "#0f4f86", "#49b3d9")),
    ):
        phase = pace * 2 * np.pi * (x + 0.16 * (level - 0.5) * pace) / 2.2
        crest = level - height * (np.abs(np.sin(phase / 2)) ** 0.6 * 2 - 1)
        crest = ndimage.gaussian_filter1d(crest, size / 130, axis=1)
        depth = y - crest
        inside = smoothstep(depth, -0.002, 0.002)
        bands = 0.5 + 0.5 * np.sin(95 * depth + 1.3 * haze)
        fade = np.clip(1 - depth / 0.30, 0, 1)
        water = ramp(bands * (0.25 + 0.75 * fade), [0, 0.5, 1], list(tint))
        foam = smoothstep(depth, 0.026, 0.016)
        water = mix(water, np.broadcast_to(rgb("#f4f1e4"), water.shape), foam)
        colour = mix(colour, water, inside)
        slope = np.arctan(np.gradient(crest, axis=1) * size)
        angle = np.where(inside > 0.5, slope, angle)
    return colour, angle


def _laid(rng: np.random.Generator, angle: Plane) -> Plane:
    """Give the stones' centres, shape (n, 2) as (y, x) in [0, 1], evenly spread."""
    side = _STONES_A_SIDE
    y, x = np.meshgrid(*[(np.arange(side) + 0.5) / side] * 2, indexing="ij")
    centres = np.stack((y.ravel(), x.ravel()), axis=1)
    centres = centres + rng.uniform(-0.3, 0.3, centres.shape) / side
    coarse = 6 * side
    for _ in range(_ROUNDS):
        stone, _edge = _stones(centres, angle, coarse)
        rows, columns = np.indices(stone.shape)
        count = np.maximum(np.bincount(stone.ravel(), minlength=len(centres)), 1)
        middle = [
            np.bincount(stone.ravel(), weights=axis.ravel() + 0.5, minlength=len(centres))
            for axis in (rows, columns)
        ]
        centres = np.stack(middle, axis=1) / count[:, None] / coarse
    return centres


def _stones(centres: Plane, angle: Plane, size: int) -> tuple[npt.NDArray[np.intp], Plane]:
    """Give each pixel its stone and its distance to the stone's edge in px.

    A stone is where its own square distance, the larger of the two along its sides, is least.
    """
    y, x = grid(size)
    places = np.stack((y.ravel(), x.ravel()), axis=1)
    near = cKDTree(centres).query(places, k=_NEIGHBOURS, workers=-1)[1]
    at = (centres * angle.shape[0]).astype(np.intp).clip(0, angle.shape[0] - 1)
    turned = angle[at[:, 0], at[:, 1]]
    cos, sin = np.cos(turned)[near], np.sin(turned)[near]
    dy, dx = (places[:, None, axis] - centres[near, axis] for axis in (0, 1))
    square = np.maximum(np.abs(dx * cos + dy * sin), np.abs(dy * cos - dx * sin))
    order = np.argmin(square, axis=1)
    stone = near[np.arange(len(near)), order].reshape(size, size)
    border = np.zeros((size, size), dtype=bool)
    border[:-1] |= stone[:-1] != stone[1:]
    border[:, :-1] |= stone[:, :-1] != stone[:, 1:]
    edge: Plane = ndimage.distance_transform_edt(~border)
    return stone, edge


def _tilts(rng: np.random.Generator, count: int, stone: npt.NDArray[np.intp]) -> Plane:
    """Let each stone catch the light a little differently."""
    size = stone.shape[0]
    y, x = grid(size)
    lean = rng.normal(0, 1, (2, count))
    area = np.maximum(np.bincount(stone.ravel(), minlength=count), 1)
    middle_y, middle_x = (
        np.bincount(stone.ravel(), weights=axis.ravel(), minlength=count) / area for axis in (y, x)
    )
    return np.asarray(
        2.2 * ((y - middle_y[stone]) * lean[0][stone] + (x - middle_x[stone]) * lean[1][stone])
    )
