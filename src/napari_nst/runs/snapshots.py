"""Snapshots of a run, thinned evenly to a memory budget.

A step's loss is that of the picture that *entered* it, and a snapshot is the picture *after*
its step: so a snapshot learns its own loss from the next step.
"""

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_nst.runs.progress import loss_text
from napari_nst.settings.results import LossPoint


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run's picture after a step.

    Parameters
    ----------
    step
        Steps done, over all scales.
    loss
        Of this picture; of the one before it until the next step has told.
    scale
        Index of the scale, 0 the coarsest.
    picture : array, shape (H, W, 3) or (H, W, 4), uint8
        At the size of its scale.
    pinned
        Whether it stays whatever the budget says.
    """

    step: int
    loss: float
    scale: int
    picture: npt.NDArray[np.uint8]
    pinned: bool = False

    @property
    def label(self) -> str:
        """What the overlay says, such as "Step 120  ·  loss 35.2"."""
        return f"Step {self.step}  ·  {loss_text(self.loss)}"


class SnapshotStore:
    """Keeps snapshots of one run; may be filled by one thread and read by another.

    Over budget, the snapshot goes whose absence leaves the smallest gap between its
    neighbours: so no gap is ever wider than two neighbouring ones elsewhere. The first, the
    last, the best and the pinned ones stay, even if they alone are over budget.

    Parameters
    ----------
    budget_bytes
        What the snapshots and a stack of them on the finest grid may take together.
    every
        Steps between snapshots; None keeps only those that are asked for.
    """

    def __init__(self, budget_bytes: int, *, every: int | None = 10) -> None:
        self.budget_bytes = budget_bytes
        self.every = every
        self._snapshots: tuple[Snapshot, ...] = ()
        self._changed_at = 0
        self._lock = threading.Lock()

    @property
    def kept(self) -> tuple[Snapshot, ...]:
        """The snapshots kept, oldest first."""
        return self._snapshots

    def due(self, step: int) -> bool:
        """Return whether the picture after `step` is to be kept: ask before making it.

        Where not every step can be asked about, the first one from each N-th on is due.
        """
        if self.every is None:
            return False
        last = max((kept.step for kept in self._snapshots), default=0)
        return not self._snapshots or step // self.every > last // self.every

    def add(
        self,
        step: int,
        loss: float,
        scale: int,
        picture: npt.NDArray[np.uint8],
        *,
        pinned: bool = False,
    ) -> Snapshot:
        """Keep a picture, due or not, and thin what there is to the budget.

        Parameters
        ----------
        step
            Steps done; a snapshot of the same step is replaced and stays pinned if it was.
        loss
            As the step reported it; `learn` improves on it.
        scale
            Index of the scale, 0 the coarsest.
        picture : array, shape (H, W, 3) or (H, W, 4), uint8
            Kept as it is, not copied.
        pinned
            Keep it whatever the budget says.
        """
        with self._lock:
            before = next((kept for kept in self._snapshots if kept.step == step), None)
            pinned = pinned or (before is not None and before.pinned)
            added = Snapshot(step, loss, scale, picture, pinned)
            others = [kept for kept in self._snapshots if kept.step != step]
            self._put([*others, added])
        return added

    def learn(self, points: Iterable[LossPoint]) -> None:
        """Set the snapshots' own losses, which the step after each reports."""
        losses = {point.iteration - 1: point.loss for point in points}
        with self._lock:
            self._put(
                replace(kept, loss=losses[kept.step]) if kept.step in losses else kept
                for kept in self._snapshots
            )

    def mark_change(self, step: int) -> None:
        """Record that a setting changed after `step`: losses before it no longer compare."""
        self._changed_at = max(self._changed_at, step)

    def clear(self) -> None:
        """Forget all snapshots, pinned ones as well."""
        with self._lock:
            self._snapshots = ()

    def best(self) -> Snapshot | None:
        """Return the snapshot of lowest loss at the final scale since the last change.

        The final scale is the finest that any snapshot has reached. None if there is none
        since, or no loss is a number.
        """
        return lowest_loss(self._snapshots, after_step=self._changed_at)

    def stack(self, size: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
        """Lay all snapshots on one grid, for napari's slider.

        Parameters
        ----------
        size
            Height and width; those of the finest snapshot by default.

        Returns
        -------
        array, shape (T, H, W, 3) or (T, H, W, 4), uint8
            Of T snapshots, oldest first; of shape (0, 1, 1, 3) if there are none.
        """
        return stack_of(self._snapshots, size)

    def _put(self, snapshots: Iterable[Snapshot]) -> None:
        kept = sorted(snapshots, key=lambda each: each.step)
        while bytes_of(kept) > self.budget_bytes:
            spare = _most_spare(kept, lowest_loss(kept, after_step=self._changed_at))
            if spare is None:
                break
            kept.remove(spare)
        self._snapshots = tuple(kept)


def lowest_loss(snapshots: Iterable[Snapshot], *, after_step: int = 0) -> Snapshot | None:
    """Return the snapshot of lowest loss at the finest scale, made after `after_step`."""
    kept = list(snapshots)
    finest = max((each.scale for each in kept), default=0)
    eligible = [
        each
        for each in kept
        if each.scale == finest and each.step > after_step and math.isfinite(each.loss)
    ]
    return min(eligible, key=lambda each: each.loss, default=None)


def stack_of(
    snapshots: Iterable[Snapshot], size: tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """Lay snapshots on one grid; parameters and result as of `SnapshotStore.stack`."""
    pictures = [each.picture for each in snapshots]
    if not pictures:
        return np.zeros((0, 1, 1, 3), np.uint8)
    finest = max(pictures, key=lambda picture: picture.size)
    height, width = size or finest.shape[:2]
    stack = np.empty((len(pictures), height, width, finest.shape[2]), np.uint8)
    for place, picture in zip(stack, pictures, strict=True):
        place[...] = _resized(picture, (height, width))
    return stack


def bytes_of(snapshots: Iterable[Snapshot]) -> int:
    """Return the memory of the snapshots and of a stack of them on the finest grid."""
    sizes = [each.picture.nbytes for each in snapshots]
    return sum(sizes) + len(sizes) * max(sizes, default=0)


def _most_spare(kept: list[Snapshot], best: Snapshot | None) -> Snapshot | None:
    """Return the snapshot whose removal leaves the smallest gap; None if all must stay."""
    inner = zip(kept, kept[1:], kept[2:], strict=False)
    gaps = [
        (after.step - before.step, here.step, here)
        for before, here, after in inner
        if not here.pinned and here is not best
    ]
    return min(gaps, key=lambda gap: gap[:2])[2] if gaps else None


def _resized(picture: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resize with the engine's own filter."""
    if picture.shape[:2] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC))
