"""Write the state of a run to a checkpoint while it runs, and read it to go on."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_nst.core.loss.objective import PUBLISHED, Balance
from napari_nst.core.optim.optimizer import State
from napari_nst.core.run import Run
from napari_nst.errors import CheckpointError
from napari_nst.files.checkpoints import (
    PIECE_BYTES,
    PREVIEW,
    Checkpoint,
    Entry,
    check_same_settings,
    verify_checkpoint,
    write_checkpoint,
)
from napari_nst.planning.layout import LayoutPlan
from napari_nst.settings.config import StyleConfig, changes, checked_config
from napari_nst.settings.record import RunRecord
from napari_nst.settings.results import LossPoint

logger = logging.getLogger(__name__)

_PREVIEW_PX = 128
_KEY = "$tensor"
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_PICTURES = {"uint8": "U8", "uint16": "U16", "float16": "F16", "float32": "F32", "float64": "F64"}


@dataclass
class Checkpoints:
    """Where and how often a run writes its state; `resume=path` goes on from there.

    The run writes it between two steps, and when it is stopped. A checkpoint that cannot be
    written costs a warning, and the run goes on. The file stays at the end of the run: who keeps
    the result deletes it then.

    Parameters
    ----------
    path
        The file, replaced each time.
    every_s
        Least seconds between two of them; 0 writes one after each step.
    note
        JSON values to keep in it.
    pictures
        Arrays to keep in it, by name: for who cannot bring the run's pictures again.
    is_written
        Whether the file has a checkpoint of this run.
    problem
        Why the last one that failed could not be written; empty if none has.
    is_over
        Set, from any thread, once the file is no longer needed: a stop then writes none.
    """

    path: str | Path
    every_s: float = 60.0
    note: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    is_written: bool = False
    is_over: threading.Event = field(default_factory=threading.Event)
    problem: str = field(default="", init=False)
    _last_at: float = field(default_factory=time.monotonic, init=False)

    def begin(self) -> None:
        """Count the seconds to the next one from now on."""
        self._last_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() - self._last_at >= self.every_s

    def write(
        self, run: Run, record: RunRecord, history: Sequence[LossPoint], seconds: float
    ) -> None:
        """Write the state of a run; a failure is logged, the first of several as a warning.

        Parameters
        ----------
        run
            Between two steps.
        record
            Of the run, without what changes during it.
        history
            The loss at every step so far.
        seconds
            How long it has taken so far.
        """
        record = record.replace(events=tuple(run.events), steps_done=run.done)
        tensors: dict[str, Tensor] = {}
        state = _named(run.state(), tensors)
        tensors[PREVIEW] = _preview(run)
        entries = [_entry(*each, run.breathe) for each in tensors.items()]
        run.breathe()  # the preview has read the whole picture
        entries += [_picture_entry(*each) for each in self.pictures.items()]
        head = record, tuple(history), seconds, run.total, state, dict(self.note)
        try:
            write_checkpoint(Checkpoint(Path(self.path), *head), entries)
        except ValueError as error:  # a CheckpointError, or a number that JSON cannot hold
            level = logging.INFO if self.problem else logging.WARNING
            logger.log(level, "%s The run goes on; the checkpoint before it stays.", error)
            self.problem = str(error)
        else:
            self.is_written = True
        self.begin()


@dataclass(frozen=True)
class Settled:
    """What was "auto" when a run was started, as its record tells.

    Parameters
    ----------
    device
        "cpu", "cuda", "cuda:1" or "mps".
    config
        The settings, with the precision and the layer weights that were chosen.
    balance
        The factors that were measured.
    threads
        CPU threads, which decide about the order of sums.
    layout
        Windows and files, which decide about it too.
    """

    device: str
    config: StyleConfig
    balance: Balance
    threads: int
    layout: LayoutPlan

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Self:
        """Read them from a checkpoint; raises CheckpointError if they are not there."""
        record = checkpoint.record
        try:
            resolved = record.resolved
            balance = Balance(**resolved["balance"])
            return cls(
                str(resolved["device"]),
                record.config.replace(
                    precision=resolved["precision"],
                    style_layer_weights=tuple(resolved["style_layer_weights"]),
                ),
                PUBLISHED if balance == PUBLISHED else balance,
                int(resolved["threads"]),
                LayoutPlan(resolved["tile"], bool(resolved["in_files"]), peak_bytes=0),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{checkpoint.path} does not say how its run was set up ({error!r}); run it again "
                "from the start"
            ) from error

    def device_for(self, asked: str) -> str:
        """Return the device to go on with; raises CheckpointError if another kind is asked for."""
        if asked == "auto":
            return self.device
        if str(asked).partition(":")[0] != self.device.partition(":")[0]:
            raise CheckpointError(
                f"the checkpoint is of a run on {self.device}, and {asked} was asked for; leave "
                "the device out"
            )
        return asked


def check_same_run(
    checkpoint: Checkpoint,
    hashes: Mapping[str, Any],
    config: StyleConfig | None,
    events: Sequence[object],
) -> None:
    """Check that a run may go on from a checkpoint.

    Parameters
    ----------
    checkpoint
        What it goes on from.
    hashes
        Of the pictures that it was given.
    config
        The settings that it was given; None takes those of the checkpoint.
    events
        The steering that it was given; the checkpoint has its own.

    Raises
    ------
    CheckpointError
        If something differs; it says what.
    """
    before = checkpoint.record.hashes
    names = {"content": "content", "styles": "style", "init": "picture to start from"}
    for key, name in names.items():
        if hashes.get(key) != before.get(key):
            raise CheckpointError(
                f"{checkpoint.path} is of a run with another {name}; give the same pictures as "
                "then, or run again from the start"
            )
    if config is not None:
        check_same_settings(checkpoint, changes(checked_config(config), checkpoint.record.config))
    if events:
        raise CheckpointError(
            "a resumed run has its steering from the checkpoint; leave out events"
        )


def check_same_weights(checkpoint: Checkpoint, digest: str, name: str) -> None:
    """Raise CheckpointError unless a run was made with the weights of this SHA-256."""
    record = checkpoint.record
    if record.hashes.get("weights") != digest:
        raise CheckpointError(
            f"{checkpoint.path} is of a run with other weights ({record.weights}) than these "
            f"({name}); give those, or run again from the start"
        )


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch use so many CPU threads during the block; None leaves them as they are."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count is not None:
            torch.set_num_threads(before)


def load_state(checkpoint: Checkpoint) -> State:
    """Return the state that a checkpoint holds; its tensors are mapped from the file.

    Raises
    ------
    CheckpointError
        If any byte of the file is not the one that was written.
    """
    from safetensors import SafetensorError, safe_open

    verify_checkpoint(checkpoint.path)
    try:
        with safe_open(checkpoint.path, framework="pt") as file:
            state: State = _filled(checkpoint.state, file.get_tensor)
            return state
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{checkpoint.path} cannot be read: {error}") from error


def _named(value: Any, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401 - any part of a state
    """Replace the tensors of a state by names, and collect them by these."""
    if isinstance(value, Tensor):
        name = f"state/{len(tensors)}"
        tensors[name] = value.detach()
        return {_KEY: name}
    if isinstance(value, dict):
        return {name: _named(each, tensors) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(each, tensors) for each in value]
    return value


def _filled(value: Any, get: Any) -> Any:  # noqa: ANN401 - any part of a state
    """Undo `_named`; `get` returns the tensor of a name."""
    if isinstance(value, dict):
        if _KEY in value:
            return get(value[_KEY])
        return {name: _filled(each, get) for name, each in value.items()}
    return [_filled(each, get) for each in value] if isinstance(value, list) else value


def _entry(name: str, tensor: Tensor, breathe: Callable[[], None]) -> Entry:
    kind, size = _DTYPES[tensor.dtype], tensor.element_size()
    return Entry(name, kind, size, tuple(tensor.shape), _breathing(_pieces(tensor), breathe))


def _breathing(pieces: Iterable[memoryview], breathe: Callable[[], None]) -> Iterator[memoryview]:
    """Yield pieces, and let each leave memory before the next."""
    for piece in pieces:
        yield piece
        breathe()


def _picture_entry(name: str, picture: npt.NDArray[Any]) -> Entry:
    native = picture.astype(picture.dtype.newbyteorder("<"), copy=False)  # as safetensors reads it
    flat = np.ascontiguousarray(native).reshape(-1).view(np.uint8)
    pieces = (flat[at : at + PIECE_BYTES].data for at in range(0, flat.size, PIECE_BYTES))
    return Entry(name, _PICTURES[picture.dtype.name], picture.itemsize, picture.shape, pieces)


def _pieces(tensor: Tensor) -> Iterator[memoryview]:
    """Yield the bytes of a tensor, of which no copy is made as a whole."""
    if tensor.nbytes <= PIECE_BYTES:
        flat = tensor.contiguous().view(-1)
        yield flat.view(torch.uint8).cpu().numpy().data
    elif tensor.is_contiguous():
        for part in torch.split(tensor.view(-1), PIECE_BYTES // tensor.element_size()):
            yield part.view(torch.uint8).cpu().numpy().data
    else:
        for part in tensor:
            yield from _pieces(part)


def _preview(run: Run) -> Tensor:
    """Return a small picture of the run as it is now, in the colours asked for."""
    stride = math.ceil(max(run.picture.shape[-2:]) / _PREVIEW_PX)
    small = run.picture.detach()[..., ::stride, ::stride].float()
    coloured = run.recoloured(small).clamp(0, 1)
    return (coloured[0].permute(1, 2, 0) * 255).round().to(torch.uint8)
