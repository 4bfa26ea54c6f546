"""The C library's heap, held for a run and given back behind it.

glibc asks the system for every large block anew and hands it back when freed; the system then
clears each page again at its first touch, in every layer of every step. Held, the same pages
serve all steps: a step takes 5 to 20 % less time. Other C libraries are left as they are.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_MOST = 2**31 - 1
_HELD_BYTES = 9 << 20
"""From here up blocks go back to the system. What comes at every step of a picture of 512 px stays
below: 512 channels in float32, as Gram matrices in eight parts or as content, take 8 MiB."""

_GROWN_BYTES = 32 << 20
"""Where glibc's threshold for blocks of their own ends up by itself in programs like this."""


@contextmanager
def held_heap() -> Iterator[None]:
    """Keep what is freed inside of the process until the block ends."""
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
