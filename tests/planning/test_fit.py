import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_nst import StyleConfig, stylize
from napari_nst.core.picture import fit_longest_side
from napari_nst.core.pyramid import scale_sizes, style_size
from napari_nst.errors import ImageError
from napari_nst.planning.estimate import largest_fitting_size, plan_of
from napari_nst.weights import Weights
from tests.core.textbook import thin_vgg

THIN = Weights("thin", {k: v.float() for k, v in thin_vgg(16).items()}, "torchvision", "0")
PYRAMID = StyleConfig(
    pyramid="down_to",
    min_scale=32,
    scale_ratio=2.0,
    steps=3,
    scale_steps=(1,),
    size=128,
    balance="published",
    precision="float32",
)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_scales_at_which_a_style_is_too_thin_are_left_out() -> None:
    content = (128, 128)
    assert scale_sizes(content, PYRAMID, [(128, 128)]) == [(32, 32), (64, 64), (128, 128)]
    assert scale_sizes(content, PYRAMID, [(128, 128), (80, 256)]) == [(64, 64), (128, 128)]
    assert scale_sizes(content, PYRAMID, [(64, 500)]) == [(128, 128)]


def test_a_run_with_a_thin_style_begins_where_the_style_is_wide_enough() -> None:
    plan = plan_of(PYRAMID, (128, 128), (40, 250), "cpu")
    result = stylize(noise(128, 128), noise(40, 250), PYRAMID, weights=THIN, device="cpu")
    assert result.reason == "finished"
    assert result.record.resolved["scales"] == [list(size) for size in plan.sizes]
    assert plan.sizes == [(128, 128)]


@pytest.mark.parametrize(
    ("content", "styles", "message"),
    [
        ((10, 200), [(90, 90)], "the content of 200x10 px, used at 128x6 px, is too small"),
        ((90, 90), [(10, 200)], "the style of 200x10 px, used at 128x6 px, is too small"),
        ((90, 90), [(90, 90), (10, 200)], "style 2 of 200x10 px, used at 128x6 px, is too small"),
    ],
)
def test_a_picture_that_is_too_small_is_named_by_estimate_and_run_alike(
    content: tuple[int, int], styles: list[tuple[int, int]], message: str
) -> None:
    with pytest.raises(ImageError, match=message) as of_estimate:
        plan_of(PYRAMID, content, styles, "cpu")
    arrays = [noise(*size) for size in styles]
    with pytest.raises(ImageError, match=message) as of_run:
        stylize(noise(*content), arrays, PYRAMID, weights=THIN, device="cpu")
    assert str(of_run.value) == str(of_estimate.value)
    assert "drop relu5_1" in str(of_run.value)


def test_a_style_that_would_be_enlarged_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(ImageError, match=r"Lower style_scale, which is 1e\+06"):
        plan_of(PYRAMID.replace(style_scale=1e6), (90, 90), (90, 90), "cpu")
    natural = PYRAMID.replace(style_fit="short_side")
    plan_of(natural, (90, 90), (90, 90_000), "cpu")  # as it is given, it may be that long


SIDES = st.integers(1, 400)
SIZES = st.tuples(SIDES, SIDES)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    content=SIZES,
    styles=st.lists(SIZES, min_size=1, max_size=3),
    changes=st.fixed_dictionaries(
        {
            "size": st.none() | st.integers(16, 400),
            "pyramid": st.sampled_from(["single", "down_to", "until_within"]),
            "min_scale": st.integers(16, 400),
            "scale_ratio": st.floats(1.1, 4),
            "style_fit": st.sampled_from(["longest", "shrink", "short_side"]),
            "style_scale": st.floats(0.01, 20),
            "style_layers": st.sampled_from([("relu5_1",), ("relu1_1", "relu3_1")]),
        }
    ),
)
def test_a_plan_that_is_let_in_has_no_picture_too_small_at_any_scale(
    content: tuple[int, int], styles: list[tuple[int, int]], changes: dict
) -> None:
    config = StyleConfig(**changes)
    try:
        plan = plan_of(config, content, styles, "cpu")
    except ImageError:
        assume(False)
    deepest = 16 if "relu5_1" in config.style_layers else 8
    for scale in plan.sizes:
        used = [scale, *(style_size(style, scale, config) for style in styles)]
        assert min(map(min, used)) >= deepest
    assert plan.sizes[-1] == fit_longest_side(content, config.size)


def test_no_size_is_offered_at_which_a_style_is_too_thin() -> None:
    config = StyleConfig(size=4096, style_fit="longest")
    size = largest_fitting_size(config, (600, 600), (40, 1000), "cpu", free=3 * 10**9)
    assert size is not None
    plan_of(config.replace(size=size), (600, 600), (40, 1000), "cpu")
    with pytest.raises(ImageError, match="style"):
        plan_of(config.replace(size=320), (600, 600), (40, 1000), "cpu")
    assert largest_fitting_size(config, (600, 600), (40, 1000), "cpu", free=10**8) is None
