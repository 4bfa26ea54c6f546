"""Objects scattered over the plane: Voronoi mosaics, leaves, strokes, bricks.

The plane is cut into cells, each holding one object with random attributes read from
a table. A pixel looks only at the cells around it, so a picture of a thousand
overlapping objects costs some tens of passes and no loop over objects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from tools.train_features.noise import uniform

_TABLE = 61  # cells before the pattern of objects repeats; prime, and wider than a picture


@dataclass(frozen=True)
class Neighbour:
    """One cell's object as each pixel sees it.

    Attributes
    ----------
    offset : Tensor, shape (n, 2, H, W)
        From the object's centre to the pixel, in pixels.
    random : Tensor, shape (n, 8, H, W), values in [0, 1)
        The object's attributes; the first is its depth order.
    """

    offset: Tensor
    random: Tensor


def neighbours(
    gen: Generator, coords: Tensor, cell: float, *, reach: int = 1, jitter: float = 1.0
) -> Iterator[Neighbour]:
    """Visit the objects of the ``(2 reach + 1)^2`` cells around every pixel.

    Parameters
    ----------
    coords : Tensor, shape (n, 2, H, W), pixels
    cell : float
        Side of a cell in pixels: the mean distance of objects.
    jitter : float in [0, 1]
        0 puts each object in the middle of its cell, 1 anywhere in it.
    """
    n = coords.shape[0]
    table = uniform(gen, n, _TABLE, _TABLE, 10)
    home = (coords / cell).floor()
    batch = torch.arange(n, device=coords.device)[:, None, None]
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            step = torch.tensor([dx, dy], device=coords.device).view(1, 2, 1, 1)
            index = (home + step).long() % _TABLE
            drawn = table[batch, index[:, 1], index[:, 0]].permute(0, 3, 1, 2)
            centre = home + step + 0.5 + jitter * (drawn[:, :2] - 0.5)
            yield Neighbour(coords - centre * cell, drawn[:, 2:])


@dataclass(frozen=True)
class Mosaic:
    """Distances to the two nearest points and the nearest one's attributes.

    Attributes
    ----------
    near, second : Tensor, shape (n, H, W), pixels
    random : Tensor, shape (n, 8, H, W), values in [0, 1)
    """

    near: Tensor
    second: Tensor
    random: Tensor


def mosaic(gen: Generator, coords: Tensor, cell: float, *, p: float, jitter: float) -> Mosaic:
    """Cut the plane into the Voronoi cells of scattered points under the ``p``-norm."""
    far = torch.full_like(coords[:, 0], 1e9)
    near, second, chosen = far, far, torch.zeros_like(coords[:, :1]).repeat(1, 8, 1, 1)
    for other in neighbours(gen, coords, cell, jitter=jitter):
        distance = torch.linalg.vector_norm(other.offset, ord=p, dim=1)
        closer = distance < near
        second = torch.minimum(second, torch.where(closer, near, distance))
        near = torch.where(closer, distance, near)
        chosen = torch.where(closer[:, None], other.random, chosen)
    return Mosaic(near, second, chosen)


@dataclass(frozen=True)
class Cover:
    """The front-most object at every pixel.

    Attributes
    ----------
    depth : Tensor, shape (n, H, W)
        Its order; negative where nothing covers the pixel.
    inside : Tensor, shape (n, H, W), values in [0, 1]
        0 on its outline, growing to 1 at its middle.
    along : Tensor, shape (n, H, W), pixels
        Position along its own axis.
    random : Tensor, shape (n, 8, H, W), values in [0, 1)
    """

    depth: Tensor
    inside: Tensor
    along: Tensor
    random: Tensor


@dataclass(frozen=True)
class Leaf:
    """Shape of scattered objects, as fractions of their cell.

    ``sides`` 0 is an ellipse, 2 a bar with round ends, otherwise a regular polygon;
    ``hole`` the inner radius of rings; ``bend`` curves the axis of bars.
    """

    radius: float
    aspect: float = 1.0
    sides: int = 0
    hole: float = 0.0
    spread: float = math.pi
    bend: float = 0.0


def _inside(leaf: Leaf, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """Depth inside one object as a fraction of its radius, negative outside."""
    if leaf.sides == 2:
        y = y + leaf.bend * x.square() / (radius * leaf.aspect)
        over = (x.abs() - radius * (leaf.aspect - 1.0)).clamp(min=0)
        return 1.0 - torch.hypot(over, y) / radius
    length = torch.hypot(x / leaf.aspect, y)
    if leaf.sides > 2:
        sector = 2 * math.pi / leaf.sides
        turned = torch.remainder(torch.atan2(y, x / leaf.aspect), sector) - sector / 2
        length = length * turned.cos() / math.cos(sector / 2)
    depth = 1.0 - length / radius
    return torch.minimum(depth, length / radius - leaf.hole) if leaf.hole else depth


def scatter(
    gen: Generator, coords: Tensor, cell: float, leaf: Leaf, angle: Tensor, *, reach: int = 1
) -> Cover:
    """Scatter overlapping objects and keep the front-most at every pixel.

    Parameters
    ----------
    angle : Tensor, shape (n, H, W), radians
        Direction of the objects' axes, e.g. of a flow field; each turns from it by up
        to ``leaf.spread``.
    """
    depth = torch.full_like(angle, -1.0)
    inside, along = torch.zeros_like(angle), torch.zeros_like(angle)
    chosen = torch.zeros_like(angle)[:, None].repeat(1, 8, 1, 1)
    for other in neighbours(gen, coords, cell, reach=reach):
        turn = angle + (other.random[:, 1] - 0.5) * 2 * leaf.spread
        cos, sin = turn.cos(), turn.sin()
        dx, dy = other.offset.unbind(1)
        radius = leaf.radius * cell * (0.5 + other.random[:, 2])
        x, y = cos * dx + sin * dy, cos * dy - sin * dx
        deep = _inside(leaf, x, y, radius)
        front = (deep > 0) & (other.random[:, 0] > depth)
        depth = torch.where(front, other.random[:, 0], depth)
        inside = torch.where(front, deep, inside)
        along = torch.where(front, x, along)
        chosen = torch.where(front[:, None], other.random, chosen)
    return Cover(depth, inside, along, chosen)
