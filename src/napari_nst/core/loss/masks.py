"""Masks: how much each pixel counts, at any size, and pooled to the positions of a tap.

Gatys and others ("Controlling perceptual factors in neural style transfer", 2017) weight features
by a guide T per region, G = Σ T² F Fᵀ / Σ T². Here the weight is the region's share of a position's
pixels, so that the weights of all regions at a position sum to 1.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_nst.core.picture import AnyPicture, Picture
from napari_nst.core.resizing import Size, resize_rows
from napari_nst.core.store.store import Store
from napari_nst.settings.fields import Resample
from napari_nst.settings.regions import BLEND, KEEP, Labels, Regions, Target


@dataclass(frozen=True)
class Mask:
    """A share of each pixel of a picture.

    Parameters
    ----------
    size
        (H, W).
    rows
        Returns some rows, shape (1, 1, rows, W), float32, values in [0, 1], on the host.
    """

    size: Size
    rows: Callable[[slice], Tensor]

    def pooled(self, stride_px: int, store: Store) -> Tensor:
        """Average over the pixels of each position of a stride, shape (1, 1, h, w)."""
        shape = (1, 1, self.size[0] // stride_px, self.size[1] // stride_px)

        def part(rows: slice) -> Tensor:
            pixels = self.rows(slice(rows.start * stride_px, rows.stop * stride_px))
            return functional.avg_pool2d(pixels, stride_px).to(store.device)

        return store.build(shape, torch.float32, part)


def product(first: Mask | None, second: Mask | None) -> Mask | None:
    """Multiply two masks of one size; None is 1 everywhere."""
    if first is None or second is None:
        return first or second
    one, other = first, second
    return Mask(one.size, lambda rows: one.rows(rows) * other.rows(rows))


def label_mask(
    labels: Labels,
    chosen: Collection[int],
    size: Size,
    *,
    feather_px: float = 0.0,
    wraps: bool = False,
) -> Mask | None:
    """Return the share of some labels, resized to (H, W); None where it is 1 everywhere.

    Parameters
    ----------
    labels : array, shape (h, w), uint8
    chosen
        Which of them.
    size
        Of the mask.
    feather_px
        How wide edges fade, in the mask's pixels: twice the deviation of a Gaussian.
    wraps
        Whether opposite borders meet.
    """
    table = np.zeros(256, np.uint8)
    table[list(chosen)] = 255
    if table[labels].all():
        return None
    return _smoothed(level_mask(labels, size, table, wraps=wraps), feather_px / 2, wraps=wraps)


def level_mask(
    levels: Labels, size: Size, table: Labels | None = None, *, wraps: bool = False
) -> Mask:
    """Return a mask of 256 levels resized to (H, W), looked up in a table first.

    Where opposite borders meet, it is resized with a margin of what lies beyond them.
    """
    given: Size = (levels.shape[0], levels.shape[1])
    (top, top_after), (left, left_after) = (
        _margin(*each) if wraps else (0, 0) for each in zip(given, size, strict=True)
    )
    source: Size = (given[0] + 2 * top, given[1] + 2 * left)
    resized: Size = (size[0] + 2 * top_after, size[1] + 2 * left_after)

    def read(rows: slice) -> Tensor:
        part = levels.take(range(rows.start - top, rows.stop - top), 0, mode="wrap")
        part = np.pad(part if table is None else table[part], ((0, 0), (left, left)), "wrap")
        return torch.from_numpy(part.astype(np.float32) / 255)[None, None]

    def rows_of(rows: slice) -> Tensor:
        wanted = slice(rows.start + top_after, rows.stop + top_after)
        found = resize_rows(read, source, resized, "bilinear", wanted, in_bytes=False)
        return found[..., left_after : left_after + size[1]]

    return Mask(size, rows_of)


def _margin(source: int, size: int) -> tuple[int, int]:
    """Return the pixels of a margin before and after resizing, both of exactly one width."""
    common = math.gcd(source, size)
    reach = math.ceil(max(source / size, 1)) + 1  # of the filter
    count = math.ceil(reach * common / source)
    return count * source // common, count * size // common


def opacity_mask(picture: AnyPicture, size: Size, resample: Resample) -> Mask | None:
    """Return a picture's opacity resized to (H, W); None where it is opaque."""
    if isinstance(picture, Picture):
        if picture.alpha is None or bool((picture.alpha == 1).all()):
            return None
    elif picture.hidden is None:
        return None

    def rows(part: slice) -> Tensor:
        alpha = picture.alpha_rows(size, resample, part)
        assert alpha is not None
        return alpha

    return Mask(size, rows)


@dataclass(frozen=True)
class ContentMasks:
    """The masks over the content at one size of a run.

    Parameters
    ----------
    picture
        The content.
    regions
        As the run has them, or None.
    size
        (H, W) of the masks.
    resample
        How the content is resized.
    full_px
        Longest side of the result, in whose pixels feathers are measured.
    wraps
        Whether opposite borders meet.
    """

    picture: AnyPicture
    regions: Regions | None
    size: Size
    resample: Resample
    full_px: int
    wraps: bool = False

    @property
    def painted(self) -> list[tuple[int, Target, Mask | None]]:
        """List the labels that are painted, what they get, and where; nothing transparent is."""
        opacity = opacity_mask(self.picture, self.size, self.resample)
        if self.regions is None:
            return [(0, BLEND, opacity)]
        return [
            (label, target, product(self._of([label]), opacity))
            for label, target in self.regions.present
            if target != KEEP
        ]

    @property
    def kept(self) -> Mask | None:
        """How much of each pixel stays as in the content; None where nothing does."""
        present = self.regions.present if self.regions else []
        labels = [label for label, target in present if target == KEEP]
        return self._of(labels) if labels else None

    @property
    def content(self) -> Mask | None:
        """How much the content's structure matters; None where it does everywhere."""
        levels = self.regions.content_mask if self.regions else None
        if levels is None or (levels == 255).all():
            return None
        return level_mask(levels, self.size, wraps=self.wraps)

    def _of(self, chosen: Collection[int]) -> Mask | None:
        assert self.regions is not None
        if self.regions.labels is None:
            return None
        feather = self.regions.feather_px * max(self.size) / self.full_px
        return label_mask(
            self.regions.labels, chosen, self.size, feather_px=feather, wraps=self.wraps
        )


def _smoothed(mask: Mask, deviation_px: float, *, wraps: bool) -> Mask:
    """Smooth by a Gaussian; beyond the border the border's values count, or the opposite ones."""
    reach = math.ceil(3 * deviation_px)
    if reach == 0:
        return mask
    at = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = torch.exp(-(at**2) / (2 * deviation_px**2))
    kernel = (kernel / kernel.sum()).float()

    def rows(wanted: slice) -> Tensor:
        part = _beyond(mask, wanted.start - reach, wanted.stop + reach, wraps=wraps)
        across = torch.arange(-reach, mask.size[1] + reach)
        part = part[..., across % mask.size[1] if wraps else across.clamp(0, mask.size[1] - 1)]
        down = functional.conv2d(part, kernel.view(1, 1, -1, 1))
        return functional.conv2d(down, kernel.view(1, 1, 1, -1)).clamp_(0, 1)

    return Mask(mask.size, rows)


def _beyond(mask: Mask, top: int, bottom: int, *, wraps: bool) -> Tensor:
    """Return rows of a mask, of which some may be beyond its border."""
    height = mask.size[0]
    rows = torch.arange(top, bottom)
    rows = rows % height if wraps else rows.clamp(0, height - 1)
    if wraps and (top < 0 or bottom > height):
        return mask.rows(slice(0, height))[..., rows, :]
    first, last = int(rows[0]), int(rows[-1]) + 1
    return mask.rows(slice(first, last))[..., rows - first, :]
