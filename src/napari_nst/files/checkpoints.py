"""Checkpoints on disk: one file that holds all that an unfinished run needs to go on.

A checkpoint is a safetensors file: 8 bytes with the length of the header, the header in JSON, the
data of the tensors. The header's `__metadata__` holds

    sha256       of the whole file, computed with these 64 digits as zeros
    head_sha256  of `head`, so that a head can be trusted without reading the data
    head         JSON: format, record, history, seconds, total, state (tensors by name), note

It is written under a temporary name in pieces, synced to the disk and then renamed, so that a crash
leaves the checkpoint before it. It contains no pickle. This module does not import torch.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt

from napari_nst.errors import CheckpointError, ConfigError, ImageError, shown
from napari_nst.files.decode.kinds import open_file
from napari_nst.files.disk import appearing_whole
from napari_nst.files.outputs import disk_errors_translated
from napari_nst.settings.json_reader import check_format, parse_json
from napari_nst.settings.record import RunRecord
from napari_nst.settings.results import LossPoint

FORMAT = 1
"""Number of the format of the head; `napari_nst.core.run` has one of its own for the state."""

PIECE_BYTES = 1 << 24
"""Most bytes that are held at a time while data is written or checked."""

PREVIEW = "preview"
"""Entry of a checkpoint: the picture, shape (H, W, 3), uint8, at most 128 px a side."""

LONG_S, EVERY_S = 300, 60
"""Runs that are estimated to take longer write a checkpoint so often, unless told otherwise."""

_LONGEST_NAME_BYTES = 255
_LENGTH_BYTES, _DIGITS = 8, 64
_START = b'{"__metadata__":{"sha256":"'
_DIGEST_AT = _LENGTH_BYTES + len(_START)
_LONGEST_HEADER_BYTES = 100_000_000
"""safetensors refuses longer ones."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says of its run.

    Parameters
    ----------
    path
        The file, which also holds the tensors.
    record
        As far as the run went; its `reason` is empty.
    history
        The loss at every step so far.
    seconds
        How long the run has taken.
    total
        Steps of the whole run.
    state
        JSON values of `Run.state()`, with names in the place of tensors.
    note
        What the program that wrote it needs beside the run.
    """

    path: Path
    record: RunRecord
    history: tuple[LossPoint, ...]
    seconds: float
    total: int
    state: Any
    note: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A tensor to write.

    Parameters
    ----------
    name
        Its name in the file.
    dtype
        As safetensors spells it: "F32", "BF16", "U8".
    itemsize
        Bytes of an element.
    shape
        Its shape.
    pieces
        Its bytes, in order.
    """

    name: str
    dtype: str
    itemsize: int
    shape: tuple[int, ...]
    pieces: Iterable[memoryview]

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor."""
        return self.itemsize * math.prod(self.shape)


def checkpoint_path(output: Path) -> Path:
    """Return where the checkpoint of a run is kept: beside its picture, OUT.png.checkpoint.

    Each picture has one of its own, also where only the suffixes differ; it lies beside the target
    of a link.
    """
    target = Path(os.path.realpath(output))
    name = f"{target.name}.checkpoint"
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
        name = f"napari-nst-{_short_hash(target)}.checkpoint"
    return target.with_name(name)


def lock_path(output: Path) -> Path:
    """Return the file that a run locks while it is about to write `output`."""
    target = Path(os.path.realpath(output))
    return target.with_name(f".napari-nst-{_short_hash(target)}.lock")


def remove_checkpoint(path: Path) -> None:
    """Delete a checkpoint, and what a killed program left of the next one.

    Raises
    ------
    CheckpointError
        If it cannot be deleted.
    """
    with _disk_errors(path, "deleted"):
        for each in (path, path.with_name(_part_name(path))):
            each.unlink(missing_ok=True)


def write_checkpoint(checkpoint: Checkpoint, entries: Sequence[Entry]) -> None:
    """Write or replace the file of a checkpoint.

    Parameters
    ----------
    checkpoint
        Its path, and what goes into the head.
    entries
        The tensors.

    Raises
    ------
    CheckpointError
        If the disk refuses; the checkpoint before it is unchanged and no part is left.
    """
    path = checkpoint.path
    # Aligned: the widest elements come first, and the header's length is a multiple of 8.
    entries = sorted(entries, key=lambda entry: -entry.itemsize)
    header = _header(_head(checkpoint), entries)
    with (
        _disk_errors(path, "written"),
        appearing_whole(path, part=_part_name(path)) as part,
        open(part, "wb") as file,
    ):
        digest = hashlib.sha256()
        for piece in _pieces(header, entries):
            digest.update(piece)
            file.write(piece)
        file.seek(_DIGEST_AT)
        file.write(digest.hexdigest().encode())
        file.flush()
        os.fsync(file.fileno())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what a checkpoint says of its run, without the tensors.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged, of a newer version or another program's file.
    """
    text = _read_head(path)
    try:
        values = parse_json(text, f"the head of {path}")
        check_format(values.get("format"), f"the contents of {path}", newest=FORMAT)
        return Checkpoint(
            path,
            RunRecord.from_dict(values["record"]),
            tuple(_point(each) for each in values["history"]),
            float(values["seconds"]),
            int(values["total"]),
            values["state"],
            dict(values["note"]),
        )
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(path) from error


def check_same_settings(checkpoint: Checkpoint, asked: Mapping[str, Any]) -> None:
    """Raise CheckpointError unless settings, by name, are those of a checkpoint's run."""
    config = checkpoint.record.config
    for name, value in asked.items():
        if (before := getattr(config, name)) != value:
            raise CheckpointError(
                f"{checkpoint.path} is of a run with {name} {shown(before)}, and {shown(value)} "
                "was asked for; leave it out to go on, or run again from the start"
            )


def verify_checkpoint(path: Path) -> None:
    """Read the whole file of a checkpoint and compare its hash.

    Raises
    ------
    CheckpointError
        If any byte is not the one that was written.
    """
    with _opened(path) as file:
        start = file.read(_DIGEST_AT + _DIGITS)
        digest = hashlib.sha256(start[:_DIGEST_AT] + b"0" * _DIGITS)
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    if digest.hexdigest().encode() != start[_DIGEST_AT:]:
        raise _damaged(path)


def read_array(path: Path, name: str) -> npt.NDArray[Any]:
    """Read one array of a checkpoint that is no tensor of the state; CheckpointError if it cannot.

    Parameters
    ----------
    path
        The checkpoint.
    name
        The name of its entry.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            array: npt.NDArray[Any] = file.get_tensor(name)
            return array
    except (OSError, SafetensorError) as error:
        raise _damaged(path) from error


def _head(checkpoint: Checkpoint) -> str:
    values = {
        "format": FORMAT,
        "record": checkpoint.record.to_dict(),
        "history": [astuple(point) for point in checkpoint.history],
        "seconds": checkpoint.seconds,
        "total": checkpoint.total,
        "state": checkpoint.state,
        "note": checkpoint.note,
    }
    return json.dumps(values, allow_nan=False, separators=(",", ":"))


def _header(head: str, entries: Sequence[Entry]) -> bytes:
    """Return length and header, with zeros for the digits of the hash."""
    metadata = {"sha256": "0" * _DIGITS, "head_sha256": _hash_of(head), "head": head}
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for entry in entries:
        begin, end = end, end + entry.nbytes
        offsets = [begin, end]
        header[entry.name] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": offsets,
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text


def _pieces(header: bytes, entries: Sequence[Entry]) -> Iterator[bytes | memoryview]:
    yield header
    for entry in entries:
        yield from entry.pieces


def _read_head(path: Path) -> str:
    with _opened(path) as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        header = file.read(min(length, _LONGEST_HEADER_BYTES))
    if not header.startswith(_START):
        raise _foreign(path)
    try:
        metadata = json.loads(header)["__metadata__"]
        head: str = metadata["head"]
        intact = len(header) == length and metadata["head_sha256"] == _hash_of(head)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path) from error
    if not intact:
        raise _damaged(path)
    return head


def _point(values: Sequence[Any]) -> LossPoint:
    iteration, scale, loss, terms, seconds = values
    return LossPoint(iteration, scale, loss, dict(terms), seconds)


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _short_hash(target: Path) -> str:
    """Hash a name, which may itself be as long as the disk allows."""
    return hashlib.sha256(os.fsencode(os.path.normcase(target.name))).hexdigest()[:16]


def _part_name(path: Path) -> str:
    """Return the same temporary name each time: who goes on replaces what a killed run left."""
    return f".napari-nst-{_short_hash(path)}.part"


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with open_file(path) as file:
            yield file
    except ImageError as error:
        raise CheckpointError(f"there is no checkpoint to go on from: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def _disk_errors(path: Path, what: str) -> Iterator[None]:
    try:
        with disk_errors_translated(path):
            yield
    except ImageError as error:
        raise CheckpointError(str(error).replace("cannot be written", f"cannot be {what}")) from (
            error
        )


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged: its contents are not those that were written. The run cannot go on "
        "from it; delete it and run again from the start"
    )


def _foreign(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is not a checkpoint of napari-nst; move it elsewhere, or name another output"
    )
