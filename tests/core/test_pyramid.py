import pytest

from napari_nst.core.pyramid import scale_sizes, split_steps, style_pixels, style_size
from napari_nst.settings.config import StyleConfig


def test_single_has_one_scale() -> None:
    assert scale_sizes((300, 400), StyleConfig()) == [(300, 400)]


def test_down_to_goes_down_by_the_ratio_while_at_least_the_smallest_scale() -> None:
    config = StyleConfig(pyramid="down_to", min_scale=128)
    assert scale_sizes((384, 512), config) == [
        (96, 128),
        (136, 181),
        (192, 256),
        (272, 362),
        (384, 512),
    ]
    assert scale_sizes((128, 100), config) == [(128, 100)]
    assert scale_sizes((64, 64), config) == [(64, 64)]


def test_crowsonkb_at_128_px_has_one_scale_and_smaller_min_scale_or_ratio_more() -> None:
    config = StyleConfig.preset("crowsonkb", size=128, steps=18)
    assert scale_sizes((96, 128), config) == [(96, 128)]
    assert split_steps(1, config) == [18]
    two = config.replace(min_scale=91)
    assert scale_sizes((96, 128), two) == [(68, 91), (96, 128)]
    assert split_steps(2, two) == [12, 6]
    assert scale_sizes((96, 128), config.replace(min_scale=32, scale_ratio=2.0)) == [
        (24, 32),
        (48, 64),
        (96, 128),
    ]


def test_the_default_preset_goes_coarse_to_fine_with_ever_fewer_steps() -> None:
    config = StyleConfig.preset("default")
    sizes = scale_sizes((384, 512), config)
    assert sizes == [(96, 128), (192, 256), (384, 512)]
    steps = split_steps(len(sizes), config)
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == 3


def test_scales_too_thin_for_the_deepest_layer_are_left_out() -> None:
    config = StyleConfig.preset("default")
    assert scale_sizes((40, 512), config) == [(20, 256), (40, 512)]
    shallow = config.replace(style_layers=("relu1_1",), content_layers=("relu4_1",))
    assert scale_sizes((40, 512), shallow) == [(10, 128), (20, 256), (40, 512)]


def test_until_within_halves_until_the_short_side_fits() -> None:
    config = StyleConfig(pyramid="until_within", min_scale=1023, scale_ratio=2.0)
    assert scale_sizes((3000, 4000), config) == [(750, 1000), (1500, 2000), (3000, 4000)]
    assert scale_sizes((1023, 4000), config) == [(1023, 4000)]


@pytest.mark.parametrize(
    ("count", "steps", "expected"),
    [
        (2, 18, [12, 6]),
        (1, 18, [18]),
        (3, None, [1000, 500, 500]),
        (3, 2, [0, 1, 1]),
        (5, 7, [3, 1, 1, 1, 1]),
    ],
)
def test_steps_are_shared_in_the_presets_proportions(
    count: int, steps: int | None, expected: list[int]
) -> None:
    config = StyleConfig(scale_steps=(1000, 500), steps=steps)
    assert split_steps(count, config) == expected


def test_style_gets_the_contents_longest_side_times_the_factor() -> None:
    config = StyleConfig(style_scale=0.5)
    assert style_size((400, 200), (300, 512), config) == (256, 128)
    assert style_size((40, 20), (300, 512), config) == (256, 128)
    assert style_size((40, 20), (300, 512), config.replace(style_fit="shrink")) == (40, 20)


def test_short_side_shrinks_only_styles_that_are_clearly_larger() -> None:
    config = StyleConfig(style_fit="short_side")
    assert style_size((320, 500), (300, 512), config) == (320, 500)
    assert style_size((600, 900), (300, 512), config) == (300, 450)


def test_style_pixels_say_how_much_finer_strokes_become() -> None:
    config, result = StyleConfig(style_scales=(1.0, 0.5)), (300, 400)
    assert style_pixels((600, 800), result, config) == 2
    assert style_pixels((600, 800), result, config, 1) == 4
    assert style_pixels((100, 200), result, config) == 0.5
    assert style_pixels((100, 200), result, config.replace(style_fit="shrink")) == 1
    assert style_pixels((300, 500), (300, 400), config.replace(style_fit="short_side")) == 1
    turned = StyleConfig(style_rotations=(90.0, 45.0))
    assert style_pixels((600, 800), result, turned) == 2
    assert style_pixels((600, 800), result, turned, 1) == pytest.approx(1400 / 2**0.5 / 400, 1e-3)
