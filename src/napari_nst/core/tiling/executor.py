"""Who computes windows: functions mapped over the windows of a picture, here or on other machines.

A function that is mapped is a function of a module, so that its name can be sent to another
process: ``function(encoder, targets, window, part, *shared)``, with `part` the window's outer part.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import torch
from torch import Tensor

from napari_nst.core.network.window import Window

if TYPE_CHECKING:
    from napari_nst.core.network.encoder import Encoder


class Targets(Protocol):
    """What a function knows of the whole picture beside the window."""

    def within(self, window: Window, device: torch.device) -> Self:
        """Return what a window needs, with tensors of its own, on a device."""
        ...


@dataclass(frozen=True, eq=False)
class Parts:
    """The windows of a picture, and what is needed at each of them.

    Parameters
    ----------
    encoder
        The network.
    targets
        What the picture is compared with.
    windows
        May be iterated several times.
    read
        Returns a window's outer part, shape (1, 3, h, w).
    poll
        Called while results are waited for; it may raise to end that.
    """

    encoder: "Encoder"
    targets: Targets
    windows: Iterable[Window]
    read: Callable[[Window], Tensor]
    poll: Callable[[], None]


class Executor(Protocol):
    """Maps functions over windows."""

    def map(
        self,
        function: Callable[..., Any],
        parts: Parts,
        *shared: object,
    ) -> Iterator[tuple[Window, Any]]:
        """Yield each window and the function's value there, in the windows' order.

        Parameters
        ----------
        function
            Of a module: ``function(encoder, targets, window, part, *shared)``.
        parts
            Several functions may be mapped over them, one after another.
        shared
            The same for all windows: settings, or tensors in dictionaries.
        """
        ...


class Serial:
    """Computes windows here, one after another; each is read when its turn comes."""

    def map(
        self,
        function: Callable[..., Any],
        parts: Parts,
        *shared: object,
    ) -> Iterator[tuple[Window, Any]]:
        """Yield each window and the function's value there, in the windows' order."""
        for window in parts.windows:
            part = parts.read(window)
            yield window, function(parts.encoder, parts.targets, window, part, *shared)


SERIAL = Serial()
"""Computes windows here."""
