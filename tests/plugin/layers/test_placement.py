import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import LayerList
from napari.layers import Image

from napari_nst.plugin.layers.live_layer import LiveLayer
from napari_nst.plugin.layers.placement import Placement


def corners(layer, size):
    """World positions of the outer corners of a plane of `size` pixels."""
    points = [(-0.5, -0.5), (-0.5, size[1] - 0.5), (size[0] - 0.5, -0.5)]
    return np.array([layer.data_to_world(point) for point in points])


@pytest.mark.parametrize("size", [(60, 80), (30, 40), (90, 121), (7, 9)])
def test_a_result_of_any_size_covers_the_content_exactly(size):
    content = Image(
        np.zeros((60, 80, 3), np.uint8),
        rgb=True,
        scale=(0.5, 2.0),
        translate=(7, -3),
        rotate=30,
        shear=[0.25],
        affine=np.array([[1.1, 0.2, 5], [-0.1, 0.9, 2], [0, 0, 1]]),
        units=("um", "um"),
        axis_labels=("y", "x"),
    )
    placement = Placement.of(content, (slice(None), slice(None)), (60, 80))

    picture = np.zeros((*size, 3), np.uint8)
    result = Image(placement.expand(picture), rgb=True, **placement.arguments(size))

    np.testing.assert_allclose(corners(result, size), corners(content, (60, 80)), atol=1e-9)
    assert result.units == content.units
    assert result.axis_labels == content.axis_labels


def test_a_placement_comes_back_from_json():
    stack = Image(
        np.zeros((5, 60, 80)),
        scale=(4, 0.5, 2.0),
        translate=(100, 7, -3),
        rotate=[[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]],
        shear=[0, 0, 0.2],
        affine=np.diag([1.1, 0.9, 2, 1]),
        units=("um", "nm", "nm"),
        axis_labels=("z", "y", "x"),
    )
    before = Placement.of(stack, (3, slice(None), slice(0, 60)), (60, 60))
    after = Placement.from_dict(json.loads(json.dumps(before.to_dict())))
    assert (after.index, after.size) == (before.index, before.size)
    picture = np.zeros((30, 30, 3), np.uint8)
    layers = [
        Image(each.expand(picture), rgb=True, **each.arguments((30, 30)))
        for each in (before, after)
    ]
    points = [[each.data_to_world(point) for point in ((0, 0, 0), (0, 29, 3))] for each in layers]
    np.testing.assert_allclose(*points)
    assert layers[0].units == layers[1].units
    assert layers[0].axis_labels == layers[1].axis_labels


def test_a_slice_of_a_stack_is_covered_at_its_own_position():
    stack = Image(np.zeros((5, 20, 30)), scale=(4, 1, 1), translate=(100, 0, 0))
    placement = Placement.of(stack, (3, slice(None), slice(None)), (20, 30))

    result = Image(
        placement.expand(np.zeros((40, 60, 3), np.uint8)),
        rgb=True,
        **placement.arguments((40, 60)),
    )

    assert result.data.shape == (1, 40, 60, 3)
    np.testing.assert_allclose(
        result.data_to_world((0, -0.5, -0.5)), stack.data_to_world((3, -0.5, -0.5))
    )
    np.testing.assert_allclose(
        result.data_to_world((0, 39.5, 59.5)), stack.data_to_world((3, 19.5, 29.5))
    )


BARE_VIEWER = SimpleNamespace(
    add_image=Image,
    layers=LayerList(),
    canvas=SimpleNamespace(grid=SimpleNamespace(enabled=False)),
    dims=SimpleNamespace(ndisplay=3),
)
"""What a live layer needs of a viewer; a whole one for each example would take minutes."""

FACTORS = st.floats(0.1, 4).flatmap(lambda size: st.sampled_from((size, -size)))
ANGLES = st.one_of(st.sampled_from((0, 90, 180, -90)), st.floats(-360, 360))


@st.composite
def contents(draw, ndim):
    """Draw a layer of `ndim` dimensions with any transform that napari takes."""
    # A layer may be turned in its plane and stand anywhere; napari cannot cut it askew.
    turn, lean = np.eye(ndim), np.eye(ndim)
    angle = np.deg2rad(draw(ANGLES))
    turn[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    lean[draw(st.sampled_from([(-2, -1), (-1, -2)]))] = draw(st.floats(-2, 2))
    affine = np.eye(ndim + 1)
    affine[-3:-1, -3:-1] += draw(st.floats(-0.4, 0.4)) * np.array([[1, 0.5], [-0.5, 1]])
    affine[-3:-1, -1] = draw(st.floats(-50, 50)), draw(st.floats(-50, 50))
    if draw(st.booleans()):
        affine[-2] *= -1
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    return Image(
        np.zeros((5,) * (ndim - 2) + size, np.uint8),
        scale=[draw(FACTORS) for _ in range(ndim)],
        translate=[draw(st.floats(-99, 99)) for _ in range(ndim)],
        rotate=turn,
        shear=lean,
        affine=affine,
    )


def outer_corners(layer, size, *, ahead):
    """World positions of all four outer corners of a plane of `size` pixels."""
    rows, columns = (-0.5, size[0] - 0.5), (-0.5, size[1] - 0.5)
    return np.array([layer.data_to_world((*ahead, row, col)) for row in rows for col in columns])


@pytest.mark.parametrize("ndim", [2, 3, 4])
@given(data=st.data(), sizes=st.lists(st.tuples(*[st.integers(1, 50)] * 2), min_size=3, max_size=3))
@settings(max_examples=40, deadline=None)
def test_the_corners_coincide_under_any_transform_and_at_every_size(ndim, data, sizes):
    content = data.draw(contents(ndim))
    place = tuple(data.draw(st.integers(0, 4)) for _ in range(ndim - 2))
    size = content.data.shape[-2:]
    placement = Placement.of(content, (*place, slice(None), slice(None)), size)
    goal = outer_corners(content, size, ahead=place)

    # The layer of a run grows with each scale: the first picture adds it, the others resize it.
    live = LiveLayer(BARE_VIEWER, "result", placement)
    for own in sizes:
        live.show(np.zeros((*own, 3), np.uint8))
        found = outer_corners(live.layer, own, ahead=(0,) * (ndim - 2))
        np.testing.assert_allclose(found, goal, atol=1e-6)

    stack = Image(
        placement.expand_stack(np.zeros((2, *sizes[0], 3), np.uint8)),
        rgb=True,
        **placement.stack_arguments(sizes[0]),
    )
    found = outer_corners(stack, sizes[0], ahead=(1,) + (0,) * (ndim - 2))
    np.testing.assert_allclose(found[:, 1:], goal, atol=1e-6)
    np.testing.assert_allclose(found[:, 0], 1)
