import numpy as np
import pytest
from napari.layers import Image

from napari_nst.plugin.placement import Placement


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
