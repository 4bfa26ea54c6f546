"""Keep the C library's heap during a run and return it to the system afterwards.

glibc maps every large block anew and unmaps it when freed; the system then clears each page again
at its first touch, in every layer of every step. Kept, the same pages serve all steps: a step takes
5 to 20 % less time. Other C libraries are left as they are.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_MOST = 2**31 - 1
_HELD_BYTES = 9 << 20
"""Blocks of this size and above go back to the system. Those of every step at 512 px are smaller:
512 channels in float32, as Gram matrices in eight parts or as content features, take 8 MiB."""

_GROWN_BYTES = 32 << 20
"""Where glibc's own, adaptive threshold for mapped blocks ends up in programs like this one."""


@contextmanager
def held_heap() -> Iterator[None]:
    """Keep freed memory in the process until the block ends."""
    _set(_MMAP_THRESHOLD, _HELD_BYTES)
    _set(_TRIM_THRESHOLD, _MOST)
    try:
        yield
    finally:
        _set(_MMAP_THRESHOLD, _GROWN_BYTES)
        _set(_TRIM_THRESHOLD, 2 * _GROWN_BYTES)
        give_memory_back()


def give_memory_back() -> None:
    """Return freed memory to the system.

    glibc keeps what was freed below anything that is still alive: ten megabytes a run.
    """
    if libc := _glibc():
        libc.malloc_trim(0)


def _set(parameter: int, value: int) -> None:
    if libc := _glibc():
        libc.mallopt(parameter, value)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
