"""Stained glass: a sunrise leaded in the spirals of a sunflower."""

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

_CENTRE = (0.58, 0.5)
_PANES = 430
_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
_LEAD_PX = 5.5
"""Half the width of the lead in 1024ths."""

_RINGS = (0.0, 0.07, 0.16, 0.27, 0.38, 0.50, 0.64, 0.85)
_JEWELS = (
    "#fff2b0",
    "#ffd23f",
    "#ff9a1f",
    "#e8432e",
    "#b3174f",
    "#5b1f8a",
    "#1f3fa8",
    "#0b2a6b",
)
_ACCENTS = ("#18a08c", "#2bb3e6", "#7ed957", "#ff5d8f", "#ffe9a8")


def stained_glass(size: int = 512, seed: int = 2) -> npt.NDArray[np.uint8]:
    """Lead a window.

    Returns
    -------
    array, shape (size, size, 3), uint8
    """
    rng = np.random.default_rng(seed)
    pixels = size * SUPERSAMPLING
    pane, edge = _panes(rng, pixels)
    glass = _glass(rng, pane, pixels)
    inner = ndimage.gaussian_filter(glass, (pixels / 60, pixels / 60, 0))
    glow = glass * (0.72 + 0.5 * smoothstep(edge, 0, pixels / 28)[..., None]) + 0.16 * inner
    unit = pixels / 1024
    lead = smoothstep(edge, (_LEAD_PX + 1.2) * unit, (_LEAD_PX - 1.2) * unit)
    round_height = np.sqrt(np.clip(1 - (edge / (_LEAD_PX * unit)) ** 2, 0, 1))
    shine = relief(ndimage.gaussian_filter(round_height, unit), 3.0)
    metal = np.full((pixels, pixels, 3), rgb("#17171c")) + 0.20 * np.clip(shine, 0, 1)[..., None]
    return finish(mix(glow, metal, lead))


def _panes(rng: np.random.Generator, size: int) -> tuple[npt.NDArray[np.intp], Plane]:
    """Cut the window; return each pixel's pane and its distance to the pane's edge in px."""
    index = np.arange(_PANES) + 0.5
    radius = 0.88 * np.sqrt(index / _PANES) ** 1.15
    turn = index * _GOLDEN_ANGLE + rng.normal(0, 0.02, _PANES)
    seeds = np.stack(
        (_CENTRE[0] + radius * np.sin(turn), _CENTRE[1] + radius * np.cos(turn)), axis=1
    )
    y, x = grid(size)
    wave = 0.004 * smooth_noise(rng, size, 8)
    places = np.stack((y + wave, x - wave), axis=-1)
    pane = cKDTree(seeds * size).query(places * size, workers=-1)[1]
    border = np.zeros((size, size), dtype=bool)
    border[:-1] |= pane[:-1] != pane[1:]
    border[:, :-1] |= pane[:, :-1] != pane[:, 1:]
    distance: Plane = ndimage.distance_transform_edt(~border)
    return pane, distance


def _glass(rng: np.random.Generator, pane: npt.NDArray[np.intp], size: int) -> Plane:
    """Colour each pane, with the streaks and bubbles of blown glass."""
    radius = 0.88 * np.sqrt((np.arange(_PANES) + 0.5) / _PANES) ** 1.15
    turn = (np.arange(_PANES) + 0.5) * _GOLDEN_ANGLE
    reach = radius + rng.normal(0, 0.018, _PANES) + 0.02 * np.cos(8 * turn)
    colours = ramp(reach, list(_RINGS), list(_JEWELS))
    below = np.sin(turn) * radius > 0.16
    water = ramp(
        rng.random(_PANES), [0, 0.4, 0.75, 1], ["#0c4a6e", "#11808a", "#1fb09a", "#8fe0b0"]
    )
    colours = np.where(below[:, None], 0.25 * colours + 0.8 * water, colours)
    accent = rng.random(_PANES) < 0.09
    chosen = np.array([rgb(colour) for colour in _ACCENTS])[rng.integers(0, 5, _PANES)]
    colours = np.where(accent[:, None], chosen, colours)
    colours = colours * rng.normal(1, 0.12, (_PANES, 1)) + rng.normal(0, 0.02, (_PANES, 3))
    tilt = rng.uniform(0, 2 * np.pi, _PANES)[pane]
    y, x = grid(size)
    streaks = np.sin(60 * (x * np.cos(tilt) + y * np.sin(tilt)) + 5 * smooth_noise(rng, size, 6))
    cloud = smooth_noise(rng, size, 22, 2)
    return np.asarray(colours[pane] * (1 + 0.07 * streaks + 0.13 * cloud)[..., None])
