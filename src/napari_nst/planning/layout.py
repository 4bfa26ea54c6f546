"""Choose how a run's pictures are worked on: whole or by windows, in memory or in files.

Whole where that fits into the budget; else by the largest windows that fit with all arrays in
memory; else with the arrays in files. A window's memory is that of a whole run of its size.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch
from platformdirs import user_cache_path

from napari_nst.core.network.window import Size, Window, windows_of
from napari_nst.core.optim.lbfgs import kept_dtype
from napari_nst.core.store.scratch import BLOCK_BYTES, Scratch, check_is_disk
from napari_nst.core.store.store import InMemory, Store
from napari_nst.errors import ClusterError, ScratchError
from napari_nst.planning.free_memory import free_bytes
from napari_nst.settings.vgg_layers import CONVS, convolutions_to, tap_geometry

if TYPE_CHECKING:
    from napari_nst.planning.estimate import Plan

TILES_PX = (2048, 1536, 1024, 768, 512, 384, 256, 128)
"""Window sizes that "auto" chooses from, the largest that fits."""

_CLUSTER_TILES_PX = TILES_PX[:-1]
"""Smaller windows than these are nearly all halo, so that more workers do not pay."""

SHARE = 0.6
"""Of the free memory of the host, what a run takes by default."""

_TWO_PASSES = 1.45
"""Time of two passes over a window in units of one step, which shares a pass. Measured."""

_ADAM_ARRAYS, _LBFGS_ARRAYS = 3, 7
"""Pictures of float32 that the optimisers hold at most, without L-BFGS's pairs."""

_ARRAYS = 7
"""Others: content, start, variable, gradient, picture, last good picture, and one in the making."""

_BLOCKS = 6
"""Blocks of arrays in files that are in memory at a time. Measured: 4 and 6, with Adam."""

_RESULT_BYTES = 8
"""A pixel of the result at most, as an array: four channels of 16 bits."""


@dataclass(frozen=True)
class LayoutPlan:
    """How a run's pictures are worked on, and what that takes.

    Parameters
    ----------
    tile_px
        The longest side of a window; None: the whole picture is one.
    in_files
        Whether whole arrays are in files.
    peak_bytes
        Peak memory above what the program holds before.
    disk_bytes
        Of the files.
    """

    tile_px: int | None
    in_files: bool
    peak_bytes: int
    disk_bytes: int = 0

    def store(self, device: torch.device, scratch: Path | None) -> Store:
        """Return the store for a run's arrays.

        Parameters
        ----------
        scratch
            The folder for files, as `scratch_folder` takes it.

        Raises
        ------
        ScratchError
            If the folder cannot be used, or its disk has too little room.
        """
        if not self.in_files:
            return InMemory(device)
        host = torch.device("cpu")
        if device != host and self.disk_bytes <= SHARE * free_bytes(host):
            return InMemory(host)
        folder = scratch_folder(scratch)
        check_disk(self, folder)
        return Scratch(folder)


def budget_bytes(device: torch.device, memory_bytes: int | None) -> int:
    """Return the memory that a run may take above what the program holds.

    Parameters
    ----------
    memory_bytes
        What the whole program may hold; by default `SHARE` of what is free, or all that is free
        of a GPU's.
    """
    free = free_bytes(device)
    if device.type == "cuda":
        return int(free)
    if memory_bytes is None:
        return round(SHARE * free)
    held = int(psutil.Process().memory_info().rss)
    return max(0, min(free, memory_bytes - held))


def layout_of(plan: "Plan", budget: float) -> LayoutPlan:
    """Choose the layout of a run; where nothing fits, the one that takes least.

    Parameters
    ----------
    budget
        Bytes that the run may take.
    """
    whole = LayoutPlan(None, in_files=False, peak_bytes=plan.peak_bytes)
    tile = plan.config.tile
    if tile == 0 or (tile is None and whole.peak_bytes <= budget):
        return whole
    tiles = [each for each in TILES_PX if each < max(plan.sizes[-1])] if tile is None else [tile]
    choices = [_by_windows(plan, each, in_files=False) for each in tiles]
    if plan.can_leave_memory:
        choices += [_by_windows(plan, each, in_files=True) for each in tiles]
    fitting = [each for each in choices if each.peak_bytes <= budget]
    return fitting[0] if fitting else min([whole, *choices], key=lambda each: each.peak_bytes)


def cluster_layout(
    plan: "Plan", free_by_worker: Mapping[str, int], memory_bytes: int | None = None
) -> LayoutPlan:
    """Choose the windows of a run on a cluster: the largest that fit and give each worker one.

    Parameters
    ----------
    free_by_worker
        Bytes that are free on each worker, by its address.
    memory_bytes
        As `budget_bytes` takes it; this computer holds picture and optimiser.

    Raises
    ------
    ClusterError
        If a worker has too little memory for the smallest windows.
    """
    size, taps, wraps = plan.sizes[-1], plan.config.taps, plan.config.is_circular
    poorest = min(free_by_worker, key=free_by_worker.__getitem__)
    asked = plan.config.tile
    tiles = _CLUSTER_TILES_PX if asked is None else [asked or max(size)]
    tile_px = needed = 0
    for tile_px in tiles:
        windows = windows_of(size, taps, tile_px, wraps=wraps)
        seen = max(height * width for height, width in (each.outer.size for each in windows))
        needed = plan.peak_of_pixels(seen)
        if needed <= free_by_worker[poorest] and len(windows) >= len(free_by_worker):
            break
    if needed > free_by_worker[poorest]:
        raise ClusterError(
            f"the worker {poorest} has {free_by_worker[poorest] / 1e9:.1f} GB of free memory, and "
            f"windows of {tile_px} px need about {needed / 1e9:.1f} GB. Choose a smaller tile, or "
            "workers with more memory."
        )
    arrays = round(array_bytes(plan) * size[0] * size[1])
    in_files = plan.can_leave_memory and arrays > budget_bytes(torch.device("cpu"), memory_bytes)
    return LayoutPlan(tile_px, in_files, arrays, arrays if in_files else 0)


def scratch_folder(asked: Path | None) -> Path:
    """Return the folder for files: the one asked for, the system's, or the user's cache.

    Raises
    ------
    ScratchError
        If the one asked for cannot be used, or none can.
    """
    if asked is not None:
        check_is_disk(asked)
        return asked
    temporary, cache = Path(tempfile.gettempdir()), user_cache_path("napari-nst", appauthor=False)
    try:
        check_is_disk(temporary)
    except ScratchError:
        os.makedirs(cache, exist_ok=True)
        check_is_disk(cache)
        return cache
    return temporary


def check_disk(layout: LayoutPlan, folder: Path) -> None:
    """Raise ScratchError if a folder's disk has too little room for a run's files."""
    free = shutil.disk_usage(folder).free
    if layout.disk_bytes > free:
        raise ScratchError(
            f"the run needs {layout.disk_bytes / 1e9:.1f} GB for scratch files in {folder}, and "
            f"{free / 1e9:.1f} GB are free there; choose another folder with --scratch, or a "
            "smaller size"
        )


def step_factor(
    size: Size, taps: Sequence[str], tile_px: int | None, *, wraps: bool = False
) -> float:
    """Return the time of a step by windows in units of that on the whole picture of (H, W).

    A picture that wraps has a halo even where it is one window.
    """
    windows = windows_of(size, taps, tile_px, wraps=wraps)
    parted = sum(_multiplications(each, taps) for each in windows)
    passes = 1.0 if len(windows) == 1 else _TWO_PASSES
    return passes * parted / _multiplications(Window.whole(size), taps)


def _multiplications(window: Window, taps: Sequence[str]) -> int:
    """Count those of a pass over a window, per pixel of the kernels."""
    total = 0
    for name in convolutions_to(tuple(taps)):
        height, width = window.seen(tap_geometry(name).stride_px).size
        total += height * width * CONVS[name][0] * CONVS[name][1]
    return total


def _by_windows(plan: "Plan", tile_px: int, *, in_files: bool) -> LayoutPlan:
    size, taps, wraps = plan.sizes[-1], plan.config.taps, plan.config.is_circular
    outers = [each.outer.size for each in windows_of(size, taps, tile_px, wraps=wraps)]
    pixels, seen = size[0] * size[1], max(height * width for height, width in outers)
    arrays, window = array_bytes(plan), plan.peak_of_pixels(seen)
    if not in_files:
        # A run of the window's size has arrays too.
        return LayoutPlan(tile_px, False, round(window + arrays * (pixels - seen)))
    blocks = _BLOCKS * min(BLOCK_BYTES, 12 * pixels)
    return LayoutPlan(tile_px, True, round(window + blocks), round(arrays * pixels))


def array_bytes(plan: "Plan") -> float:
    """Return the bytes of all arrays of the finest scale, per pixel."""
    config, picture = plan.config, 12
    is_adam = config.optimizer == "adam"
    pictures = _ARRAYS + (_ADAM_ARRAYS if is_adam else _LBFGS_ARRAYS) + bool(config.averaging)
    pairs = 0.0
    if not is_adam:
        kept = kept_dtype(plan.dtype)
        pairs = 2 * plan.last_history * picture * (kept.itemsize / 4 if kept else 1)
    taps = map(tap_geometry, config.content_layers)
    features = sum(tap.channels / tap.stride_px**2 for tap in taps)
    return picture * pictures + pairs + features * plan.dtype.itemsize + _RESULT_BYTES
