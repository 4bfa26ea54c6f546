"""Count the memory and work of a computation by running it on tensors without data.

Tensors on torch's "meta" device have a shape and no content. Under an OpCounter the engine itself
runs on them. The counter sees every allocation and operation, so its counts always match what the
engine does.
"""

from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from napari_nst.planning.meta_kernels import result_of, tensors_in


@dataclass(frozen=True)
class Work:
    """The work of a computation.

    Parameters
    ----------
    multiplications
        In convolutions and matrix products.
    moved_bytes
        Read and written by all other operations.
    operations
        Number of calls, each with a small constant cost.
    """

    multiplications: float = 0.0
    moved_bytes: float = 0.0
    operations: float = 0.0

    def __add__(self, other: Self) -> "Work":
        return Work(
            self.multiplications + other.multiplications,
            self.moved_bytes + other.moved_bytes,
            self.operations + other.operations,
        )

    def __mul__(self, times: float) -> "Work":
        return Work(self.multiplications * times, self.moved_bytes * times, self.operations * times)

    def __sub__(self, other: "Work") -> "Work":
        return self + other * -1


class OpCounter(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch's own hook
    """Counts allocated bytes and work of everything inside ``with counter:``.

    Attributes
    ----------
    peak_bytes
        The most bytes allocated at once since `start_peak`.
    work
        Total work so far.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: True would import torch's compiler, which takes 10 s."""
        return False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes = 0
        self.work = Work()
        self._known: dict[int, tuple[StorageWeakRef, int]] = {}
        self._known_bytes = 0

    @property
    def live_bytes(self) -> int:
        """Bytes allocated now."""
        for key in [key for key, (storage, _) in self._known.items() if _is_gone(storage)]:
            self._known_bytes -= self._known.pop(key)[1]
        return self._known_bytes

    def start_peak(self) -> None:
        """Reset the peak to the current memory."""
        self.peak_bytes = self.live_bytes

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's OpOverload
        types: Any,  # noqa: ANN401 - of the tensors' subclasses; unused
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - what the operation gives
        """Run one operation without data, and count it."""
        result = result_of(func, args, kwargs or {})
        if not func.is_view:
            made = tensors_in(result)
            self._count(func, tensors_in((args, kwargs)), made)
            for tensor in made:
                self._note(tensor)
        return result

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known and not _is_gone(self._known[key][0]):
            return
        if key in self._known:
            self._known_bytes -= self._known.pop(key)[1]
        self._known[key] = StorageWeakRef(storage), size  # type: ignore[no-untyped-call]
        self._known_bytes += size
        # Freed tensors are still in the sum. Removing them is slow, so only at a new maximum.
        if self._known_bytes > self.peak_bytes:
            self.peak_bytes = max(self.peak_bytes, self.live_bytes)

    def _count(self, func: Any, given: list[Tensor], made: list[Tensor]) -> None:  # noqa: ANN401
        name = func._schema.name
        if name in _PRODUCTS:
            self.work += Work(_multiplications(name, given, made[0]), 0, 1)
        else:
            moved = sum(tensor.numel() * tensor.element_size() for tensor in (*given, *made))
            self.work += Work(0, moved, 1)


def _is_gone(storage: StorageWeakRef) -> bool:
    return bool(storage.expired())  # type: ignore[no-untyped-call]


_CONVOLUTIONS = {
    "aten::convolution",
    "aten::cudnn_convolution_relu",
    "mkldnn::_convolution_pointwise",
}
_EIGENVECTORS = "aten::_linalg_eigh"
_EIGENVECTORS_PRODUCTS = 8
"""Cost in matrix products of the same size; measured 7 to 14 for 512 to 128 channels, one core."""

_PRODUCTS = {"aten::mm", "aten::bmm", "aten::addmm", "aten::addmm_", _EIGENVECTORS} | _CONVOLUTIONS


def _multiplications(name: str, given: list[Tensor], made: Tensor) -> float:
    if name in _CONVOLUTIONS:
        return made.numel() * given[1][0].numel()
    if name == _EIGENVECTORS:
        return _EIGENVECTORS_PRODUCTS * len(made) ** 3
    return made.numel() * given[-1].shape[-2]
