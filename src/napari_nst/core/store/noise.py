"""White noise that is the same however its array is stored."""

from itertools import pairwise

import torch
from torch import Tensor

from napari_nst.core.store.store import Store

_GROUP = 16
"""torch draws normal numbers in groups of so many."""


def normal_noise(shape: tuple[int, ...], seed: int, store: Store) -> Tensor:
    """Draw standard normal numbers, float32, as `torch.randn` draws them all at once.

    torch fills an array by groups, so blocks of whole groups are what the whole would be. An
    incomplete last group is drawn anew with those before it, so no block is shorter than one.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = store.empty(shape, torch.float32)
    flat = noise.view(-1)
    edges = [rows.start // _GROUP * _GROUP for rows in store.rows(flat)]
    if len(edges) > 1 and len(flat) - edges[-1] < _GROUP:
        edges.pop()
    for first, last in pairwise([*edges, len(flat)]):
        flat[first:last].copy_(torch.randn(last - first, generator=generator))
        store.breathe()
    return noise
