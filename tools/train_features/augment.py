"""Batches: crops of the generated pictures, dyed anew and pasted into each other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from tools.train_features.noise import smooth_noise, uniform

LUMA = (0.299, 0.587, 0.114)
CHROMA = ((0.7, -0.6, -0.1), (-0.3, -0.4, 0.7))
"""Red against green, and blue against yellow."""
CHROMA_SPREAD = 0.15
DYED = 0.25
WHOLE, WHOLE_SMALL = 0.4, 0.75
"""Share of pictures of one texture; higher in crops under 48 px, which hardly show one."""


@dataclass(frozen=True)
class Batch:
    """Pictures of two textures each, parted by a mask.

    Attributes
    ----------
    pictures : Tensor, shape (n, 3, size, size), RGB in [0, 1]
    mask : Tensor, shape (n, 1, size, size), values in {0, 1}
        1 where the first texture shows; all 1 in pictures of one texture.
    labels : Tensor, shape (2, n), int64
    """

    pictures: Tensor
    mask: Tensor
    labels: Tensor


def crops(pictures: Tensor, gen: Generator, n: int, size: int) -> tuple[Tensor, Tensor]:
    """Draw crops of random pictures, one zoom of 0.75 to 1.33 for the batch.

    Parameters
    ----------
    pictures : Tensor of uint8, shape (classes, per_class, side, side, 3)
        On the generator's device.

    Returns
    -------
    crops : Tensor, shape (n, 3, size, size), values in [0, 1]
    labels : Tensor, shape (n,), int64
    """
    classes, per_class, full = pictures.shape[:3]
    zoom = 0.75 * (1.33 / 0.75) ** float(uniform(gen, 1))
    side = min(full, round(size * zoom))
    where = {"generator": gen, "device": gen.device}
    label = torch.randint(classes, (n,), **where)
    which = torch.randint(per_class, (n,), **where)
    corner = torch.randint(full - side + 1, (n, 2), **where)
    y, x = (corner[:, :, None] + torch.arange(side, device=gen.device)).unbind(1)
    cut = pictures[label[:, None, None], which[:, None, None], y[:, :, None], x[:, None, :]]
    tensor = cut.permute(0, 3, 1, 2).float() / 255
    tensor = F.interpolate(tensor, (size, size), mode="bilinear", antialias=True)
    return tensor, label


def dye(pictures: Tensor, gen: Generator) -> Tensor:
    """Mix, permute, invert or remove the colours of some pictures; keep the others' hues.

    So that a class is structure first, but colour too: features that are trained on dyed
    pictures alone grow blind to colour. Shape (n, 3, H, W) in [0, 1] in and out.
    """
    n = len(pictures)
    dyed = uniform(gen, n, 1, 1) < DYED
    identity = torch.eye(3, device=gen.device)
    mix = identity[uniform(gen, n, 3).argsort(1)]
    strange = torch.randn((n, 3, 3), generator=gen, device=gen.device)
    strange = strange / strange.norm(dim=2, keepdim=True)
    grey = pictures.new_tensor(LUMA).expand(n, 3, 3)
    kind = uniform(gen, n, 1, 1)
    mix = torch.where(kind < 0.4, strange, torch.where(kind > 0.8, grey, mix))
    inverted = dyed & (uniform(gen, n, 1, 1) < 0.3)
    mix = torch.where(dyed, mix, identity)
    gain = uniform(gen, n, 1, 1, low=0.6, high=1.3) * torch.where(inverted, -1.0, 1.0)
    shift = uniform(gen, n, 3, 1, 1, low=-0.15, high=0.15)
    shift = torch.where(dyed[..., None], shift, shift.mean(1, keepdim=True))
    mixed = torch.einsum("nkc,nchw->nkhw", mix * gain, pictures - 0.5)
    return (mixed + 0.5 + shift).clamp(0, 1)


def masks(gen: Generator, n: int, size: int, *, whole: float) -> Tensor:
    """Draw masks, shape (n, 1, size, size), of half planes, discs, boxes and blobs.

    A share ``whole`` of them is all ones.
    """
    axis = torch.linspace(-1, 1, size, device=gen.device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = uniform(gen, n, 1, 1, high=6.2832)
    u, v = angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x
    wobble = smooth_noise(gen, n, size, size / 2) * uniform(gen, n, 1, 1, high=0.5)
    kind = uniform(gen, n, 1, 1)
    disc, box = torch.hypot(u, 1.4 * v) - 0.7, torch.maximum(u.abs(), 1.3 * v.abs()) - 0.6
    level = torch.where(kind < 0.35, u, torch.where(kind < 0.65, disc, box))
    mask = (level + wobble + uniform(gen, n, 1, 1, low=-0.3, high=0.3) < 0).float()
    return torch.where(uniform(gen, n, 1, 1) < whole, 1.0, mask)[:, None]


def make_batch(pictures: Tensor, gen: Generator, n: int, size: int) -> Batch:
    """Draw a batch of `crops`; where a mask is not whole, a second texture fills what it leaves."""
    first, label = crops(pictures, gen, n, size)
    first = dye(first, gen)
    second, other = dye(first.roll(1, 0), gen), label.roll(1, 0)
    mask = masks(gen, n, size, whole=WHOLE_SMALL if size < 48 else WHOLE)
    return Batch(torch.lerp(second, first, mask), mask, torch.stack([label, other]))


def drawing_cells(pictures: Tensor) -> Tensor:
    """Return what the drawing head should draw, shape (n, 18, H / 8, W / 8).

    Lightness at half size, standardised over each picture, 4 x 4 values a position; and the
    position's mean chromas.
    """
    luma = torch.einsum("nchw,c->nhw", pictures, pictures.new_tensor(LUMA))[:, None]
    half = F.avg_pool2d(luma, 2)
    mean, std = half.mean((2, 3), keepdim=True), half.std((2, 3), keepdim=True)
    lightness = F.pixel_unshuffle((half - mean) / (std + 0.02), 4)
    chroma = torch.einsum("nchw,kc->nkhw", pictures, pictures.new_tensor(CHROMA))
    return torch.cat([lightness, F.avg_pool2d(chroma, 8) / CHROMA_SPREAD], 1)
