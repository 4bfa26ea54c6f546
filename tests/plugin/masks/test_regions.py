import numpy as np
import pytest

from napari_nst.plugin.masks.regions import default_target, too_small
from napari_nst.settings.regions import BLEND, KEEP, Regions

LAYERS = ("relu1_1", "relu3_1", "relu5_1")


def test_with_one_style_the_rest_keeps_the_content():
    assert [default_target(label, 1) for label in range(3)] == [KEEP, 0, 0]


def test_with_two_styles_regions_take_them_in_turn():
    assert [default_target(label, 2) for label in range(4)] == [BLEND, 0, 1, 0]


@pytest.mark.parametrize(
    ("side_px", "first"), [(1, "relu1_1"), (6, "relu3_1"), (30, "relu5_1"), (40, None)]
)
def test_the_first_layer_that_a_region_is_too_small_for_is_named(side_px, first):
    labels = np.zeros((128, 128), np.uint8)
    labels[:side_px, :side_px] = 2
    found = too_small(Regions(labels, {2: 0}), 128, LAYERS)
    assert found == ([] if first is None else [(2, first)])


def test_at_twice_the_size_more_fits():
    labels = np.zeros((128, 128), np.uint8)
    labels[:20, :20] = 1
    assert too_small(Regions(labels, {1: 0}), 128, LAYERS) == [(1, "relu5_1")]
    assert too_small(Regions(labels, {1: 0}), 256, LAYERS) == []


def test_what_keeps_the_content_is_never_too_small():
    labels = np.zeros((128, 128), np.uint8)
    labels[:2, :2] = 1
    assert too_small(Regions(labels, {1: KEEP}), 128, LAYERS) == []
