"""Compositions of textures: blends, and scenes of occluding, textured objects."""

from __future__ import annotations

from random import Random

import torch
from torch import Generator, Tensor

from tools.train_features import cells, noise
from tools.train_features.noise import uniform
from tools.train_features.textures import (
    Renderer,
    _flow,
    _leaf,
    log_uniform,
    simple_texture,
)


def blends(rng: Random) -> Renderer:
    """Blend two textures by a smooth or a hard mask."""
    first, second = simple_texture(rng), simple_texture(rng)
    length, hard = log_uniform(rng, 10, 60), log_uniform(rng, 0.5, 12)

    def render(gen: Generator, n: int, size: int) -> Tensor:
        mask = torch.sigmoid(hard * noise.smooth_noise(gen, n, size, length))[:, None]
        return torch.lerp(first(gen, n, size), second(gen, n, size), mask)

    return render


def scenes(rng: Random) -> Renderer:
    """Objects of several sizes before a background, each filled with a texture.

    Objects are graded from side to side, some are outlined or cast a soft shadow, so
    that contours, junctions and shading occur as in pictures of things.
    """
    fills = [simple_texture(rng) for _ in range(rng.randint(2, 3))]
    layers = [(log_uniform(rng, 14, 70), _leaf(rng)) for _ in range(rng.randint(1, 3))]
    layers.sort(key=lambda layer: -layer[0])
    flow, plain = _flow(rng), rng.uniform(0.2, 0.8)
    outline, grade = rng.choice([0.0, rng.uniform(0.05, 0.15)]), rng.uniform(0, 0.8)

    def render(gen: Generator, n: int, size: int) -> Tensor:
        looks = torch.stack([fill(gen, n, size) for fill in fills])
        place, angle = noise.grid(gen, n, size), flow(gen, n, size)
        picture = looks[0]
        for cell, leaf in layers:
            top = cells.scatter(gen, place, cell, leaf, angle)
            which = (top.random[:, 3] * len(fills)).long()[:, None].expand(-1, 3, -1, -1)
            paint = looks.gather(0, which[None])[0]
            dye = top.random[:, 4:7]
            paint = torch.lerp(paint, dye, plain)
            light = 1 + grade * (top.along / cell).clamp(-1, 1) - 0.8 * (top.inside < outline)
            shown = (top.depth >= 0) & (top.random[:, 7] < 0.75)
            picture = torch.where(shown[:, None], paint * light.clamp(0, 2)[:, None], picture)
        return picture.clamp(0, 1)

    return render


def _finished(rng: Random, render: Renderer) -> Renderer:
    """Add what a camera adds: uneven light, blur, noise."""
    light = rng.choice([0.0, rng.uniform(0.1, 0.5)])
    sigma, grain = rng.choice([0.0, 0.5, rng.uniform(0.5, 1.2)]), rng.choice([0.0, 0.02, 0.06])

    def finish(gen: Generator, n: int, size: int) -> Tensor:
        picture = render(gen, n, size)
        if light:
            picture = picture * (1 + light * noise.smooth_noise(gen, n, size, 80.0)[:, None] / 2)
        if sigma:
            picture = noise.blur(picture, sigma)
        if grain:
            picture = picture + grain * (uniform(gen, *picture.shape) - 0.5) * 3.5
        return picture.clamp(0, 1)

    return finish


def texture_class(seed: int) -> Renderer:
    """Return the renderer of the class that ``seed`` names."""
    rng = Random(seed)
    maker = rng.choices([simple_texture, blends, scenes], [0.62, 0.12, 0.26])[0]
    return _finished(rng, maker(rng))
