"""How the pictures of a run are worked on: in which windows, and where whole ones lie."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from napari_nst.core.network.window import Size, Window, windows_of
from napari_nst.core.store.store import InMemory, Store
from napari_nst.core.tiling.executor import SERIAL, Executor, Parts, Targets

if TYPE_CHECKING:
    from napari_nst.core.network.encoder import Encoder


def _nothing() -> None:
    """Do nothing between two windows."""


@dataclass(frozen=True)
class Layout:
    """Windows of at most a tile, and a store.

    Parameters
    ----------
    tile_px
        The longest side of a window, less its halo; None: each picture is one window.
    store
        Where whole pictures and the content's features lie.
    between
        Called before each window of pictures that have several, so that a run can be stopped.
    executor
        Who computes the windows.
    """

    tile_px: int | None = None
    store: Store = field(default_factory=InMemory)
    between: Callable[[], None] = _nothing
    executor: Executor = SERIAL

    def windows(self, size: Size, taps: Sequence[str], *, wraps: bool = False) -> "Windows":
        """Part a picture of (H, W), which may wrap, for taps."""
        return Windows(windows_of(size, taps, self.tile_px, wraps=wraps), self)

    def parts(
        self,
        encoder: "Encoder",
        targets: Targets,
        windows: Iterable[Window],
        read: Callable[[Window], Tensor],
    ) -> Parts:
        """Return the windows of a picture as the executor takes them."""
        return Parts(encoder, targets, windows, read, self.between)


class Windows(Iterable[Window]):
    """The windows of a picture; between two of them stores breathe and stops are seen."""

    def __init__(self, windows: Sequence[Window], layout: Layout) -> None:
        self._windows = windows
        self._layout = layout

    def __len__(self) -> int:
        return len(self._windows)

    def __iter__(self) -> Iterator[Window]:
        """Yield the windows, row by row."""
        for window in self._windows:
            if len(self) > 1:
                self._layout.between()
            yield window
            self._layout.store.breathe()
