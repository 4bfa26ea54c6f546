"""Ink hatching: mountains, a moon and a lake in the lines of an engraving."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tools.paint_samples.canvas import (
    SUPERSAMPLING,
    Plane,
    finish,
    grid,
    mix,
    rgb,
    smooth_noise,
    smoothstep,
)

_PAPER, _INK = "#f1e6cf", "#1c1a22"
_MOON = (0.21, 0.66, 0.085)
_SHORE = 0.70
_HATCHES = ((0.86, 1.0, 0.0), (0.56, 0.86, 0.95), (0.34, 1.0, -0.75), (0.17, 1.1, 1.9))
"""Layers of lines: light at which they begin, relative spacing, angle to the form."""


def ink_hatching(size: int = 512, seed: int = 3) -> npt.NDArray[np.uint8]:
    """Draw with a pen.

    Returns
    -------
    array, shape (size, size, 3), uint8
    """
    rng = np.random.default_rng(seed)
    pixels = size * SUPERSAMPLING
    light, form = _landscape(rng, pixels)
    ink = np.zeros((pixels, pixels))
    for begin, spacing, turn in _HATCHES:
        ink = np.maximum(ink, _lines(rng, light, form, (begin, spacing, turn)))
    fibre = ndimage.gaussian_filter(rng.normal(size=(pixels, pixels)), 1.2)
    paper = np.array(rgb(_PAPER)) * (
        1 + 0.035 * smooth_noise(rng, pixels, 5)[..., None] + 0.045 * fibre[..., None]
    )
    wet = np.clip(ink * (0.93 + 0.25 * fibre), 0, 1)
    return finish(mix(paper, np.broadcast_to(rgb(_INK), paper.shape), wet))


def _landscape(rng: np.random.Generator, size: int) -> tuple[Plane, Plane]:
    """Decide light (1 is paper, 0 is black) and the direction of the form's lines."""
    y, x = grid(size)
    haze = smooth_noise(rng, size, 3)
    light = 0.50 + 0.55 * y + 0.10 * haze
    form = 0.10 * np.sin(5 * x) + 0.14 * haze
    distance = np.hypot(y - _MOON[0], x - _MOON[1])
    halo = smoothstep(distance, 0.30, _MOON[2])
    light = light + 0.34 * halo**2
    around = np.arctan2(x - _MOON[1], -(y - _MOON[0]))
    form = np.where(distance < 0.34, around, form)
    craters = 1.0 - 0.16 * smoothstep(smooth_noise(rng, size, 16), 0.1, 0.6)
    light = np.where(distance < _MOON[2], craters, np.minimum(light, 0.80))
    light = np.where(np.abs(distance - _MOON[2]) < 0.002, 0.0, light)
    for base, rise, cells, tone in ((0.50, 0.20, 4, 0.62), (0.58, 0.26, 3, 0.36)):
        light, form = _mountains(rng, (light, form), (base, rise, tone), cells)
    return _lake(light, form, y, x, haze)


def _mountains(
    rng: np.random.Generator,
    picture: tuple[Plane, Plane],
    shape: tuple[float, float, float],
    cells: int,
) -> tuple[Plane, Plane]:
    """Set a range of mountains, lit by the moon, before the picture."""
    light, form = picture
    size = light.shape[0]
    base, rise, tone = shape
    y, _ = grid(size)
    profile = smooth_noise(rng, size, cells, 4)[size // 2]
    peaks = 1 - np.abs(profile / np.abs(profile).max())
    crest = base - rise * peaks**1.3 + 0.012 * smooth_noise(rng, size, 40, 2)[0]
    depth = y - crest[None, :]
    inside = depth > 0
    ridges = smooth_noise(rng, size, 7, 4)
    carved = ndimage.gaussian_filter(ridges + 1.6 * ndimage.gaussian_filter1d(crest, 9), 3)
    slope = np.gradient(carved, axis=1) * size
    facing = np.tanh(0.22 * slope)
    snow = smoothstep(depth + 0.02 * ridges, 0.10, 0.02) * 0.34
    shade = tone + 0.30 * facing + snow + 0.45 * smoothstep(depth, 0.05, 0.34)
    fall = 1.15 + 0.55 * np.sign(slope) * np.tanh(0.2 * np.abs(slope)) + 0.3 * ridges
    outline = depth < 0.0035
    light = np.where(inside, np.where(outline, 0.0, shade), light)
    return light, np.where(inside, fall, form)


def _lake(light: Plane, form: Plane, y: Plane, x: Plane, haze: Plane) -> tuple[Plane, Plane]:
    """Mirror the picture in water with long ripples."""
    size = light.shape[0]
    shore = _SHORE + 0.006 * np.sin(14 * x) + 0.004 * haze
    below = y - shore
    ripple = 0.014 * np.sin(150 * np.sqrt(np.clip(below, 0, 1) + 0.01) + 3 * haze)
    source = np.clip(shore - 1.45 * below + ripple, 0, 1)
    rows = np.clip((source * size).astype(np.intp), 0, size - 1)
    columns = np.clip(((x + 0.6 * ripple) * size).astype(np.intp), 0, size - 1)
    mirrored = 0.78 * light[rows, columns] + 0.02
    path = np.exp(-(((x - _MOON[1]) / (0.05 + 0.30 * np.clip(below, 0, 1))) ** 2))
    glitter = smoothstep(np.sin(260 * np.sqrt(np.clip(below, 0, 1)) + 9 * haze), -0.2, 0.7)
    mirrored = mirrored + 0.7 * path * glitter
    water = below > 0
    bank = np.abs(below) < 0.0035
    light = np.where(water, mirrored, light)
    return np.where(bank, 0.05, light), np.where(water, 0.05 * np.sin(9 * x + 30 * y), form)


def _lines(
    rng: np.random.Generator, light: Plane, form: Plane, hatch: tuple[float, float, float]
) -> Plane:
    """Draw one layer of lines: the darker the picture, the thicker the line."""
    begin, spacing, turn = hatch
    size = light.shape[0]
    step = 7.6 * spacing * size / 1024
    angle = form + turn
    phase = _phase(angle) / step + 0.16 * smooth_noise(rng, size, 26, 2)
    pressure = 0.10 * smooth_noise(rng, size, 30, 2)
    width = np.clip((begin - light) * 0.62 + 0.12 + pressure, 0, 0.62)
    width = width * smoothstep(light, begin + 0.03, begin - 0.02)
    ridge = np.abs((phase % 1.0) - 0.5) * 2
    soft = 1.3 / step
    return smoothstep(ridge, width + soft, width - soft) * (width > 0.02)


def _phase(angle: Plane) -> Plane:
    """Give a field, in px, that grows across lines which run at `angle`.

    The gradient wanted is no gradient of anything where angles vary; quantising the angle
    into few directions, each with its own plane wave, is what an engraver's hand does too.
    """
    size = angle.shape[0]
    y, x = np.mgrid[:size, :size].astype(float)
    steps = 16
    sector = np.rint(ndimage.gaussian_filter(angle, size / 340) * steps / np.pi)
    turned = sector * np.pi / steps
    return np.asarray(y * np.cos(turned) - x * np.sin(turned))
