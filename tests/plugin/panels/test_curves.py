import numpy as np

from napari_nst.plugin.panels.curves import (
    MOST_POINTS,
    Curve,
    change_marks,
    decades_of,
    scale_marks,
    term_lines,
    thinned,
    total_line,
)
from napari_nst.settings.record import SteeringEvent
from napari_nst.settings.results import LossPoint


def points(count):
    return [
        LossPoint(i + 1, 0, 100.0 - i % 50, {"content": 1.0, "tv": 0.0}, i) for i in range(count)
    ]


def test_a_long_curve_is_thinned_and_keeps_both_ends():
    many = points(12_345)
    kept = thinned(many)
    assert len(kept) <= MOST_POINTS + 1
    assert (kept[0], kept[-1]) == (many[0], many[-1])


def test_a_short_curve_is_drawn_whole():
    assert thinned(points(MOST_POINTS)) == points(MOST_POINTS)
    assert thinned([]) == []


def test_what_has_no_logarithm_is_a_gap():
    bad = [
        LossPoint(1, 0, 5.0, {}, 0),
        LossPoint(2, 0, 0.0, {}, 0),
        LossPoint(3, 0, float("nan"), {}, 0),
    ]
    steps, losses = total_line(bad)
    np.testing.assert_array_equal(steps, [1, 2, 3])
    np.testing.assert_array_equal(losses, [5, np.nan, np.nan])


def test_terms_without_weight_are_left_out():
    assert set(term_lines(points(3))) == {"loss", "content"}
    assert term_lines([]) == {}


def test_a_scale_is_marked_at_its_first_step():
    history = [LossPoint(i, (i - 1) // 3, 1.0, {}, 0.0) for i in range(1, 8)]
    marks = scale_marks(history)
    assert [(mark.step, mark.text) for mark in marks] == [(4, "scale 2"), (7, "scale 3")]


def test_steering_is_marked_at_the_step_it_first_concerns():
    events = [
        SteeringEvent(10, "style_strength", 2.0),
        SteeringEvent(20, "style_layer_weights", (1, 2)),
    ]
    marks = change_marks(events)
    assert [(mark.step, mark.text) for mark in marks] == [
        (11, "style strength 2"),
        (21, "style layer weights 1,2"),
    ]


def test_a_legend_gets_short_names():
    assert Curve("a" * 50, ()).short_name == "a" * 25 + "…"
    assert Curve("harbour", ()).short_name == "harbour"


def test_a_term_of_nearly_nothing_does_not_press_the_others_flat():
    points = [LossPoint(1, 0, 5.0, {"content": 1e-9}, 0), LossPoint(2, 0, 4.0, {"content": 0.1}, 0)]
    np.testing.assert_array_equal(term_lines(points)["content"][1], [np.nan, 0.1])


def test_the_axis_goes_from_decade_to_decade():
    assert decades_of([np.array([20.0, np.nan]), np.array([3e4])]) == (1, 5)
    assert decades_of([np.array([100.0])]) == (2, 3)
    assert decades_of([np.array([np.nan])]) is None
