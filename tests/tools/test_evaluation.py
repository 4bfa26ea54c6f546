import math

import numpy as np
import pytest
import torch
from tools.train_features.evaluate import table
from tools.train_features.frontier import (
    AVERAGE,
    Candidate,
    Course,
    best_edges,
    closest,
    edges_at,
    finished,
    painted,
    reach,
)
from tools.train_features.report import frontier_rows
from tools.train_features.shares import coarse_share, pulls
from tools.train_features.yardsticks import YARDSTICKS, StyleGap, edge_correlation, fit

from napari_nst import StyleConfig
from napari_nst.weights import load

RNG = np.random.default_rng(3)
NOISE = RNG.integers(0, 255, (48, 64, 3), dtype=np.uint8)
STRIPES = np.broadcast_to(
    (np.sin(np.arange(64) / 2) * 100 + 128).astype(np.uint8)[None, :, None], (48, 64, 3)
)


@pytest.mark.parametrize("yardstick", YARDSTICKS)
def test_a_style_is_at_no_distance_from_itself_and_stripes_are_far_from_noise(yardstick):
    gap = StyleGap(STRIPES)
    assert gap.distances(STRIPES)[yardstick] == pytest.approx(0, abs=1e-9)
    moved = gap.distances(np.roll(STRIPES, 3, 1))[yardstick]
    assert moved < gap.distances(NOISE)[yardstick] / 3


def test_edges_correlate_with_themselves_and_not_with_noise():
    assert edge_correlation(STRIPES, STRIPES) == pytest.approx(1)
    assert abs(edge_correlation(STRIPES, NOISE)) < 0.2


def test_edges_at_a_distance_lie_between_the_steps_around_it():
    distances, edges = [1.0, 0.8, 0.4], [1.0, 0.9, 0.5]
    assert edges_at(distances, edges, 0.6) == pytest.approx(0.7)
    assert edges_at(distances, edges, 0.8) == pytest.approx(0.9)
    assert edges_at(distances, edges, 1.0) == pytest.approx(1.0)
    assert math.isnan(edges_at(distances, edges, 0.3))


def course(distances, edges):
    return Course(distances, dict.fromkeys(YARDSTICKS, distances), edges)


def test_the_frontier_is_the_best_of_all_strengths():
    gentle, bold = course([1.0, 0.8], [1.0, 0.95]), course([1.0, 0.8, 0.4], [1.0, 0.7, 0.3])
    assert best_edges([gentle, bold], "strokes", 0.8) == pytest.approx(0.95)
    assert best_edges([gentle, bold], "strokes", 0.4) == pytest.approx(0.3)
    assert math.isnan(best_edges([gentle, bold], "strokes", 0.2))
    assert closest([gentle, bold], "strokes") == 0.4


def test_finished_pictures_of_rising_strength_are_a_course_from_the_content_on():
    gentle, bold = course([1.0, 0.8], [1.0, 0.9]), course([1.0, 0.7, 0.4], [1.0, 0.95, 0.5])
    line = finished([gentle, bold])
    assert line == course([1.0, 0.8, 0.4], [1.0, 0.9, 0.5])
    assert reach([line], "strokes", 0.95) == pytest.approx(0.9)
    assert reach([bold], "strokes", 0.95) == 0.7


def test_reach_is_the_nearest_that_keeps_so_many_edges():
    gentle, bold = course([1.0, 0.8], [1.0, 0.95]), course([1.0, 0.7, 0.4], [1.0, 0.9, 0.3])
    assert reach([gentle, bold], "strokes", 0.95) == 0.8
    assert reach([gentle, bold], "strokes", 0.92) == pytest.approx(0.76)
    assert reach([gentle, bold], "strokes", 0.9) == 0.7
    assert reach([gentle, bold], "strokes", 0.2) == 0.4


def test_each_yardstick_counts_alike_in_their_average():
    mixed = Course(
        [1.0], {"strokes": [1.0, 0.9], "patterns": [1.0, 0.6], "patches": [1.0, 0.3]}, []
    )
    assert mixed.along(AVERAGE) == pytest.approx([1.0, 0.6])
    assert closest([mixed], AVERAGE) == pytest.approx(0.6)


def test_means_are_over_the_pairs_that_all_candidates_brought_there():
    far, near = course([1.0, 0.5], [1.0, 0.5]), course([1.0, 0.85], [1.0, 0.9])
    runs = {
        ("a", "x"): {"one": {30.0: (far, NOISE)}, "other": {30.0: (far, NOISE)}},
        ("a", "y"): {"one": {30.0: (far, NOISE)}, "other": {30.0: (near, NOISE)}},
    }
    rows = frontier_rows(runs, "strokes", lambda courses: courses)
    assert rows["mean"]["0.6, one"] == pytest.approx(0.6)
    assert rows["pairs there"]["0.6, one"] == 2
    assert rows["pairs there"]["0.6, other"] == 1
    assert "| - |" in table(rows)


def test_a_run_done_before_is_read_and_not_repeated(tmp_path):
    one = Candidate("untrained", load("untrained"))
    config = StyleConfig.preset("gatys", size=48, steps=2)
    arguments = (one, ("noise", "stripes"), (NOISE, STRIPES), config, 30.0, tmp_path)
    first, picture = painted(*arguments)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again, same = painted(*arguments)
    assert again == first
    assert np.array_equal(picture, same)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert first.own[0] == first.edges[0] == 1.0


def test_fitting_changes_the_size_and_not_the_colour():
    flat = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    assert np.array_equal(fit(flat, NOISE), np.full((48, 64, 3), (200, 100, 50), np.uint8))


def test_a_flat_gradient_is_all_coarse_and_a_chequered_one_not_at_all():
    flat = torch.ones(1, 3, 16, 32)
    chequered = torch.ones(16, 32)
    chequered[::2, ::2] = chequered[1::2, 1::2] = -1
    assert coarse_share(flat) == pytest.approx(1)
    assert coarse_share(chequered.expand(1, 3, 16, 32)) == pytest.approx(0)
    mixed = flat + chequered
    assert coarse_share(mixed) == pytest.approx(0.5**0.5)


def test_every_style_layer_pulls_at_the_picture():
    found = pulls(load("untrained"))
    assert all(pull.strength > 0 and 0 < pull.coarse <= 1 for pull in found.values())
