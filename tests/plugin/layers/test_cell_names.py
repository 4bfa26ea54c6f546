"""Names in the cells of a grid."""

import math

from hypothesis import given
from hypothesis import strategies as st

from napari_nst.plugin.layers.cell_names import columns_for, font_size, is_cut

names = st.lists(st.integers(1, 60).map("n".__mul__), min_size=1, max_size=9)
sizes = st.tuples(st.floats(100, 3000), st.floats(100, 3000))


@given(names, sizes)
def test_columns_are_at_most_naparis_and_pictures_do_not_become_tiny(names, size):
    columns, usual = columns_for(names, size), math.ceil(math.sqrt(len(names)))
    assert 1 <= columns <= usual

    def side(columns):
        return min(size[0] / math.ceil(len(names) / columns), size[1] / columns)

    assert side(columns) >= 0.6 * side(usual)


@given(names, sizes)
def test_names_that_fit_in_naparis_own_grid_change_nothing(names, size):
    usual = math.ceil(math.sqrt(len(names)))
    if not any(is_cut(name, size[1] / usual) for name in names):
        assert columns_for(names, size) == usual


@given(names, st.floats(60, 2000))
def test_a_name_that_is_not_cut_fits_at_its_size(names, width):
    size = font_size(names, width)
    assert 5 <= size <= 9
    if not any(is_cut(name, width) for name in names):
        assert size * 0.97 * max(map(len, names)) <= width - 24 + 1e-6
