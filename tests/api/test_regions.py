"""Regions and blends: which part of the picture gets which style."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_nst import (
    Checkpoints,
    RunControl,
    RunRecord,
    StyleConfig,
    StyleResult,
    Stylizer,
    stylize,
)
from napari_nst.api import iter_stylize
from napari_nst.errors import ConfigError
from napari_nst.settings.record import SteeringEvent
from napari_nst.settings.regions import Regions
from tests.api.settings import shallow
from tests.api.test_large import in_files, noise

__all__ = ["in_files"]

CONTENT, ONE, TWO = noise(64, 96, 1), noise(48, 48, 2), noise(48, 56, 3) // 3
HALVES = np.repeat([[1, 2]], 64, 0).repeat(48, 1)


def run(style: Any, regions: Regions | None = None, **changes: Any) -> StyleResult:
    options = {
        name: changes.pop(name)
        for name in ("control", "events", "checkpoints", "resume", "scratch")
        if name in changes
    }
    content = changes.pop("content", CONTENT)
    config = shallow(**({"optimizer": "adam", "learning_rate": 20.0} | changes))
    return stylize(content, style, config, weights="untrained", regions=regions, **options)


def change(result: StyleResult, part: Any = ...) -> float:
    """Measure how far a picture is from the content."""
    return float(np.abs(result.image.astype(float) - CONTENT)[part].mean())


def test_one_region_that_covers_everything_is_the_run_without_regions() -> None:
    plain = run([ONE, TWO])
    everywhere = Regions(np.full((20, 30), 7), {7: "blend"})
    np.testing.assert_array_equal(run([ONE, TWO], everywhere).image, plain.image)
    np.testing.assert_array_equal(run([ONE, TWO], Regions()).image, plain.image)
    only = Regions(np.ones((4, 4), bool), {1: 1}, rest="keep")
    np.testing.assert_array_equal(run([ONE, TWO], only).image, run(TWO).image)


@pytest.mark.parametrize(
    "loss", ["gram", "gram_moments", "gram_paper", "wasserstein", "local_wasserstein"]
)
def test_swapped_labels_swap_regions(loss: str) -> None:
    first = run([ONE, TWO], Regions(HALVES, {1: 0, 2: 1}), style_loss=loss)
    same = run([ONE, TWO], Regions(3 - HALVES, {2: 0, 1: 1}), style_loss=loss)
    other = run([ONE, TWO], Regions(HALVES, {1: 1, 2: 0}), style_loss=loss)
    np.testing.assert_allclose(first.painted, same.painted, atol=1e-3)
    assert np.abs(first.painted - other.painted).mean() > 0.01


def test_each_half_comes_nearer_to_its_own_style() -> None:
    found = run([ONE, TWO], Regions(HALVES, {1: 0, 2: 1}), steps=40, content_weight=0.01).image
    left, right = found[:, :40].mean(), found[:, 56:].mean()
    assert abs(left - ONE.mean()) < abs(left - TWO.mean())
    assert abs(right - TWO.mean()) < abs(right - ONE.mean())


def test_kept_pixels_are_those_of_the_content_and_the_others_are_painted() -> None:
    regions = Regions(HALVES, {1: "keep", 2: 0})
    for changes in ({}, {"init": "noise"}, {"colors": "style"}, {"pyramid": "down_to"}):
        found = run(ONE, regions, min_scale=48, **changes)
        np.testing.assert_array_equal(found.image[:, :47], CONTENT[:, :47])
        assert change(found, np.s_[:, 49:]) > 1


def test_unlabelled_pixels_take_what_the_rest_says() -> None:
    labels = np.where(HALVES == 1, 1, 0)
    by_rest = run([ONE, TWO], Regions(labels, {1: 0}, rest=1))
    by_label = run([ONE, TWO], Regions(HALVES, {1: 0, 2: 1}))
    np.testing.assert_allclose(by_rest.painted, by_label.painted, atol=1e-4)


def test_a_feather_softens_the_edge_of_what_is_kept() -> None:
    hard = run(ONE, Regions(HALVES, {1: "keep", 2: 0}))
    soft = run(ONE, Regions(HALVES, {1: "keep", 2: 0}, feather_px=16))
    np.testing.assert_array_equal(hard.image[:, 40:47], CONTENT[:, 40:47])
    assert (soft.image[:, 40:47] != CONTENT[:, 40:47]).any()
    np.testing.assert_array_equal(soft.image[:, :20], CONTENT[:, :20])


def test_a_style_without_a_share_changes_nothing() -> None:
    for changes in ({}, {"colors": "style", "scale_grain": 1.0, "pyramid": "down_to"}):
        changes |= {"min_scale": 48}
        alone, beside = run(ONE, **changes), run([(ONE, 2.0), (TWO, 0)], **changes)
        np.testing.assert_array_equal(beside.image, alone.image)
        assert beside.record.config.blend == (2.0, 0)


def test_two_equal_styles_are_the_one() -> None:
    exact = {"precision": "float64"}
    alone, twice = run(ONE, **exact), run([(ONE, 0.3), (ONE, 1)], **exact)
    np.testing.assert_allclose(twice.painted, alone.painted, atol=1e-6)


def test_shares_lead_from_one_style_to_the_other() -> None:
    one, mostly_one, mostly_two, two = (
        run([(ONE, 1 - share), (TWO, share)]).painted for share in (0, 0.2, 0.8, 1)
    )
    assert np.abs(mostly_one - one).mean() < np.abs(mostly_one - two).mean()
    assert np.abs(mostly_two - two).mean() < np.abs(mostly_two - one).mean()


def test_where_the_content_mask_is_black_the_style_is_freer() -> None:
    mask = np.where(HALVES == 1, 255, 0).astype(np.uint8)
    strong = {"content_weight": 100.0, "steps": 20}
    plain, masked = run(ONE, **strong), run(ONE, Regions(content_mask=mask), **strong)
    white = run(ONE, Regions(content_mask=mask | 255), **strong)
    np.testing.assert_array_equal(white.image, plain.image)
    assert change(masked, np.s_[:, 56:]) > 1.2 * change(plain, np.s_[:, 56:])


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_repainting_acts_from_the_next_step_and_is_replayed(optimizer: str) -> None:
    settings = {"steps": 9} | ({"learning_rate": 1.0} if optimizer == "lbfgs" else {})
    first, second = Regions(HALVES, {1: 0, 2: "keep"}), Regions(HALVES, {1: "keep", 2: 1})
    control = RunControl()
    config = shallow(**({"optimizer": optimizer, "learning_rate": 20.0} | settings))
    steps = iter_stylize(
        CONTENT, [ONE, TWO], config, weights="untrained", regions=first, control=control
    )
    seen = []
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: StyleResult = end.value
            break
        seen.append(step.image())
        if step.iteration == 4:
            control.repaint(second)
    np.testing.assert_array_equal(seen[3][:, 49:], CONTENT[:, 49:])
    assert (seen[-1][:, 49:] != CONTENT[:, 49:]).any()
    np.testing.assert_array_equal(seen[4][:, :47], CONTENT[:, :47])
    record = RunRecord.from_json(result.record.to_json())
    assert [(each.step, each.field) for each in record.events] == [(4, "regions")]
    assert record.regions == first
    assert record.ending_regions == second
    again = stylize(
        CONTENT,
        [ONE, TWO],
        record.config,
        weights="untrained",
        regions=record.regions,
        events=record.events,
    )
    np.testing.assert_array_equal(again.image, result.image)


def test_a_resumed_run_keeps_what_was_repainted(tmp_path: Path) -> None:
    control, place = RunControl(), tmp_path / "state"
    config = shallow(optimizer="adam", learning_rate=20.0, steps=8)
    options = {"weights": "untrained", "regions": Regions(HALVES, {1: 0, 2: "keep"})}
    steps = iter_stylize(
        CONTENT,
        [ONE, TWO],
        config,
        control=control,
        checkpoints=Checkpoints(place, every_s=0),
        **options,
    )
    for step in steps:
        if step.iteration == 3:
            control.repaint(Regions(HALVES, {1: 1, 2: 0}, feather_px=3))
            control.steer(blend=(1.0, 2.0))
        if step.iteration == 5:
            steps.close()
            break
    resumed = stylize(CONTENT, [ONE, TWO], None, weights="untrained", resume=place)
    record = resumed.record
    whole = stylize(CONTENT, [ONE, TWO], config, events=record.events, **options)
    assert {each.field for each in record.events} == {"regions", "blend"}
    np.testing.assert_array_equal(resumed.image, whole.image)


@pytest.mark.usefixtures("in_files")
def test_regions_in_files_paint_the_same_picture(tmp_path: Path) -> None:
    content = noise(88, 120, 1, 4)
    labels = np.arange(6).repeat(20)[None].repeat(30, 0) % 4
    regions = Regions(
        labels, {1: 0, 2: 1, 3: "keep"}, feather_px=5, content_mask=np.linspace(0, 1, 120)[None]
    )
    settings = {"content": content, "precision": "float64", "colors": "style", "steps": 4}
    whole = run([ONE, TWO], regions, **settings)
    filed = run([ONE, TWO], regions, tile=64, scratch=tmp_path, **settings)
    assert filed.record.resolved["in_files"]
    assert np.abs(filed.image.astype(int) - whole.image).max() <= 1
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_refused_before_the_run() -> None:
    for regions, words in (
        (Regions(HALVES, {1: 2}), "label 1 is to get style 3"),
        (Regions(HALVES, {1: "keep", 2: "keep"}), "every region keeps"),
        (Regions(HALVES, {1: 0}, style_labels=(HALVES,)), "labels for 1 styles"),
        (HALVES, "regions are a Regions"),
    ):
        with pytest.raises(ConfigError, match=words):
            iter_stylize(CONTENT, [ONE, TWO], shallow(), weights="untrained", regions=regions)
    with pytest.raises(ConfigError, match="3 shares, and the run has 2"):
        iter_stylize(CONTENT, [ONE, TWO], shallow(blend=(1, 2, 3)), weights="untrained")
    with pytest.raises(ConfigError, match="some styles have a share"):
        iter_stylize(CONTENT, [(ONE, 1), TWO], shallow(), weights="untrained")
    control = RunControl()
    steps = iter_stylize(CONTENT, [ONE, TWO], shallow(), weights="untrained", control=control)
    next(steps)
    with pytest.raises(ConfigError, match="the run has 2"):
        control.steer(blend=(1.0,))
    with pytest.raises(ConfigError, match="style 4"):
        control.repaint(Regions(HALVES, {1: 3}))
    next(steps)
    steps.close()


def test_a_region_too_small_for_a_layer_is_named_and_its_other_layers_carry_it() -> None:
    labels = np.zeros((64, 96), int)
    labels[:3, :3] = 1
    regions = Regions(labels, {1: 1}, rest=0)
    config = StyleConfig.preset("gatys")
    assert regions.vanishing((64, 96), config.style_layers) == {
        1: ["relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    }
    assert np.isfinite(run([ONE, TWO], regions).painted).all()


def picture_of(values: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([values, alpha])


@pytest.mark.parametrize("loss", ["gram", "local_wasserstein"])
def test_what_is_transparent_in_a_style_takes_no_part(loss: str) -> None:
    opaque = np.full(ONE.shape[:2], 255, np.uint8)
    plain = run(picture_of(ONE, opaque), style_loss=loss)
    np.testing.assert_array_equal(plain.image, run(ONE, style_loss=loss).image)
    alpha = opaque.copy()
    alpha[:, 24:] = 0
    both = np.where(alpha[..., None] > 0, ONE, TWO[:, :48])
    cut = run(picture_of(both, alpha), style_loss=loss)
    half = run(ONE[:, :24], style_loss=loss, style_fit="short_side", style_scale=10.0)
    whole = run(both, style_loss=loss, style_fit="short_side", style_scale=10.0)
    near = run(picture_of(both, alpha), style_loss=loss, style_fit="short_side", style_scale=10.0)
    assert np.isfinite(cut.painted).all()
    off, error = (np.abs(each.painted - half.painted).mean() for each in (whole, near))
    assert error < 0.5 * off


def test_a_turned_style_is_the_style_turned_beforehand() -> None:
    wide = noise(40, 64, 5)
    turned = run(wide, style_rotations=(90,), style_fit="short_side", style_scale=10.0)
    before = run(np.rot90(wide), style_fit="short_side", style_scale=10.0)
    np.testing.assert_array_equal(turned.image, before.image)
    assert np.isfinite(run(wide, style_rotations=(30.0,)).painted).all()
    np.testing.assert_array_equal(run(wide, style_rotations=(-360,)).image, run(wide).image)


def test_labels_over_a_style_are_turned_with_it() -> None:
    parts = np.repeat([[1, 2]], 48, 0).repeat(24, 1)
    turned, before = (
        run(
            style,
            Regions(HALVES, {1: 0, 2: 0}, style_labels=(labels,)),
            style_rotations=(angle,),
            style_fit="short_side",
            style_scale=10.0,
        ).image
        for style, labels, angle in ((ONE, parts, 90), (np.rot90(ONE), np.rot90(parts), 0))
    )
    np.testing.assert_array_equal(turned, before)


def test_each_style_has_a_scale() -> None:
    half, both = {"style_scale": 0.5}, {"style_scales": (0.5, 2.0)}
    np.testing.assert_array_equal(run(ONE, **half).image, run([(ONE, 1), (TWO, 0)], **both).image)


def test_one_style_gives_the_fine_texture_and_another_the_coarse() -> None:
    fine, coarse = {"style_layers": ("relu1_1",)}, {"style_layers": ("relu3_1",)}
    detail = {"style_detail": ("fine", "coarse")}
    np.testing.assert_array_equal(run([ONE, TWO], **detail, **fine).image, run(ONE, **fine).image)
    np.testing.assert_array_equal(
        run([ONE, TWO], **detail, **coarse).image, run(TWO, **coarse).image
    )
    layers = {"style_layers": ("relu1_1", "relu3_1")}
    mixed = run([ONE, TWO], **detail, **layers).painted
    assert all(np.abs(run(each, **layers).painted - mixed).mean() > 1e-3 for each in (ONE, TWO))


THREE = {"style_layers": ("relu1_1", "relu2_1", "relu3_1")}


def painted(detail: tuple[str, ...], **changes: Any) -> NDArray[Any]:
    return run([ONE, TWO], style_detail=detail, steps=3, **THREE, **changes).painted


def test_factors_that_are_all_equal_change_nothing() -> None:
    same = "relu1_1:0.5+relu2_1:0.5+relu3_1:0.5"
    for detail in (("all", "all"), (same, same), ("fine+coarse", "all:1")):
        np.testing.assert_array_equal(painted(detail), painted(()))


@pytest.mark.parametrize("loss", ["gram", "wasserstein", "local_wasserstein"])
def test_a_style_counts_only_at_the_layer_that_it_gives(loss: str) -> None:
    split = painted(("all+relu2_1:0", "relu2_1"), style_loss=loss)
    np.testing.assert_array_equal(
        painted(("relu1_1+relu3_1", "all:0+relu2_1:3"), style_loss=loss), split
    )
    assert np.abs(painted((), style_loss=loss) - split).mean() > 1e-4
    alone = {"style_layers": ("relu2_1",), "style_loss": loss, "steps": 3}
    np.testing.assert_array_equal(
        run([ONE, TWO], style_detail=("relu2_1:0", "relu2_1"), **alone).painted,
        run(TWO, **alone).painted,
    )


@pytest.mark.parametrize("tile", [0, 32])
def test_two_equal_styles_with_complementary_factors_are_the_one(tile: int) -> None:
    regions = Regions(HALVES, {1: "blend", 2: 1})
    half = ("relu1_1:0.2+relu2_1:0.7", "relu1_1:0.8+relu2_1:0.3+relu3_1")
    for where in (None, regions):
        twice = [ONE, ONE.copy()]
        both = run(twice, where, style_detail=half, steps=3, tile=tile, **THREE)
        one = run(twice, where, steps=3, tile=tile, **THREE)
        assert np.abs(both.painted - one.painted).mean() < 1e-4  # Adam amplifies rounding


def test_factors_hold_by_windows_and_repeat_from_the_record() -> None:
    detail = ("relu1_1:0.2+relu2_1:0.7", "coarse")
    whole = run([ONE, TWO], style_detail=detail, steps=1, **THREE)
    tiled = run([ONE, TWO], style_detail=detail, steps=1, tile=32, **THREE)
    assert tiled.record.resolved["tile"] == 32
    assert tiled.history[0].loss == pytest.approx(whole.history[0].loss, rel=1e-4)
    record = RunRecord.from_json(whole.record.to_json())
    again = stylize(CONTENT, [ONE, TWO], record.config, weights="untrained")
    np.testing.assert_array_equal(again.image, whole.image)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style_detail": ("relu9_1:1", "all")}, "or style layers such as .* got 'relu9_1'"),
        ({"style_detail": ("relu5_1", "all")}, "the style layers are relu1_1, relu2_1"),
        ({"style_detail": ("relu1_1:x", "all")}, "a factor in style_detail is a number .* 'x'"),
        ({"style_detail": ("fine:-1", "all")}, "from 0 to 1000; got '-1'"),
        ({"style_detail": ("fine:nan", "all")}, "from 0 to 1000; got 'nan'"),
        ({"style_scales": (1.0,)}, "style_scales has 1 values, and the run has 2 styles"),
        ({"style_detail": ("fine",)}, "style_detail has 1 values"),
        (
            {"style_detail": ("fine", "rough")},
            "style_detail is all, .* got 'rough'",
        ),
    ],
)
def test_settings_of_each_style_are_as_many_as_styles(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        iter_stylize(CONTENT, [ONE, TWO], shallow(**changes), weights="untrained")


def test_masks_are_copied_and_stay_as_they_were() -> None:
    mask = np.zeros((4, 6), np.uint8)
    regions = Regions(mask, {1: 0}, content_mask=mask)
    before = regions.digest
    mask[:] = 1
    assert regions.digest == before
    assert regions.labels is not None
    with pytest.raises(ValueError, match="read-only"):
        regions.labels[:] = 1


def test_labels_over_a_style_of_another_shape_are_other_labels() -> None:
    stylizer = Stylizer(weights="untrained")
    config = shallow(optimizer="adam", learning_rate=20.0)
    found, alone = [], []
    for labels in ([[1, 0]], [[1], [0]]):
        regions = Regions(np.ones((2, 2), int), {1: 0}, style_labels=(labels,))
        found.append(stylizer.stylize(CONTENT, ONE, config, regions=regions).image)
        alone.append(run(ONE, regions).image)
    assert (found[0] != found[1]).any()
    np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("change", ["regions", "blend"])
@pytest.mark.parametrize("init", ["noise", "content"])
def test_a_resumed_run_has_the_colours_of_what_was_repainted(
    tmp_path: Path, change: str, init: str
) -> None:
    control, place = RunControl(), tmp_path / "state"
    settings = {"colors": "style", "pyramid": "down_to", "min_scale": 48, "init": init}
    config = shallow(optimizer="adam", learning_rate=20.0, steps=8, **settings)
    options = {"weights": "untrained", "regions": Regions(HALVES, {1: 0, 2: 1})}
    checkpoints = Checkpoints(place, every_s=0)
    steps = iter_stylize(
        CONTENT, [ONE, TWO], config, control=control, checkpoints=checkpoints, **options
    )
    for step in steps:
        if step.iteration == 2 and change == "regions":
            control.repaint(Regions(HALVES, {1: 1, 2: 0}))
        if step.iteration == 2 and change == "blend":
            control.steer(blend=(5.0, 1.0))
        if step.iteration == 4:
            steps.close()
            break
    resumed = stylize(CONTENT, [ONE, TWO], None, weights="untrained", resume=place)
    events = resumed.record.events
    whole = stylize(CONTENT, [ONE, TWO], config, events=events, **options)
    np.testing.assert_array_equal(resumed.image, whole.image)


def test_repainting_again_and_again_leaves_soft_edges_as_they_are_painted() -> None:
    regions = Regions(HALVES, {1: "keep", 2: 0}, feather_px=40)
    control = RunControl()
    config = shallow(optimizer="adam", learning_rate=20.0, steps=12)
    steps = iter_stylize(
        CONTENT, ONE, config, weights="untrained", regions=regions, control=control
    )
    for step in steps:
        image = step.image()
        if step.iteration >= 6:
            control.repaint(regions)
    plain = run(ONE, regions, steps=12).image
    zone = np.s_[:, 40:70]
    moved, expected = (np.abs(each.astype(float) - CONTENT)[zone].mean() for each in (image, plain))
    assert moved > 0.7 * expected


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        (Regions(HALVES, {1: 9, 2: 0}), "style 10"),
        (Regions(HALVES, {1: "keep", 2: "keep"}), "every region keeps"),
        (Regions(HALVES, {1: 0}, style_labels=(HALVES,)), "labels for 1 styles"),
    ],
)
def test_steering_to_repeat_is_checked_before_the_run(regions: Regions, message: str) -> None:
    events = [SteeringEvent(2, "regions", regions)]
    with pytest.raises(ConfigError, match=message):
        iter_stylize(CONTENT, [ONE, TWO], shallow(), weights="untrained", events=events)
    events = [SteeringEvent(2, "blend", (1.0,))]
    with pytest.raises(ConfigError, match="the run has 2"):
        iter_stylize(CONTENT, [ONE, TWO], shallow(), weights="untrained", events=events)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style_labels": None}, "style_labels is a list"),
        ({"labels": [[1, 2], [3]]}, "rows of different lengths"),
        ({"content_mask": [[0.1], [1, 2]]}, "rows of different lengths"),
        ({"feather_px": 10**5000}, "feather_px is between"),
        ({"rest": 10**5000}, "can get a style"),
    ],
)
def test_no_masks_are_refused_in_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Regions(**({"labels": HALVES, "styles": {1: 0}} | changes))


def test_a_mask_of_very_many_pixels_is_kept_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_nst.settings.regions.MOST_PIXELS", 400)
    labels = np.repeat([[1, 2]], 60, 0).repeat(40, 1)
    found = Regions(labels, {1: 0, 2: 1}, content_mask=(labels == 2))
    np.testing.assert_array_equal(found.labels, labels[::4, ::4])
    np.testing.assert_array_equal(found.content_mask, (labels[::4, ::4] == 2) * 255)
    assert Regions.from_dict(found.to_dict()) == found


def test_numbers_of_numpy_and_damaged_records_of_masks() -> None:
    regions = Regions(HALVES, {np.int64(1): np.int64(0), 2: np.str_("keep")}, np.str_("blend"))
    assert Regions.from_dict(regions.to_dict()) == regions
    values = regions.to_dict()
    for damage in ("no base64!", "aGVsbG8=", values["labels"][:40], values["labels"][:-30], 7):
        with pytest.raises(ConfigError, match="no regions of a run"):
            Regions.from_dict(values | {"labels": damage})


def test_labels_are_turned_with_a_style_of_another_aspect() -> None:
    wide = noise(40, 80, 6)
    fine = np.repeat([[1, 2]], 40, 0).repeat(40, 1)
    images = [
        run(
            wide,
            Regions(HALVES, {1: 0, 2: 0}, style_labels=(labels,)),
            style_rotations=(45.0,),
        ).painted
        for labels in (fine, fine[::2, ::8], fine[:1, ::40])
    ]
    assert all(np.abs(each - images[0]).mean() < 0.01 for each in images[1:])


def test_a_part_of_a_style_too_small_for_a_layer_gives_way_to_the_whole() -> None:
    dot = np.zeros((48, 48), int)
    dot[0, 0] = 1
    as_given = {"style_fit": "short_side", "style_scale": 10.0}
    by_dot = run(ONE, Regions(HALVES, {1: 0, 2: 0}, style_labels=(dot,)), **as_given)
    whole = run(ONE, Regions(HALVES, {1: 0, 2: 0}), **as_given)
    np.testing.assert_allclose(by_dot.painted, whole.painted, atol=1e-4)
    with pytest.raises(ConfigError, match="paint a larger region"):
        run(ONE, Regions(np.pad([[1]], ((0, 63), (0, 95))), {1: 0}, rest="keep"))
