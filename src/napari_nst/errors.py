"""Errors for users: each says what was expected, what came and what to do.

Errors derive from ``Exception``, never from ``RuntimeError``: napari's threads
swallow a ``RuntimeError`` raised inside a generator (see ``plugin.runs.worker``).
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class NstError(Exception):
    """Base of the errors that this package raises."""


class ConfigError(NstError, ValueError):
    """A setting is unknown, out of range or does not fit the others."""


class ImageError(NstError, ValueError):
    """A picture has a shape, dtype or range that cannot be stylised."""


class CheckpointError(NstError, ValueError):
    """A checkpoint cannot be written, is damaged, or is of another run or a newer version."""


class DeviceError(NstError):
    """The requested device or precision is not available on this machine."""


@dataclass(frozen=True)
class Remedy:
    """A change of settings with which a run fits into memory.

    Parameters
    ----------
    label
        A short name: "1024 px", "Adam".
    changes
        Fields of StyleConfig and their new values.
    """

    label: str
    changes: dict[str, Any]


class DeviceMemoryError(NstError):
    """A run does not fit into the device's memory.

    Parameters
    ----------
    message
        What happened and what to do.
    remedies
        Changes that would fit, the mildest first.
    """

    def __init__(self, message: str, remedies: Sequence[Remedy] = ()) -> None:
        super().__init__(message)
        self.remedies = tuple(remedies)


class TooLargeError(DeviceMemoryError):
    """A run was refused before it started, because it would not fit into memory."""


class ClusterError(NstError):
    """A cluster cannot be reached, has no fitting workers, or lost them during a run."""


class ScratchError(NstError):
    """The folder for scratch files is missing, full, or in memory itself."""


class WeightsError(NstError):
    """VGG-19 weights are missing, of another network, or damaged."""


class DivergedError(NstError):
    """The loss of a run was not finite, and its picture is of no use to what comes next."""


class DownloadError(WeightsError):
    """Downloading weights failed; no damaged file is left on disk."""


class DownloadCancelled(DownloadError):
    """The user cancelled the download; the received part is kept for a resume."""


DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of an OSError that mean that a disk has no more room for a file."""

_OUT_OF_MEMORY = (
    *("out of memory", "can't allocate memory", "bad_alloc"),
    # oneDNN keeps its status to itself; kernels that it has made before it can make again.
    *("could not create a primitive", "could not execute a primitive"),
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of Python, numpy or torch means that memory ran out.

    Checks names and messages: torch raises its own class on a GPU and a bare RuntimeError on the
    host, and this module does not import torch.
    """
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(each in text for each in _OUT_OF_MEMORY)
    )


def shown(value: object, limit: int = 80) -> str:
    """Return the shortened repr of a value for a message.

    The repr of an integer of 5,000 digits raises, that of nested lists may overflow the stack, and
    a list of a million numbers is too long for a message.
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
