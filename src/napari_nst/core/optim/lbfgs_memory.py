"""The past steps s and changes of gradient y that L-BFGS keeps, and the direction they give.

    d = -H g by the two-loop recursion over the last (s, y), ρ = 1 / sᵀy, H₀ = scale
    (Nocedal & Wright, "Numerical Optimization", algorithm 7.4)

`Pairs` does it pair by pair, a sum and the next product in one pass. `PairTable` works with inner
products alone (Chen et al., "Large-scale L-BFGS using MapReduce", 2014): a GPU then passes over the
pairs twice and is synchronised once, where `Pairs` synchronises it at each pair.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_nst.core.optim.optimizer import State
from napari_nst.core.store.store import Store, blocks, mapped, total, update

BLOCK_PAIRS = 10
"""Pairs are allocated in blocks: single ones would fill the gaps that the network's layers leave,
and the layers of the next step would find none."""

_Addend = tuple[Tensor, float]
_PIECE = 1 << 18
_PARTS, _ALIGNED = 256, 8


class Pairs:
    """The last pairs, one by one.

    Parameters
    ----------
    values
        Length of s and y.
    history
        How many pairs are kept.
    dtype
        Of the pairs that are kept.
    store
        Where they lie.
    """

    def __init__(self, values: int, history: int, *, dtype: torch.dtype, store: Store) -> None:
        self._values = values
        self._history = history
        self._dtype = dtype
        self._store = store
        self._pairs: deque[tuple[Tensor, float]] = deque()
        self._unused: list[Tensor] = []

    def add(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Keep s, y and their product, in the place of the oldest where the history is full."""
        self._keep((s, y), 1 / curvature)

    def direction(self, gradient: Tensor, scale: float) -> Tensor:
        """Compute -H g."""
        store = self._store
        direction = mapped(store, torch.neg, gradient)
        alphas: list[float] = []
        last: _Addend | None = None
        for (s, y), rho in reversed(self._pairs):
            alphas.append(_add_and_multiply(store, direction, last, s) * rho)
            last = y, -alphas[-1]
        _add(store, direction, last)
        update(store, lambda part: part.mul_(scale), direction)
        last = None
        for (s, y), rho in self._pairs:
            beta = _add_and_multiply(store, direction, last, y) * rho
            last = s, alphas.pop() - beta
        _add(store, direction, last)
        return direction

    def state(self) -> State:
        """Return the pairs, oldest first; they are overwritten when they are the oldest."""
        return {"pairs": [pair for pair, _ in self._pairs], "rho": [rho for _, rho in self._pairs]}

    def load(self, state: State) -> None:
        """Copy in what `state` returned; there may be no pairs yet."""
        for pair, rho in zip(state["pairs"], state["rho"], strict=True):
            self._keep(pair, rho)

    def _keep(self, pair: Tensor | tuple[Tensor, Tensor], rho: float) -> None:
        kept = self._room()
        for whole, given in zip(kept, pair, strict=True):
            update(self._store, lambda part, other: part.copy_(other), whole, given)
        self._pairs.append((kept, rho))

    def _room(self) -> Tensor:
        """Find room for a pair, shape (2, values): the oldest one's where the history is full."""
        if len(self._pairs) == self._history:
            return self._pairs.popleft()[0]
        if not self._unused:
            count = min(BLOCK_PAIRS, self._history - len(self._pairs))
            shape = (count, 2, self._values)
            self._unused = [*self._store.empty(shape, self._dtype)]
        return self._unused.pop()


def _add_and_multiply(
    store: Store, direction: Tensor, addend: _Addend | None, other: Tensor
) -> float:
    """Add to a direction in place; return the sum's inner product with another kept vector."""
    kept, factor = ([], 0.0) if addend is None else ([addend[0]], addend[1])

    def product(direction: Tensor, other: Tensor, *kept: Tensor) -> Tensor:
        products = []
        for piece, multiplied, *added in _pieces(direction, other, *kept):
            for each in added:
                piece.add_(each, alpha=factor)
            products.append(multiplied.dot(piece))
        return torch.stack(products).sum()

    return total(store, product, direction, other, *kept)


def _add(store: Store, direction: Tensor, addend: _Addend | None) -> None:
    if addend is None:
        return
    kept, factor = addend
    for parts in blocks(store, direction, kept):
        for piece, added in _pieces(*parts):
            piece.add_(added, alpha=factor)


def _pieces(direction: Tensor, *kept: Tensor) -> Iterator[list[Tensor]]:
    """Split vectors alike; 16-bit ones are converted a piece at a time, in the cache."""
    length = len(direction) if kept[0].dtype == direction.dtype else _PIECE
    for pieces in zip(*(torch.split(vector, length) for vector in (direction, *kept)), strict=True):
        yield [piece.to(direction.dtype) for piece in pieces]


class PairTable:
    """The last pairs as rows of tables, and all their inner products.

    The k-th pair has rows 2k (s) and 2k + 1 (y), counted over the tables. Parameters as for
    `Pairs`.
    """

    def __init__(self, values: int, history: int, *, dtype: torch.dtype, store: Store) -> None:
        self._values = values
        self._history = history
        self._dtype = dtype
        self._device = store.device
        self._tables: list[Tensor] = []
        self._order: deque[tuple[int, float]] = deque()
        self._products: NDArray[np.float64] = np.zeros((0, 0))
        self._fresh: Tensor | None = None

    def add(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Keep s, y and their product, in the place of the oldest where the history is full."""
        if len(self._order) == self._history:
            pair, _ = self._order.popleft()
        else:
            pair = len(self._order)
        if 2 * pair == len(self._products):
            self._grow()
        self._order.append((pair, 1 / curvature))
        self._fresh = self._rows(pair)
        self._fresh[0, : self._values] = s
        self._fresh[1, : self._values] = y

    def direction(self, gradient: Tensor, scale: float) -> Tensor:
        """Compute -H g, as the coefficients of a sum of all rows and the gradient."""
        if not self._order:
            return gradient.neg().mul_(scale)
        with_gradient = self._multiplied_with(gradient)
        of_rows, of_gradient = np.zeros(len(self._products)), -1.0

        def dot(row: int) -> float:
            return float(self._products[row] @ of_rows + of_gradient * with_gradient[row])

        alphas = []
        for pair, rho in reversed(self._order):
            alphas.append(rho * dot(2 * pair))
            of_rows[2 * pair + 1] -= alphas[-1]
        of_rows, of_gradient = of_rows * scale, of_gradient * scale
        for pair, rho in self._order:
            of_rows[2 * pair] += alphas.pop() - rho * dot(2 * pair + 1)
        return self._sum_of(of_rows).add_(gradient, alpha=of_gradient)

    def state(self) -> State:
        """Return the tables and products; both are overwritten by the next pairs."""
        return {
            "tables": list(self._tables),
            "order": [list(each) for each in self._order],
            "products": torch.from_numpy(self._products),
            "is_fresh": self._fresh is not None,
        }

    def load(self, state: State) -> None:
        """Copy in what `state` returned."""
        self._tables = [table.to(self._device, copy=True) for table in state["tables"]]
        self._order = deque((pair, rho) for pair, rho in state["order"])
        self._products = state["products"].clone().numpy()
        self._fresh = self._rows(self._order[-1][0]) if state["is_fresh"] else None

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

    def _sum_of(self, coefficients: NDArray[np.float64]) -> Tensor:
        """Add up all rows, each times its coefficient."""
        wide = torch.promote_types(self._dtype, torch.float32)
        rows = self._split(torch.as_tensor(coefficients, dtype=wide)).to(self._device)
        parts = torch.split(rows, [len(table) for table in self._tables], dim=1)
        total = torch.zeros(self._width, dtype=wide, device=self._device)
        for part, table in zip(parts, self._tables, strict=True):
            total += _wide(part, table).sum(0)
        return total[: self._values]

    def _split(self, vector: Tensor) -> Tensor:
        """Split a vector into rows of the tables' dtype that add up to it."""
        if self._dtype == vector.dtype:
            return vector[None]
        rounded = vector.to(self._dtype)
        return torch.stack([rounded, (vector - rounded).to(self._dtype)])

    @property
    def _width(self) -> int:
        """Length of a row: that of s, filled up to full, aligned parts."""
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
    """Multiply matrices; products of 16-bit ones are accumulated and returned in float32."""
    multiply = torch.bmm if left.ndim == 3 else torch.mm
    if left.dtype.itemsize > 2:
        return multiply(left, right)
    if left.is_cuda and torch.__version__ >= "2.8":
        return multiply(left, right, out_dtype=torch.float32)
    return multiply(left.float(), right.float())
