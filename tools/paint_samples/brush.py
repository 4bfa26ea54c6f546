"""Brush strokes along a flow field: a night sky that turns over hills and wheat."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tools.paint_samples.canvas import (
    SUPERSAMPLING,
    Plane,
    finish,
    grid,
    mix,
    ramp,
    relief,
    smooth_noise,
    smoothstep,
)

_SWIRLS = ((0.30, 0.36, 0.13, 1.0), (0.38, 0.63, 0.11, -1.0), (0.17, 0.80, 0.10, 1.0))
"""Vortices of the sky: y, x, radius, sense."""

_STARS = ((0.12, 0.10), (0.09, 0.36), (0.24, 0.52), (0.08, 0.60), (0.44, 0.07), (0.42, 0.92))
_MOON = (0.16, 0.82)

_LAYERS = ((26.0, 110.0, 0.30), (15.0, 80.0, 0.55), (8.0, 52.0, 0.85), (5.0, 34.0, 0.5))
"""Coats of paint, coarse to fine: width and length of a stroke in 1024ths, density."""


_GRAIN_PX = 0.85
"""Distance of the points that a stroke is made of: below 1, so that no pixel is missed."""


@dataclass(frozen=True)
class _Scene:
    colour: Plane
    angle: Plane


def brush_strokes(size: int = 512, seed: int = 1) -> npt.NDArray[np.uint8]:
    """Paint a night in thick strokes.

    Returns
    -------
    array, shape (size, size, 3), uint8
    """
    rng = np.random.default_rng(seed)
    pixels = size * SUPERSAMPLING
    scene = _scene(rng, pixels)
    canvas = scene.colour * 0.75
    height = np.zeros((pixels, pixels))
    for width, length, density in _LAYERS:
        unit = pixels / 1024
        _coat(rng, scene, canvas, height, (width * unit, length * unit), density)
    shade = relief(ndimage.gaussian_filter(height, 0.8), 1.6)
    lit = canvas * (1 + 0.24 * shade[..., None]) + 0.05 * np.clip(shade, 0, 1)[..., None]
    return finish(lit)


def _scene(rng: np.random.Generator, size: int) -> _Scene:
    """Decide colour and direction everywhere, before a brush is touched."""
    y, x = grid(size)
    wobble = smooth_noise(rng, size, 4)
    horizon = 0.60 + 0.05 * np.sin(5.2 * x + 0.6) + 0.03 * np.sin(11 * x)
    field = 0.76 + 0.03 * np.sin(4 * x + 2.4)
    colour, angle = _sky(y, x, wobble)
    hills = smoothstep(y - horizon, -0.004, 0.004)
    ridge = (y - horizon) / (field - horizon)
    hill_colour = ramp(
        ridge + 0.25 * wobble,
        [0, 0.25, 0.6, 1],
        ["#16355e", "#1f5a72", "#2d7a63", "#77913f"],
    )
    slope = np.arctan(0.26 * np.cos(5.2 * x + 0.6) + 0.33 * np.cos(11 * x))
    wheat = smoothstep(y - field - 0.012 * wobble, -0.005, 0.005)
    wheat_colour = ramp(
        (y - field) * 3.2 + 0.3 * smooth_noise(rng, size, 9),
        [-0.2, 0.1, 0.45, 0.9],
        ["#f5dc7a", "#e2a935", "#c27a22", "#7c4a1d"],
    )
    sway = -1.35 + 0.5 * np.sin(7 * x) + 0.35 * wobble
    colour = mix(mix(colour, hill_colour, hills), wheat_colour, wheat)
    angle = np.where(wheat > 0.5, sway, np.where(hills > 0.5, slope + 0.2 * wobble, angle))
    return _cypress(_Scene(colour, angle), y, x, wobble)


def _sky(y: Plane, x: Plane, wobble: Plane) -> tuple[Plane, Plane]:
    """Make a turning sky with stars and a moon."""
    u, v = np.ones_like(x), 0.35 * np.sin(6 * x + 3 * y) + 0.25 * wobble
    band = 0.5 + 0.5 * np.sin(22 * (y + 0.10 * np.sin(5 * x) + 0.03 * wobble))
    for cy, cx, radius, sense in _SWIRLS:
        dy, dx = y - cy, x - cx
        distance = np.hypot(dy, dx)
        pull = np.exp(-((distance / radius) ** 2)) * 4
        u, v = u - pull * sense * dy / radius, v + pull * sense * dx / radius
        spiral = 0.5 + 0.5 * np.sin(46 * distance - 2 * sense * np.arctan2(dy, dx))
        share = np.exp(-((distance / (1.25 * radius)) ** 4))
        band = band + (spiral - band) * share
    colour = ramp(
        0.62 * band + 0.25 * y + 0.16 * wobble,
        [0, 0.3, 0.55, 0.8, 1],
        ["#0d1f52", "#1b3f8f", "#3b74b9", "#8cb8d6", "#e0e7d2"],
    )
    angle = np.arctan2(v, u)
    for (cy, cx), radius in [*((star, 0.030) for star in _STARS), (_MOON, 0.065)]:
        distance = np.hypot(y - cy, x - cx)
        near = np.exp(-((distance / (2.4 * radius)) ** 2))
        turn = np.arctan2(x - cx, -(y - cy))
        angle = np.where(near > 0.4, turn, angle)
        glow = ramp(
            distance / radius,
            [0, 0.55, 1.0, 1.7, 2.4],
            ["#fff7cf", "#fbd95f", "#f0b33c", "#b7c58f", "#6fa2c4"],
        )
        colour = mix(colour, glow, smoothstep(distance / radius, 2.5, 0.9))
    return colour, angle


def _cypress(scene: _Scene, y: Plane, x: Plane, wobble: Plane) -> _Scene:
    """Stand a dark tree in front of it all."""
    top, foot, axis = 0.22, 1.02, 0.17
    along = np.clip((y - top) / (foot - top), 0, 1)
    lean = axis + 0.02 * np.sin(9 * y)
    width = 0.082 * np.sqrt(along) * (1.15 - 0.45 * along) * (1 + 0.22 * np.sin(34 * y + 9 * x))
    inside = smoothstep(width - np.abs(x - lean) + 0.01 * wobble, -0.006, 0.006) * (y > top)
    dark = ramp(
        0.5 + 0.5 * np.sin(70 * (x - lean) + 14 * y) + 0.4 * wobble,
        [0, 0.5, 1.1],
        ["#10201f", "#1f3d2c", "#59692f"],
    )
    flame = -np.pi / 2 + 0.5 * np.sin(16 * y) - 2.5 * (x - lean)
    return _Scene(mix(scene.colour, dark, inside), np.where(inside > 0.5, flame, scene.angle))


def _coat(
    rng: np.random.Generator,
    scene: _Scene,
    canvas: Plane,
    height: Plane,
    stroke: tuple[float, float],
    density: float,
) -> None:
    """Lay one coat of strokes of (width, length) px onto canvas and height, in place.

    All strokes are drawn at once: later ones overwrite earlier ones, as on a canvas.
    """
    size = canvas.shape[0]
    width, length = stroke
    count = int(density * 2.2 * size * size / (width * length))
    paths = _paths(rng, scene.angle, count, int(length / _GRAIN_PX))
    normal = _normals(scene.angle, paths)
    across = np.arange(-width / 2, width / 2, _GRAIN_PX)
    bristles = ndimage.gaussian_filter1d(rng.normal(size=(count, len(across))), 0.9, axis=1)
    along = np.linspace(0, 1, paths.shape[1])
    taper = np.sqrt(np.clip(1 - np.abs(2 * along - 1) ** 5, 0, 1))
    offset = across[None, None, :] * taper[None, :, None]
    rows = np.rint(paths[..., 0, None] + normal[..., 0, None] * offset).astype(np.intp)
    columns = np.rint(paths[..., 1, None] + normal[..., 1, None] * offset).astype(np.intp)
    np.clip(rows, 0, size - 1, out=rows)
    np.clip(columns, 0, size - 1, out=columns)
    heart = paths[:, paths.shape[1] // 2].astype(np.intp).clip(0, size - 1)
    colour = scene.colour[heart[:, 0], heart[:, 1]]
    colour = colour * rng.normal(1, 0.10, (count, 1)) + rng.normal(0, 0.028, (count, 3))
    tone = 1 + 0.11 * bristles[:, None, :] * np.ones((1, paths.shape[1], 1))
    canvas[rows, columns] = colour[:, None, None, :] * tone[..., None]
    thickness = (1 - (2 * np.abs(across) / width) ** 2) * 1.2 + 0.5 * bristles
    load = (0.6 + 0.8 * along)[None, :, None]
    height[rows, columns] = thickness[:, None, :] * load + rng.uniform(0, 1, (count, 1, 1))


def _paths(rng: np.random.Generator, angle: Plane, count: int, steps: int) -> Plane:
    """Follow the flow from random places; returns (count, steps, 2) as (y, x)."""
    size = angle.shape[0]
    place = rng.uniform(0, size, (count, 2))
    heading = np.where(rng.random(count) < 0.5, 0.0, np.pi)
    path = np.empty((count, steps, 2))
    for step in range(steps):
        path[:, step] = place
        row, column = place.astype(np.intp).clip(0, size - 1).T
        turned = angle[row, column] + heading
        place = place + _GRAIN_PX * np.stack((np.sin(turned), np.cos(turned)), axis=1)
    return path


def _normals(angle: Plane, paths: Plane) -> Plane:
    """Return unit vectors across each path; its own smoothed direction keeps edges smooth."""
    tangent = np.gradient(ndimage.gaussian_filter1d(paths, 4, axis=1, mode="nearest"), axis=1)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9
    return np.stack((-tangent[..., 1], tangent[..., 0]), axis=-1)
