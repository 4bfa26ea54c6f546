"""How often a picture has each colour, as a record keeps it."""

import base64
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_nst.core.colours.chroma import CHROMA_LIMIT, chroma_points
from napari_nst.core.colours.levels import LEVELS, Pieces, level_shares

Numbers = npt.NDArray[np.float64]

_ENOUGH_PIXELS = 1 << 20
_MOST_BYTES = 1 << 20
"""Of the numbers in a record; a grid full of chroma has 51 kB."""


@dataclass(frozen=True)
class Distribution:
    """Shares of a picture's levels and of its chroma, rounded to float32 as records keep them.

    Parameters
    ----------
    levels : array, shape (3, 256)
        As `level_shares` returns it.
    chroma : array, shape (N, 3)
        As `chroma_points` returns it.
    """

    levels: Numbers
    chroma: Numbers

    def __post_init__(self) -> None:
        for name in ("levels", "chroma"):
            rounded = np.asarray(getattr(self, name), np.float32).astype(np.float64)
            object.__setattr__(self, name, rounded)

    @classmethod
    def of(cls, read: Callable[[], Pieces], pixels: int) -> Self:
        """Measure a picture; of a large one every second row and column, or fewer.

        Parameters
        ----------
        read
            Returns its pieces; called once for the levels and once for the chroma.
        pixels
            How many it has.
        """
        step = max(1, math.isqrt(pixels // _ENOUGH_PIXELS))

        def thinned() -> Pieces:
            few = (..., slice(None, None, step), slice(None, None, step))
            for rgb, alpha in read():
                yield rgb[few], None if alpha is None else alpha[few]

        return cls(level_shares(thinned()), chroma_points(thinned()))

    def to_dict(self) -> dict[str, str]:
        """Return plain JSON values: float32, compressed, in base64."""
        return {name: _packed(getattr(self, name)) for name in ("levels", "chroma")}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what `to_dict` returned; raises KeyError, TypeError or ValueError otherwise."""
        levels, chroma = (_unpacked(values[name]) for name in ("levels", "chroma"))
        levels, chroma = levels.reshape(3, LEVELS), chroma.reshape(-1, 3)
        shares = [*levels, chroma[:, 0]]
        are_shares = all((each >= 0).all() and np.isclose(each.sum(), 1) for each in shares)
        if not are_shares or not (np.abs(chroma[:, 1:]) <= CHROMA_LIMIT).all():  # not NaN
            raise ValueError("shares of colours that no picture has")
        return cls(levels, chroma)


def blended_distribution(parts: Sequence[Distribution], shares: Sequence[float]) -> Distribution:
    """Average the distributions of several pictures by shares that sum to 1."""
    chroma = [part.chroma * np.array([s, 1, 1]) for part, s in zip(parts, shares, strict=True) if s]
    levels = np.average([part.levels for part in parts], axis=0, weights=shares)
    return Distribution(levels, np.concatenate(chroma))


def _packed(numbers: Numbers) -> str:
    return base64.b64encode(zlib.compress(numbers.astype("<f4").tobytes(), 9)).decode()


def _unpacked(text: str) -> Numbers:
    try:
        raw = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
    except zlib.error as error:
        raise ValueError("damaged numbers") from error
    return np.frombuffer(raw, "<f4").astype(np.float64)
