"""Shared by the painters: smooth noise, colours, and rounding to 8 bits."""

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline

Plane = npt.NDArray[np.float64]

SUPERSAMPLING = 2
"""Styles are painted larger and averaged down, which makes their edges smooth."""


def grid(size: int) -> tuple[Plane, Plane]:
    """Return the coordinates y and x, shape (size, size), values in [0, 1]."""
    steps = (np.arange(size) + 0.5) / size
    y, x = np.meshgrid(steps, steps, indexing="ij")
    return y, x


def smooth_noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 3) -> Plane:
    """Make fractal noise.

    Parameters
    ----------
    rng
        Source of randomness.
    size
        Pixels a side.
    cells
        Bumps along a side in the first octave.
    octaves
        Each has twice the bumps at half the height.

    Returns
    -------
    array, shape (size, size), mean about 0, values about in [-1, 1]
    """
    total = np.zeros((size, size))
    for octave in range(octaves):
        count = cells * 2**octave + 4
        coarse = rng.uniform(-1, 1, (count, count))
        places = (np.arange(size) + 0.5) / size * (count - 4) + 1.5
        blend = make_interp_spline(np.arange(count), np.eye(count), k=3)(places)
        total += blend @ coarse @ blend.T / 2**octave
    return total


def ramp(values: Plane, stops: list[float], colours: list[str]) -> Plane:
    """Map values to colours between stops; colours are "#rrggbb".

    Returns
    -------
    array, shape (*values.shape, 3), values in [0, 1]
    """
    table = np.array([rgb(colour) for colour in colours])
    return np.stack([np.interp(values, stops, table[:, c]) for c in range(3)], axis=-1)


def rgb(colour: str) -> tuple[float, float, float]:
    """Read "#rrggbb" as three values in [0, 1]."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def mix(below: Plane, above: Plane, share: Plane) -> Plane:
    """Lay colours over colours; `share` of shape (H, W) is how much of `above` shows."""
    return below + (above - below) * share[..., None]


def smoothstep(values: Plane, low: float, high: float) -> Plane:
    """Rise smoothly from 0 at `low` to 1 at `high`, which may be the smaller."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def relief(height: Plane, strength: float) -> Plane:
    """Shade a height field lit from the upper left; 0 where it is level."""
    dy, dx = np.gradient(height)
    return np.asarray(np.tanh(-(dx + 1.3 * dy) * strength))


def finish(picture: Plane) -> npt.NDArray[np.uint8]:
    """Average down by SUPERSAMPLING and round to 8 bits."""
    factor = SUPERSAMPLING
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    blocks = picture.reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
    return np.asarray(np.rint(np.clip(blocks, 0, 1) * 255), dtype=np.uint8)
