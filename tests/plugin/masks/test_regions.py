from napari_nst.plugin.masks.regions import default_target
from napari_nst.settings.regions import BLEND, KEEP


def test_with_one_style_the_rest_keeps_the_content():
    assert [default_target(label, 1) for label in range(3)] == [KEEP, 0, 0]


def test_with_two_styles_regions_take_them_in_turn():
    assert [default_target(label, 2) for label in range(4)] == [BLEND, 0, 1, 0]
