import math
import threading

import numpy as np
import pytest

from napari_nst.runs.snapshots import SnapshotStore, bytes_of
from napari_nst.settings.results import LossPoint

SHAPE = (8, 10, 3)
FRAME_BYTES = 2 * 8 * 10 * 3
"""A snapshot and its place in the stack."""


def picture(value=0, shape=SHAPE):
    return np.full(shape, value % 256, np.uint8)


def filled(steps, *, budget=100, every=1, loss=lambda step: 1 / step):
    store = SnapshotStore(budget * FRAME_BYTES, every=every)
    for step in steps:
        store.add(step, loss(step), 0, picture(step))
    return store


def steps_of(store):
    return [kept.step for kept in store.kept]


def test_every_nth_step_is_due_and_the_first():
    store = SnapshotStore(10**6, every=10)
    for step in range(1, 41):
        if store.due(step):
            store.add(step, 1.0, 0, picture())
    assert steps_of(store) == [1, 10, 20, 30, 40]


def test_of_steps_that_are_seldom_seen_the_first_from_each_nth_on_is_due():
    store = SnapshotStore(10**6, every=10)
    for step in (7, 9, 13, 18, 41, 44, 50):
        if store.due(step):
            store.add(step, 1.0, 0, picture())
    assert steps_of(store) == [7, 13, 41, 50]


def test_without_an_interval_only_what_is_asked_for_is_kept():
    store = SnapshotStore(10**6, every=None)
    assert not any(store.due(step) for step in range(100))
    store.add(33, 1.0, 0, picture())
    assert steps_of(store) == [33]


@pytest.mark.parametrize("budget", [3, 7, 20])
@pytest.mark.parametrize("total", [21, 300, 1000])
def test_the_budget_holds_after_every_step_and_first_and_last_stay(budget, total):
    store = SnapshotStore(budget * FRAME_BYTES, every=1)
    for step in range(1, total + 1):
        store.add(step, 1 / step, 0, picture())
        assert bytes_of(store.kept) <= store.budget_bytes
        assert steps_of(store)[0] == 1
        assert steps_of(store)[-1] == step
    assert len(store.kept) == min(total, budget)


@pytest.mark.parametrize("budget", [5, 20])
@pytest.mark.parametrize("total", [100, 333, 1000])
@pytest.mark.parametrize("irregular", [False, True])
def test_thinning_leaves_no_gap_wider_than_any_two_neighbouring_ones(budget, total, irregular):
    dice = np.random.default_rng(total)
    strides = dice.integers(1, 4, total) if irregular else np.ones(total, int)
    gaps = np.diff(steps_of(filled(np.cumsum(strides).tolist(), budget=budget)))[:-1]
    assert gaps.max() <= (gaps[1:] + gaps[:-1]).min()


def test_pinned_snapshots_survive_any_thinning():
    store = SnapshotStore(5 * FRAME_BYTES, every=1)
    for step in range(1, 200):
        store.add(step, 1 / step, 0, picture(step), pinned=step in (17, 18))
    assert {1, 17, 18, 199} <= set(steps_of(store))


def test_the_best_snapshot_survives_thinning():
    store = filled(range(1, 200), budget=5, loss=lambda step: abs(step - 42) + 1.0)
    assert store.best().step == 42


def test_pins_beyond_the_budget_are_kept_all_the_same():
    store = SnapshotStore(2 * FRAME_BYTES, every=1)
    for step in range(1, 6):
        store.add(step, 1.0, 0, picture(), pinned=True)
    assert steps_of(store) == [1, 2, 3, 4, 5]


def test_a_step_added_again_replaces_its_picture_and_stays_pinned():
    store = SnapshotStore(10**6)
    store.add(5, 1.0, 0, picture(), pinned=True)
    store.add(5, 0.5, 0, picture(99))
    (kept,) = store.kept
    assert kept.pinned
    assert kept.picture[0, 0, 0] == 99


def test_a_snapshot_learns_its_own_loss_from_the_step_after_it():
    store = filled([3, 6], loss=lambda _: 100.0)
    store.learn([LossPoint(step, 0, float(step), {}, 0.0) for step in range(1, 7)])
    assert [kept.loss for kept in store.kept] == [4.0, 100.0]
    store.learn([LossPoint(7, 0, 7.0, {}, 0.0)])
    assert store.kept[1].label == "Step 6  ·  loss 7"


def test_the_best_is_at_the_final_scale_however_low_the_loss_before():
    store = SnapshotStore(10**6)
    for step, loss, scale in [(1, 0.1, 0), (2, 9.0, 1), (3, 5.0, 1), (4, 6.0, 1)]:
        store.add(step, loss, scale, picture())
    assert store.best().step == 3


def test_the_best_is_of_the_settings_since_the_last_change():
    store = filled(range(1, 7), loss=lambda step: float(step))
    store.mark_change(3)
    assert store.best().step == 4
    store.mark_change(6)
    assert store.best() is None


def test_a_loss_that_is_no_number_is_never_the_best():
    store = filled([1, 2, 3], loss=lambda step: {1: math.nan, 2: math.inf, 3: 7.0}[step])
    assert store.best().step == 3


def test_the_stack_holds_the_pictures_in_their_order():
    store = filled([30, 10, 20])
    stack = store.stack()
    assert stack.shape == (3, *SHAPE)
    assert stack.dtype == np.uint8
    assert list(stack[:, 0, 0, 0]) == [10, 20, 30]


def test_coarse_scales_are_laid_on_the_final_grid():
    store = SnapshotStore(10**6)
    ramp = np.repeat(np.linspace(0, 255, 20).astype(np.uint8)[None, :, None], 16, 0).repeat(3, 2)
    store.add(1, 1.0, 0, np.ascontiguousarray(ramp[::2, ::2]))
    store.add(2, 1.0, 1, picture(200, (16, 20, 3)))
    store.add(3, 1.0, 1, ramp)
    stack = store.stack()
    assert stack.shape == (3, 16, 20, 3)
    np.testing.assert_array_equal(stack[2], ramp)
    assert (stack[1] == 200).all()
    assert np.abs(stack[0].astype(int) - ramp).max() <= 14  # half a coarse pixel of the ramp


def test_a_flat_coarse_picture_keeps_its_colour_on_the_final_grid():
    store = SnapshotStore(10**6)
    for value in (0, 1, 127, 255):
        store.add(value, 1.0, 0, picture(value))
    assert [np.unique(place).tolist() for place in store.stack((16, 20))] == [
        [value] for value in (0, 1, 127, 255)
    ]


def test_opacity_stays_in_the_stack():
    store = SnapshotStore(10**6)
    store.add(1, 1.0, 0, picture(5, (4, 5, 4)))
    assert store.stack((8, 10)).shape == (1, 8, 10, 4)


def test_an_empty_history_has_an_empty_stack_and_no_best():
    store = filled([1])
    store.clear()
    assert len(store.stack()) == 0
    assert store.best() is None


def test_the_budget_counts_what_the_finest_grid_costs_in_the_stack():
    coarse, fine = picture(shape=(4, 5, 3)), picture(shape=(8, 10, 3))
    store = SnapshotStore(10**6)
    store.add(1, 1.0, 0, coarse)
    store.add(2, 1.0, 1, fine)
    assert bytes_of(store.kept) == coarse.nbytes + fine.nbytes + store.stack().nbytes


def test_one_thread_may_read_while_another_fills():
    store = SnapshotStore(6 * FRAME_BYTES, every=1)
    filling = threading.Thread(
        target=lambda: [store.add(step, 1 / step, 0, picture(step)) for step in range(1, 2000)]
    )
    filling.start()
    while filling.is_alive():
        steps = steps_of(store)
        assert steps == sorted(steps)
        assert len(store.stack()) <= 6
    filling.join()
