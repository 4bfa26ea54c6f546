import numpy as np
import pytest
from tools.paint_samples import PAINTERS

from napari_nst import samples


@pytest.mark.parametrize("name", PAINTERS)
def test_a_style_is_the_same_for_the_same_seed_and_another_for_another(name):
    paint = PAINTERS[name]
    first, again, other = paint(96, seed=5), paint(96, seed=5), paint(96, seed=6)
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 2


@pytest.mark.parametrize("name", samples.STYLES)
def test_the_shipped_file_is_what_the_program_paints_but_for_jpeg(name):
    difference = samples.style(name).astype(float) - PAINTERS[name]()
    assert np.sqrt(np.mean(difference**2)) < 7
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.5
