"""What L-BFGS remembers of past steps, and the direction that follows from it.

    d = -H g by the two-loop recursion over the last (s, y), H₀ = scale

`Pairs` does it pair by pair, a sum and the next product in one pass. `PairTable` works with inner
products alone (Chen et al., "Large-scale L-BFGS using MapReduce", 2014): a GPU then passes over the
pairs twice, and is waited for once, where pair by pair it is waited for at each of them.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

BLOCK_PAIRS = 10
"""Pairs are kept in blocks: single ones come to lie in gaps that the network's layers leave, and
the layers of the next step then find none."""

_Addend = tuple[Tensor, float]
_PIECE = 1 << 18
_PARTS, _ALIGNED = 256, 8


class _Past:
    """What both ways of remembering are told.

    Parameters
    ----------
    values
        Length of s and y.
    history
        How many pairs there may be.
    dtype
        In which they are kept.
    device
        Where.
    """

    def __init__(
        self, values: int, history: int, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._values = values
        self._history = history
        self._dtype = dtype
        self._device = device


class Pairs(_Past):
    """The last pairs, one by one. Parameters as for `_Past`."""

    def __init__(
        self, values: int, history: int, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        super().__init__(values, history, dtype=dtype, device=device)
        self._pairs: deque[tuple[Tensor, float]] = deque()
        self._unused: list[Tensor] = []

    def add(self, change: Tensor, bend: Tensor, curvature: float) -> None:
        """Remember s, y and sᵀy in the place of the oldest."""
        kept = self._room()
        kept[0].copy_(change)
        kept[1].copy_(bend)
        self._pairs.append((kept, 1 / curvature))

    def direction(self, gradient: Tensor, scale: float) -> Tensor:
        """Give -H g."""
        direction = gradient.neg()
        shares: list[float] = []
        last: _Addend | None = None
        for (change, bend), inverse in reversed(self._pairs):
            shares.append(_add_and_multiply(direction, last, change) * inverse)
            last = bend, -shares[-1]
        _add(direction, last)
        direction.mul_(scale)
        last = None
        for (change, bend), inverse in self._pairs:
            share = _add_and_multiply(direction, last, bend) * inverse
            last = change, shares.pop() - share
        _add(direction, last)
        return direction

    def _room(self) -> Tensor:
        """Find room for a pair, shape (2, values): the oldest one's where the history is full."""
        if len(self._pairs) == self._history:
            return self._pairs.popleft()[0]
        if not self._unused:
            count = min(BLOCK_PAIRS, self._history - len(self._pairs))
            shape = (count, 2, self._values)
            self._unused = [*torch.empty(shape, dtype=self._dtype, device=self._device)]
        return self._unused.pop()


def _add_and_multiply(direction: Tensor, addend: _Addend | None, other: Tensor) -> float:
    """Add to a direction, and give the sum's inner product with another kept vector."""
    kept, factor = ([], 0.0) if addend is None else ([addend[0]], addend[1])
    products = []
    for piece, multiplied, *added in _pieces(direction, other, *kept):
        for each in added:
            piece.add_(each, alpha=factor)
        products.append(multiplied.dot(piece))
    return float(torch.stack(products).sum())


def _add(direction: Tensor, addend: _Addend | None) -> None:
    if addend is not None:
        for piece, added in _pieces(direction, addend[0]):
            piece.add_(added, alpha=addend[1])


def _pieces(direction: Tensor, *kept: Tensor) -> Iterator[list[Tensor]]:
    """Part vectors alike; kept ones of fewer bits are widened a piece at a time, in the cache."""
    length = len(direction) if kept[0].dtype == direction.dtype else _PIECE
    for pieces in zip(*(torch.split(vector, length) for vector in (direction, *kept)), strict=True):
        yield [piece.to(direction.dtype) for piece in pieces]


class PairTable(_Past):
    """The last pairs as rows of tables, and all their inner products.

    The k-th pair has rows 2k and 2k + 1, counted over the tables. Parameters as for `_Past`.
    """

    def __init__(
        self, values: int, history: int, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        super().__init__(values, history, dtype=dtype, device=device)
        self._tables: list[Tensor] = []
        self._order: deque[tuple[int, float]] = deque()
        self._products: NDArray[np.float64] = np.zeros((0, 0))
        self._fresh: Tensor | None = None

    def add(self, change: Tensor, bend: Tensor, curvature: float) -> None:
        """Remember s, y and sᵀy in the place of the oldest."""
        if len(self._order) == self._history:
            pair, _ = self._order.popleft()
        else:
            pair = len(self._order)
        if 2 * pair == len(self._products):
            self._grow()
        self._order.append((pair, 1 / curvature))
        self._fresh = self._rows(pair)
        self._fresh[0, : self._values] = change
        self._fresh[1, : self._values] = bend

    def direction(self, gradient: Tensor, scale: float) -> Tensor:
        """Give -H g."""
        if not self._order:
            return gradient.neg().mul_(scale)
        with_gradient = self._multiplied_with(gradient)
        shares, own = np.zeros(len(self._products)), -1.0

        def dot(row: int) -> float:
            return float(self._products[row] @ shares + own * with_gradient[row])

        at_first = []
        for pair, inverse in reversed(self._order):
            at_first.append(inverse * dot(2 * pair))
            shares[2 * pair + 1] -= at_first[-1]
        shares, own = shares * scale, own * scale
        for pair, inverse in self._order:
            shares[2 * pair] += at_first.pop() - inverse * dot(2 * pair + 1)
        return self._sum_of(shares).add_(gradient, alpha=own)

    def _multiplied_with(self, gradient: Tensor) -> NDArray[np.float64]:
        """Multiply all rows with a gradient, and take in the products with the fresh pair."""
        columns = functional.pad(self._split(gradient), (0, self._width - self._values))
        if self._fresh is not None:
            columns = torch.cat([columns, self._fresh])
        found = torch.cat([_products(table, columns) for table in self._tables])
        products = found.double().cpu().numpy()
        if self._fresh is not None:
            pair, _ = self._order[-1]
            for row, column in ((2 * pair, -2), (2 * pair + 1, -1)):
                self._products[row, :] = self._products[:, row] = products[:, column]
            products, self._fresh = products[:, :-2], None
        summed: NDArray[np.float64] = products.sum(1)
        return summed

    def _sum_of(self, shares: NDArray[np.float64]) -> Tensor:
        """Add up all rows, each times its share."""
        wide = torch.promote_types(self._dtype, torch.float32)
        coefficients = self._split(torch.as_tensor(shares, dtype=wide)).to(self._device)
        parts = torch.split(coefficients, [len(table) for table in self._tables], dim=1)
        total = torch.zeros(self._width, dtype=wide, device=self._device)
        for part, table in zip(parts, self._tables, strict=True):
            total += _wide(part, table).sum(0)
        return total[: self._values]

    def _split(self, vector: Tensor) -> Tensor:
        """Part a vector into rows of the tables' dtype that add up to it."""
        if self._dtype == vector.dtype:
            return vector[None]
        rounded = vector.to(self._dtype)
        return torch.stack([rounded, (vector - rounded).to(self._dtype)])

    @property
    def _width(self) -> int:
        """Length of a row: that of s, filled up to whole, aligned parts."""
        step = _PARTS * _ALIGNED
        return -(-self._values // step) * step

    def _grow(self) -> None:
        count = min(BLOCK_PAIRS, self._history - len(self._order))
        shape = (2 * count, self._width)
        self._tables.append(torch.zeros(shape, dtype=self._dtype, device=self._device))
        self._products = np.pad(self._products, (0, 2 * count))

    def _rows(self, pair: int) -> Tensor:
        table, place = divmod(pair, BLOCK_PAIRS)
        return self._tables[table][2 * place : 2 * place + 2]


def _products(table: Tensor, columns: Tensor) -> Tensor:
    """Multiply rows (r, n) with rows (c, n): (r, c) in float32, part by part in parallel."""
    left, right = (rows.view(len(rows), _PARTS, -1) for rows in (table, columns))
    return _wide(left.transpose(0, 1), right.permute(1, 2, 0)).sum(0)


def _wide(left: Tensor, right: Tensor) -> Tensor:
    """Multiply matrices; what 16-bit ones give is added up, and handed over, in float32."""
    multiply = torch.bmm if left.ndim == 3 else torch.mm
    if left.dtype.itemsize > 2:
        return multiply(left, right)
    if left.is_cuda and torch.__version__ >= "2.8":
        return multiply(left, right, out_dtype=torch.float32)
    return multiply(left.float(), right.float())
