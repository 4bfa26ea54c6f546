"""Arrays in files, of which only some blocks are in memory at a time.

An array is a file that is mapped into memory, so that all code works on it as on any tensor. Its
room on the disk is taken at the start: a mapped file that the disk has no room for would end the
program. Its name is removed at once where the system allows it (everywhere but on Windows), so
that nothing is left behind, however the program ends.

After each block the pages are handed back to the system, which writes them when it likes: resident
memory then holds a block of each array, not the arrays.
"""

import errno
import mmap
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import torch
from torch import Tensor

from napari_nst.core.store.store import block
from napari_nst.errors import DISK_FULL, ScratchError, is_out_of_memory

BLOCK_BYTES = 32 << 20
"""Of one array at a time."""

_PREFIX = "napari-nst-scratch-"
_IN_MEMORY = ("tmpfs", "ramfs")


class Scratch:
    """Arrays in files of a folder.

    Parameters
    ----------
    folder
        Has to exist, on a disk.
    block_bytes
        How much of an array is worked on at a time.

    Raises
    ------
    ScratchError
        If the folder is not there, is in memory, or is full.
    """

    device = torch.device("cpu")

    def __init__(self, folder: Path, *, block_bytes: int = BLOCK_BYTES) -> None:
        self._folder = folder
        self._block_bytes = block_bytes
        self._maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
        check_is_disk(folder)

    def zeros(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return an array of zeros; raises ScratchError where the disk has no room for it."""
        mapped = self._map(int(np.prod(shape)) * dtype.itemsize)
        return torch.frombuffer(mapped, dtype=dtype, count=int(np.prod(shape))).view(shape)

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return an array of zeros: a new file has no others."""
        return self.zeros(shape, dtype)

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return the same as an array of numpy."""
        count = int(np.prod(shape))
        return np.frombuffer(self._map(count * dtype.itemsize), dtype, count).reshape(shape)

    def rows(self, tensor: Tensor) -> Iterator[slice]:
        """Part a picture or a vector into blocks; pages are handed back after each."""
        length = tensor.shape[max(0, tensor.ndim - 2)]
        step = max(1, self._block_bytes * length // max(1, tensor.nbytes))
        for first in range(0, length, step):
            yield slice(first, min(length, first + step))
            self.breathe()

    def breathe(self) -> None:
        """Hand the pages of all arrays back to the system."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for mapped in list(self._maps):
                mapped.madvise(mmap.MADV_DONTNEED)

    def build(
        self, shape: tuple[int, ...], dtype: torch.dtype, part: Callable[[slice], Tensor]
    ) -> Tensor:
        """Return an array of which a function tells each block."""
        built = self.zeros(shape, dtype)
        for rows in self.rows(built):
            block(built, rows).copy_(part(rows))
        return built

    def _map(self, size: int) -> mmap.mmap:
        try:
            with tempfile.TemporaryFile(prefix=_PREFIX, dir=self._folder) as file:
                _take_room(file.fileno(), max(1, size), self._folder)
                mapped = mmap.mmap(file.fileno(), max(1, size))
        except OSError as error:
            if is_out_of_memory(error):
                raise
            raise ScratchError(_refusal(self._folder, size, error)) from error
        self._maps.add(mapped)
        return mapped


def check_is_disk(folder: Path) -> None:
    """Raise ScratchError if a folder is not there, cannot be written, or lies in memory."""
    try:
        with tempfile.TemporaryFile(prefix=_PREFIX, dir=folder):
            pass
    except OSError as error:
        raise ScratchError(_refusal(folder, 0, error)) from error
    if file_system(folder) in _IN_MEMORY:
        raise ScratchError(
            f"{folder} is not on a disk but in memory, which the scratch files are to save; "
            "choose a folder on a disk with --scratch or the environment variable TMPDIR"
        )


def file_system(folder: Path) -> str:
    """Return the type of a folder's file system, "" where the system does not say."""
    real = Path(os.path.realpath(folder))
    found = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    return next((found[each] for each in (real, *real.parents) if each in found), "")


def _take_room(descriptor: int, size: int, folder: Path) -> None:
    """Give an empty file its size and its room on the disk."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.ftruncate(descriptor, size)


def _refusal(folder: Path, size: int, error: OSError) -> str:
    room = f" for {-(-size // 1_000_000)} MB" if size else ""
    advice = "on a disk with more room" if error.errno in DISK_FULL else "that can be written"
    return (
        f"scratch files{room} cannot be written to {folder.absolute()}: "
        f"{error.strerror or error}. Choose a folder {advice}, with --scratch."
    )
