"""Picture-sized tensors, put together from strips of rows, in memory that is used again.

Were they made anew at every step, what lives longer than a step would come to lie between them, and
no gap would fit the next ones.
"""

import torch
from torch import Tensor


class Rooms:
    """Where tensors lie that come again at every step, by their names."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held: dict[str, Tensor] = {}

    def clear(self) -> None:
        """Forget all tensors."""
        self._held.clear()

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Give the tensor of a name, channels last, with what it held before."""
        if name not in self._held or self._held[name].shape != shape:
            self._held[name] = torch.empty(
                shape, dtype=dtype, device=self._device, memory_format=torch.channels_last
            )
        return self._held[name]


class Sheet:
    """Puts strips of rows together in a room; a single strip is taken as it is."""

    def __init__(self, height: int, rooms: Rooms, name: str) -> None:
        self._height = height
        self._rooms = rooms
        self._name = name
        self.whole = torch.empty(0)
        """All rows, shape (1, N, height, w), channels last."""

    def put(self, rows: slice, strip: Tensor) -> None:
        """Lay a strip of shape (1, N, count, w) into its rows."""
        _, channels, count, width = strip.shape
        if count == self._height:
            self.whole = strip
            return
        shape = (1, channels, self._height, width)
        self.whole = self._rooms.take(self._name, shape, strip.dtype)
        self.whole[:, :, rows].copy_(strip)
