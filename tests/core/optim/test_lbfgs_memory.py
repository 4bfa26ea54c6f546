"""What L-BFGS remembers: the table for GPUs gives the directions that the pairs give."""

from functools import partial

import pytest
import torch

from napari_nst.core.optim import lbfgs_memory as pairs
from napari_nst.core.optim.lbfgs_memory import Pairs, PairTable
from napari_nst.core.store.store import InMemory

VALUES = 3 * 700


def directions(kind, history, dtype, steps=25):
    """Walk over pairs of a bent bowl, more than the history holds, and give every direction."""
    generator = torch.Generator().manual_seed(0)
    bowl = torch.rand(VALUES, generator=generator) + 0.2
    past = kind(VALUES, history, dtype=dtype, store=InMemory())
    for _ in range(steps):
        change = torch.randn(VALUES, generator=generator)
        bend = bowl * change + 0.05 * change.roll(1)
        past.add(change, bend, float(bend.dot(change)))
        gradient = torch.randn(VALUES, generator=generator)
        yield past.direction(gradient, scale=0.7)


@pytest.mark.parametrize("history", [1, 4, 12, 30])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-4), (torch.bfloat16, 1e-3)])
def test_the_table_gives_what_the_pairs_give(history, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(pairs, "_PIECE", 800)  # so that there are three pieces, one shorter
    both = (directions(kind, history, dtype) for kind in (Pairs, PairTable))
    for one_by_one, at_once in zip(*both, strict=True):
        assert (at_once - one_by_one).norm() < tolerance * one_by_one.norm()


@pytest.mark.parametrize("kind", [Pairs, PairTable])
def test_without_pairs_it_goes_straight_down(kind):
    past = kind(VALUES, 3, dtype=torch.float32, store=InMemory())
    gradient = torch.arange(VALUES, dtype=torch.float32)
    torch.testing.assert_close(past.direction(gradient, 0.5), -0.5 * gradient)


def test_a_direction_may_be_asked_for_again():
    past = PairTable(VALUES, 3, dtype=torch.float32, store=InMemory())
    change = torch.linspace(-1, 1, VALUES)
    past.add(change, 2 * change, float(2 * change.dot(change)))
    first, second = (past.direction(change, 1.0) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", [Pairs, PairTable])
@pytest.mark.parametrize("known", [0, 1, 3, 14, 25])
def test_a_memory_loaded_from_its_state_gives_the_same_directions(kind, dtype, known):
    generator = torch.Generator().manual_seed(3)
    make = partial(kind, VALUES, 12, dtype=dtype, store=InMemory())
    memories = [make()]
    for step in range(known + 5):
        if step == known:
            memories.append(make())
            memories[1].load(memories[0].state())
        s, gradient = torch.randn((2, VALUES), generator=generator)
        y = 0.5 * s + 0.05 * s.roll(1)
        directions = []
        for memory in memories:
            memory.add(s, y, float(y.dot(s)))
            directions.append(memory.direction(gradient, 0.7))
        assert torch.equal(directions[0], directions[-1])
