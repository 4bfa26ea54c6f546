"""Families of textures; a class of the training set is one random member of one family.

A family is a function that draws its parameters once from ``random.Random`` and
returns a renderer. A renderer draws any number of pictures of that class: same
structure, other place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import torch
from torch import Generator, Tensor

from tools.train_features import cells, noise
from tools.train_features.noise import uniform

Renderer = Callable[[Generator, int, int], Tensor]
"""``(generator, n, size) -> Tensor, shape (n, 3, size, size), values in [0, 1]``."""
Field = Callable[[Generator, int, int], Tensor]
"""``(generator, n, size) -> Tensor, shape (n, size, size)``, roughly in [0, 1]."""


def log_uniform(rng: Random, low: float, high: float) -> float:
    """Draw a length or gain whose logarithm is uniform."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def palette(rng: Random, colours: int | None = None) -> Tensor:
    """Draw a palette, shape (k, 3), that spans some range of lightness."""
    k = colours or rng.randint(2, 6)
    table = torch.tensor([[rng.random() for _ in range(3)] for _ in range(k)])
    if rng.random() < 0.5:  # shades of few hues, as in most pictures
        light = torch.tensor([rng.random() for _ in range(k)])[:, None]
        table = (0.3 * table + table[:1] * 0.3 + light * 0.7).clamp(0, 1)
    low, high = table.mean(1).min(), table.mean(1).max()
    spread = rng.uniform(0.4, 0.9) / max(float(high - low), 0.15)
    return ((table - table.mean()) * spread + rng.uniform(0.4, 0.6)).clamp(0, 1)


def _flow(rng: Random) -> Field:
    """Field of directions in radians: constant, smooth, or swirling."""
    base, swing = rng.uniform(0, math.pi), rng.choice([0.15, 0.6, 1.5, 3.0])
    wavelength = log_uniform(rng, 40, 160)
    return lambda gen, n, size: base + swing * noise.smooth_noise(gen, n, size, wavelength)


def _coords(rng: Random) -> Callable[[Generator, int, int], Tensor]:
    """Coordinates turned, stretched and, in half of the classes, warped."""
    angle, squeeze = rng.uniform(0, math.pi), rng.choice([1.0, 1.0, log_uniform(rng, 1, 3)])
    warp = rng.choice([0.0, 0.0, log_uniform(rng, 1.0, 12.0)])
    wavelength = log_uniform(rng, 20, 100)
    cos, sin = math.cos(angle), math.sin(angle)

    def make(gen: Generator, n: int, size: int) -> Tensor:
        x, y = noise.grid(gen, n, size).unbind(1)
        if warp:
            x = x + warp * noise.smooth_noise(gen, n, size, wavelength)
            y = y + warp * noise.smooth_noise(gen, n, size, wavelength)
        return torch.stack([(cos * x + sin * y) * squeeze, cos * y - sin * x], 1)

    return make


_WAVES: list[Callable[[Tensor], Tensor]] = [
    lambda phase: 0.5 + 0.5 * torch.sin(phase),
    lambda phase: torch.sigmoid(8 * torch.sin(phase)),
    lambda phase: torch.remainder(phase / (2 * math.pi), 1.0),
    lambda phase: (torch.remainder(phase / math.pi, 2.0) - 1.0).abs(),
    lambda phase: torch.sin(phase).abs().pow(0.3),
]


def gratings(rng: Random) -> Renderer:
    """Join one to three waves by sum, product or maximum."""
    coords, count = _coords(rng), rng.choice([1, 1, 2, 2, 3])
    waves = [
        (rng.uniform(0, math.pi), 2 * math.pi / log_uniform(rng, 4, 28), rng.choice(_WAVES))
        for _ in range(count)
    ]
    join = rng.choice(["mean", "product", "max"])

    def field(gen: Generator, n: int, size: int) -> Tensor:
        x, y = coords(gen, n, size).unbind(1)
        parts = torch.stack([w((x * math.cos(a) + y * math.sin(a)) * f) for a, f, w in waves])
        if join == "mean":
            return parts.mean(0)
        return parts.prod(0) if join == "product" else parts.amax(0)

    return coloured(rng, field)


def power(rng: Random) -> Renderer:
    """Coloured 1/f noise, in one field or one per channel."""
    beta, angle = rng.uniform(0.5, 2.2), rng.uniform(0, math.pi)
    stretch = rng.choice([1.0, log_uniform(rng, 1, 8)])
    table, channels = palette(rng, 3), rng.choice([1, 3])

    def field(gen: Generator, n: int, size: int) -> Tensor:
        return 0.5 + 0.25 * noise.power_noise(gen, n, size, beta, angle=angle, stretch=stretch)

    def render(gen: Generator, n: int, size: int) -> Tensor:
        fields = torch.stack([field(gen, n, size) for _ in range(3)], 1)
        return torch.einsum("nkhw,kc->nchw", fields, table.to(gen.device)).clamp(0, 1)

    return render if channels == 3 else coloured(rng, field)


def bands(rng: Random) -> Renderer:
    """Band-passed noise through tanh: stripes, labyrinths and spots, Turing-like."""
    wavelength, octaves = log_uniform(rng, 4, 26), rng.uniform(0.1, 0.6)
    angle, stretch = rng.uniform(0, math.pi), rng.choice([1.0, log_uniform(rng, 1, 6)])
    gain, bias = log_uniform(rng, 0.5, 8), rng.uniform(-1, 1)

    def field(gen: Generator, n: int, size: int) -> Tensor:
        wave = noise.band_noise(
            gen, n, size, wavelength, octaves=octaves, angle=angle, stretch=stretch
        )
        return 0.5 + 0.5 * torch.tanh(gain * (wave + bias))

    return coloured(rng, field)


def ridges(rng: Random) -> Renderer:
    """Octaves of ridged noise: veins, mountains, cracks."""
    wavelength, octaves = log_uniform(rng, 16, 60), rng.randint(1, 4)
    sharp, decay = rng.uniform(0.5, 3), rng.uniform(0.3, 0.8)

    def field(gen: Generator, n: int, size: int) -> Tensor:
        total = torch.zeros(n, size, size, device=gen.device)
        for octave in range(octaves):
            wave = noise.band_noise(gen, n, size, wavelength / 2**octave, octaves=0.5)
            total = total + decay**octave * (1 - wave.abs() / 2).clamp(0, 1) ** sharp
        return total / sum(decay**octave for octave in range(octaves))

    return coloured(rng, field)


def rings(rng: Random) -> Renderer:
    """Ring waves around scattered centres, superposed or nearest only."""
    cell, frequency = log_uniform(rng, 24, 90), 2 * math.pi / log_uniform(rng, 4, 18)
    wave, coords, nearest = rng.choice(_WAVES), _coords(rng), rng.random() < 0.5

    def field(gen: Generator, n: int, size: int) -> Tensor:
        place = coords(gen, n, size)
        if nearest:
            return wave(cells.mosaic(gen, place, cell, p=2, jitter=1.0).near * frequency)
        total = torch.zeros_like(place[:, 0])
        for other in cells.neighbours(gen, place, cell):
            distance = other.offset.norm(dim=1)
            total = total + torch.cos(distance * frequency) * torch.exp(-distance / cell)
        return 0.5 + 0.5 * total

    return coloured(rng, field)


def networks(rng: Random) -> Renderer:
    """Random networks of position and noise, evaluated at every pixel."""
    seed, layers, gain = rng.randrange(2**31), rng.randint(2, 4), rng.uniform(1.5, 3.5)
    lengths = [log_uniform(rng, 6, 60) for _ in range(4)]
    act = rng.choice([torch.sin, torch.tanh, lambda x: torch.exp(-x.square()), torch.sin])

    def render(gen: Generator, n: int, size: int) -> Tensor:
        fixed = torch.Generator().manual_seed(seed)
        x = torch.stack([noise.smooth_noise(gen, n, size, length) for length in lengths], -1)
        for width_in, width_out in [(4, 12), *[(12, 12)] * (layers - 1), (12, 3)]:
            weight = torch.randn(width_in, width_out, generator=fixed) * gain / width_in**0.5
            bias = torch.randn(width_out, generator=fixed)
            x = act(x @ weight.to(x.device) + bias.to(x.device))
        low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
        return ((x - low) / (high - low + 1e-6)).permute(0, 3, 1, 2)

    return render


def mosaics(rng: Random) -> Renderer:
    """Voronoi mosaics with and without seams, cobbles and cracks."""
    coords, cell = _coords(rng), log_uniform(rng, 7, 40)
    p, jitter = rng.choice([1.0, 2.0, 2.0, 2.0, float("inf")]), rng.uniform(0.2, 1.0)
    seam, bulge = rng.choice([0.0, rng.uniform(1, 4)]), rng.choice([0.0, rng.uniform(0.2, 1.0)])
    flat, table, dark = rng.random() < 0.25, palette(rng), torch.tensor(rng.random())

    def render(gen: Generator, n: int, size: int) -> Tensor:
        tiles = cells.mosaic(gen, coords(gen, n, size), cell, p=p, jitter=jitter)
        edge = tiles.second - tiles.near
        tone = tiles.random[:, 1] if not flat else (edge / cell).clamp(0, 1)
        picture = noise.look_up(table.to(gen.device), tone)
        shade = 1 - bulge * (tiles.near / cell).clamp(0, 1)
        picture = picture * shade[:, None]
        if seam:
            gap = torch.sigmoid((seam - edge) * 2)[:, None]
            picture = torch.lerp(picture, dark.to(gap.device).expand_as(picture), gap)
        return picture

    return render


def bricks(rng: Random) -> Renderer:
    """Courses of bricks, planks, shingles and windows in walls."""
    coords, height = _coords(rng), log_uniform(rng, 7, 36)
    width, stagger = height * log_uniform(rng, 0.5, 3.5), rng.choice([0.0, 0.5, rng.random()])
    mortar, pane = rng.uniform(0.5, 3.5), rng.choice([0.0, 0.0, rng.uniform(0.15, 0.35)])
    table, random_tone = palette(rng), rng.uniform(0, 1)
    light = rng.uniform(-0.4, 0.4)

    def render(gen: Generator, n: int, size: int) -> Tensor:
        x, y = coords(gen, n, size).unbind(1)
        row = (y / height).floor()
        x = x / width + row * stagger
        column = x.floor()
        u, v = x - column, y / height - row
        edge = torch.minimum(torch.minimum(u, 1 - u) * width, torch.minimum(v, 1 - v) * height)
        chance = uniform(gen, n, 64 * 64)
        index = (row.long() % 64) * 64 + column.long() % 64
        tone = 0.3 + random_tone * (chance.gather(1, index.flatten(1)).view_as(u) - 0.3)
        tone = torch.where(edge < mortar, 1.0, tone)
        if pane:
            tone = torch.where((edge / min(width, height)) > pane, 0.0, tone)
        return noise.look_up(table.to(gen.device), tone) * (1 + light * (v - 0.5))[:, None]

    return render


def lattices(rng: Random) -> Renderer:
    """Dots and rings on a lattice, their size led by slow noise as in a halftone."""
    coords, cell = _coords(rng), log_uniform(rng, 5, 26)
    radius, swing, hollow = rng.uniform(0.15, 0.45), rng.uniform(0, 0.2), rng.random() < 0.3
    p, length = rng.choice([1.0, 2.0, 2.0, 4.0]), log_uniform(rng, 20, 80)

    def field(gen: Generator, n: int, size: int) -> Tensor:
        place = coords(gen, n, size) / cell
        place = place - place.floor() - 0.5
        distance = torch.linalg.vector_norm(place, ord=p, dim=1)
        reach = radius + swing * noise.smooth_noise(gen, n, size, length)
        deep = (distance - reach).abs() - 0.08 if hollow else distance - reach
        return torch.sigmoid(-deep * cell * 2)

    return coloured(rng, field)


def _leaf(rng: Random) -> cells.Leaf:
    kind = rng.choice(["disc", "disc", "ellipse", "polygon", "polygon", "ring", "bar"])
    radius = rng.uniform(0.35, 0.6)
    if kind == "polygon":
        return cells.Leaf(radius, aspect=rng.uniform(1, 1.5), sides=rng.randint(3, 6))
    if kind == "ring":
        return cells.Leaf(radius + 0.05, hole=rng.uniform(0.4, 0.8))
    if kind == "bar":
        return cells.Leaf(radius / 2, aspect=2.5, sides=2)
    return cells.Leaf(radius, aspect=1.0 if kind == "disc" else rng.uniform(1.2, 2.0))


def leaves(rng: Random) -> Renderer:
    """Dead leaves: occluding shapes of one to four sizes, flat, shaded or outlined."""
    layers = rng.randint(1, 3)
    smallest = log_uniform(rng, 7, 20)
    sizes = [smallest * 1.9**i for i in reversed(range(layers))]
    leaf, table, flow = _leaf(rng), palette(rng), _flow(rng)
    outline, shade = rng.choice([0.0, rng.uniform(0.08, 0.3)]), rng.choice([0.0, rng.random()])
    back = rng.random()

    def render(gen: Generator, n: int, size: int) -> Tensor:
        place, angle = noise.grid(gen, n, size), flow(gen, n, size)
        colours = table.to(gen.device)
        picture = noise.look_up(colours, torch.full_like(angle, back))
        for cell in sizes:
            top = cells.scatter(gen, place, cell, leaf, angle)
            paint = noise.look_up(colours, top.random[:, 3])
            lit = 1 - shade * (1 - top.inside.clamp(0, 1)) - 0.7 * (top.inside < outline)
            shown = (top.depth >= 0) & (top.random[:, 4] < 0.8)
            picture = torch.where(shown[:, None], paint * lit.clamp(0, 1)[:, None], picture)
        return picture

    return render


def strokes(rng: Random) -> Renderer:
    """Brush strokes along a flow, with bristles and ridges of paint."""
    cell, flow, table = log_uniform(rng, 5, 15), _flow(rng), palette(rng)
    leaf = cells.Leaf(
        rng.uniform(0.12, 0.36), rng.uniform(2.5, 5.0), 2, 0.0, rng.choice([0.1, 0.4, 1.5]),
        rng.uniform(-0.3, 0.3),
    )  # fmt: skip
    bristle, relief = rng.uniform(0, 0.5), rng.uniform(0, 0.6)
    coats, follow = rng.randint(1, 2), rng.uniform(0, 1)

    def render(gen: Generator, n: int, size: int) -> Tensor:
        place, angle = noise.grid(gen, n, size), flow(gen, n, size)
        slow = 0.5 + 0.25 * noise.smooth_noise(gen, n, size, 60.0)
        colours = table.to(gen.device)
        picture = noise.look_up(colours, slow)
        for _ in range(coats):
            top = cells.scatter(gen, place, cell, leaf, angle, reach=2)
            tone = torch.lerp(top.random[:, 3], slow, follow)
            hair = torch.sin(top.inside * 9 + top.random[:, 5] * 20) * bristle * 0.3
            lit = 1 + hair - relief * (1 - top.inside) ** 2
            paint = (noise.look_up(colours, tone) * lit[:, None]).clamp(0, 1)
            picture = torch.where((top.depth >= 0)[:, None], paint, picture)
        return picture

    return render


def streams(rng: Random) -> Renderer:
    """Noise smeared along a flow (line integral convolution): impasto, hair, wood."""
    flow, grain = _flow(rng), log_uniform(rng, 2.0, 9.0)
    steps, stride = rng.randint(4, 10), rng.uniform(1.0, 2.0)
    gain, layers = log_uniform(rng, 0.6, 3.0), rng.choice([1, 1, 3])
    table = palette(rng, 3)

    def smear(gen: Generator, n: int, size: int) -> Tensor:
        field = noise.band_noise(gen, n * layers, size, grain * 1.5, octaves=0.7)
        field, angle = field.view(n, layers, size, size), flow(gen, n, size)
        axis = torch.linspace(-1, 1, size, device=gen.device)
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        base = torch.stack([x, y], -1).expand(n, -1, -1, -1)
        step = torch.stack([angle.cos(), angle.sin()], -1) * (2 * stride / size)
        total = field.clone()
        for k in range(1, steps + 1):
            for sign in (-k, k):
                total += torch.nn.functional.grid_sample(
                    field, base + sign * step, padding_mode="reflection", align_corners=True
                )
        return 0.5 + 0.5 * torch.tanh(gain * noise.standardise(total))

    def many(gen: Generator, n: int, size: int) -> Tensor:
        mixed = torch.einsum("nkhw,kc->nchw", smear(gen, n, size), table.to(gen.device))
        return mixed.clamp(0, 1)

    return many if layers == 3 else coloured(rng, lambda g, n, s: smear(g, n, s)[:, 0])


def coloured(rng: Random, field: Field) -> Renderer:
    """Dye a scalar field with a palette, sometimes lit as a relief."""
    table, relief, angle = palette(rng), rng.choice([0.0, 0.0, rng.random()]), rng.uniform(0, 6.3)

    def render(gen: Generator, n: int, size: int) -> Tensor:
        tone = field(gen, n, size)
        picture = noise.look_up(table.to(gen.device), tone)
        if not relief:
            return picture
        dy, dx = torch.gradient(tone, dim=(1, 2))
        lit = torch.tanh(4 * (dx * math.cos(angle) + dy * math.sin(angle)))
        return picture * (1 + relief * lit)[:, None]

    return render


FAMILIES: list[tuple[Callable[[Random], Renderer], float]] = [
    (gratings, 1.0),
    (power, 0.6),
    (bands, 1.0),
    (ridges, 0.8),
    (rings, 0.7),
    (networks, 0.8),
    (mosaics, 1.2),
    (bricks, 1.2),
    (lattices, 0.7),
    (leaves, 1.5),
    (strokes, 2.0),
    (streams, 1.2),
]
"""Each family with its share of the classes."""


def simple_texture(rng: Random) -> Renderer:
    """Draw a family by its share, then a member of it."""
    families, shares = zip(*FAMILIES, strict=True)
    return rng.choices(families, shares)[0](rng)
