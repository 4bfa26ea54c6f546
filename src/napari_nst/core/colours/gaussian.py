"""A colour map of 12 numbers: one picture gets the mean and covariance of another's colours.

The map is the optimal transport between the two Gaussians of RGB (Monge-Kantorovich; Pitié &
Kokaram, "The linear Monge-Kantorovitch linear colour mapping", 2007):

    x' = T (x - m) + m_t,   T = C^-½ (C^½ C_t C^½)^½ C^-½

with means m, m_t and covariances C, C_t (3 x 3) of source and target. Deviations: C is raised by
1e-5 to be invertible, and no direction is stretched more than fourfold, so that the noise in a
nearly grey photograph does not become coloured blotches. C_t is not raised: a grey target leaves no
chroma at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_nst.core.device import finest_dtype

_FLOOR = 1e-5
_LONGEST_STRETCH = 4.0

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ColourStatistics:
    """Mean and second moment of a picture's colours; the second moment is not centred.

    Parameters
    ----------
    mean : array, shape (3,)
    second : array, shape (3, 3)
    """

    mean: Numbers
    second: Numbers

    @property
    def covariance(self) -> Numbers:
        """Biased covariance, shape (3, 3)."""
        centred: Numbers = self.second - np.outer(self.mean, self.mean)
        return centred

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"mean": self.mean.tolist(), "second": self.second.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what `to_dict` returned; raises KeyError, TypeError or ValueError otherwise."""
        mean, second = (np.asarray(values[name], float) for name in ("mean", "second"))
        if mean.shape != (3,) or second.shape != (3, 3):
            raise ValueError(f"colour statistics of shapes {mean.shape} and {second.shape}")
        are_colours = all(((each >= 0) & (each <= 1)).all() for each in (mean, second))  # not NaN
        if not are_colours or not np.allclose(second, second.T):
            raise ValueError("colour statistics that no picture has")
        return cls(mean, second)


def colour_statistics(rgb: Tensor, alpha: Tensor | None = None) -> ColourStatistics:
    """Measure a picture's colours.

    Parameters
    ----------
    rgb : Tensor, shape (1, 3, H, W), nominally in [0, 1]
    alpha : Tensor, shape (1, 1, H, W), values in [0, 1]
        How much each pixel counts; all alike where it is None.
    """
    colours = rgb.detach()[0].flatten(1).to(finest_dtype(rgb.device))
    weights = torch.ones_like(colours[:1])
    if alpha is not None and bool(alpha.any()):
        weights = alpha[0].flatten(1).to(colours)
    total = weights.sum()
    mean = (colours * weights).sum(1) / total
    centred = colours - mean[:, None]
    covariance = ((centred * weights) @ centred.T / total).cpu().double().numpy()
    centre = mean.cpu().double().numpy()
    return ColourStatistics(centre, covariance + np.outer(centre, centre))


def colour_statistics_by_pieces(
    pieces: Iterable[tuple[Tensor, Tensor | None]],
) -> ColourStatistics:
    """Measure the colours of a picture that comes in pieces.

    Parameters
    ----------
    pieces
        Pairs of rgb and alpha as `colour_statistics` takes them; each pixel in one piece.
    """
    # Sums, not a list of parts: what outlives a piece keeps glibc from giving its memory back.
    by_opacity, by_count = np.zeros(13), np.zeros(13)
    for rgb, alpha in pieces:
        part = colour_statistics(rgb, alpha)
        values = np.concatenate([[1.0], part.mean, part.second.ravel()])
        count = rgb.shape[-2] * rgb.shape[-1]
        by_count += count * values
        by_opacity += (count if alpha is None else float(alpha.double().sum())) * values
    sums = by_opacity if by_opacity[0] > 0 else by_count
    means = sums[1:] / sums[0]
    return ColourStatistics(means[:3], means[3:].reshape(3, 3))


def blended(parts: Sequence[ColourStatistics], shares: Sequence[float]) -> ColourStatistics:
    """Average the statistics of several pictures by shares that sum to 1."""
    return ColourStatistics(
        np.average([part.mean for part in parts], axis=0, weights=shares),
        np.average([part.second for part in parts], axis=0, weights=shares),
    )


@dataclass(frozen=True)
class ColourMap:
    """The map x' = matrix (x - mean) + target_mean.

    Parameters
    ----------
    matrix : array, shape (3, 3), symmetric
    mean, target_mean : array, shape (3,)
    """

    matrix: Numbers
    mean: Numbers
    target_mean: Numbers

    @property
    def key(self) -> bytes:
        """Its numbers, by which maps are told apart."""
        return np.concatenate([self.matrix, [self.mean, self.target_mean]]).tobytes()

    def __call__(self, rgb: Tensor) -> Tensor:
        """Map a picture of shape (1, 3, H, W); values may leave [0, 1]."""
        matrix = torch.as_tensor(self.matrix, dtype=rgb.dtype, device=rgb.device)
        shift = self.target_mean - self.matrix @ self.mean
        moved = torch.as_tensor(shift, dtype=rgb.dtype, device=rgb.device)
        flat = matrix @ rgb[0].flatten(1)
        return flat.add_(moved[:, None]).view(rgb.shape)


def colour_map(source: ColourStatistics, target: ColourStatistics) -> ColourMap:
    """Find the map that gives the source's colours the target's mean and covariance."""
    raised = source.covariance + _FLOOR * np.eye(3)
    root = _power(raised, 0.5)
    inverse = _power(raised, -0.5)
    matrix = inverse @ _power(root @ target.covariance @ root, 0.5) @ inverse
    stretches, directions = np.linalg.eigh((matrix + matrix.T) / 2)
    stretches = stretches.clip(0, _LONGEST_STRETCH)
    return ColourMap((directions * stretches) @ directions.T, source.mean, target.mean)


def _power(matrix: Numbers, exponent: float) -> Numbers:
    """Raise a symmetric positive semidefinite matrix to a power."""
    values, vectors = np.linalg.eigh(matrix)
    powered: Numbers = (vectors * values.clip(0) ** exponent) @ vectors.T
    return powered
