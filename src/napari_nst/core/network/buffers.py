"""Picture-sized tensors, assembled from strips of rows in memory that is reused.

Allocated anew at every step they would fragment memory: what lives longer than a step would settle
between them, and no gap would fit the next ones.
"""

import torch
from torch import Tensor

from napari_nst.core.network.window import Box


class BufferPool:
    """Tensors that are needed again at every step, by name."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held: dict[str, Tensor] = {}

    def clear(self) -> None:
        """Drop all tensors."""
        self._held.clear()

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return the tensor of a name, channels last, with whatever was written to it last."""
        if name not in self._held or self._held[name].shape != shape:
            self._held[name] = torch.empty(
                shape, dtype=dtype, device=self._device, memory_format=torch.channels_last
            )
        return self._held[name]


class StripBuffer:
    """Assembles strips of rows in a buffer of a pool; a single strip is used as it is.

    Parameters
    ----------
    height
        Number of rows in all.
    pool, name
        Where the buffer is.
    part
        The positions to keep; all by default.
    """

    def __init__(self, height: int, pool: BufferPool, name: str, part: Box | None = None) -> None:
        self._height = height
        self._part = part
        self._pool = pool
        self._name = name
        self.whole = torch.empty(0)
        """All rows, shape (1, N, height, w), channels last."""

    def put(self, rows: slice, strip: Tensor) -> None:
        """Copy a strip of shape (1, N, count, w) to its rows."""
        _, channels, count, width = strip.shape
        part = self._part or Box(0, self._height, 0, width)
        first, last = max(rows.start, part.top), min(rows.start + count, part.bottom)
        own = strip[:, :, max(0, first - rows.start) : max(0, last - rows.start), part.columns]
        if own.shape == strip.shape and count == self._height:
            self.whole = strip
        elif own.numel():
            self.whole = self._pool.take(self._name, (1, channels, *part.size), strip.dtype)
            self.whole[:, :, first - part.top : last - part.top].copy_(own)
