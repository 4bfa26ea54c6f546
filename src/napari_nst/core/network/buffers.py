"""Picture-sized tensors, assembled from strips of rows in memory that is reused.

Allocated anew at every step they would fragment memory: what lives longer than a step would settle
between them, and no gap would fit the next ones.
"""

import torch
from torch import Tensor


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
    """Assembles strips of rows in a buffer of a pool; a single strip is used as it is."""

    def __init__(self, height: int, pool: BufferPool, name: str) -> None:
        self._height = height
        self._pool = pool
        self._name = name
        self.whole = torch.empty(0)
        """All rows, shape (1, N, height, w), channels last."""

    def put(self, rows: slice, strip: Tensor) -> None:
        """Copy a strip of shape (1, N, count, w) to its rows."""
        _, channels, count, width = strip.shape
        if count == self._height:
            self.whole = strip
            return
        shape = (1, channels, self._height, width)
        self.whole = self._pool.take(self._name, shape, strip.dtype)
        self.whole[:, :, rows].copy_(strip)
