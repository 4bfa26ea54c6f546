from dataclasses import replace

import numpy as np
import pytest

from napari_nst import Regions, RunControl, iter_stylize, stylize
from napari_nst.errors import ConfigError
from napari_nst.settings.record import SteeringEvent
from napari_nst.weights import Weights
from tests.api.settings import shallow


def _statistics(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    colours = image[..., :3].reshape(-1, 3) / np.iinfo(image.dtype).max
    return colours.mean(0), np.cov(colours.T, bias=True)


def _soft(seed: int, centre: tuple[float, float, float]) -> np.ndarray:
    """A picture whose colours keep well within their range."""
    noise = np.random.default_rng(seed).normal(size=(48, 64, 3)) @ np.diag([0.05, 0.04, 0.06])
    return np.rint((noise + centre).clip(0, 1) * 255).astype(np.uint8)


def test_a_result_gets_the_colours_that_are_asked_for_and_others_afterwards(
    weights: Weights,
) -> None:
    content, style = _soft(1, (0.3, 0.5, 0.6)), _soft(2, (0.6, 0.5, 0.4))
    config = shallow(steps=2, colors="style", size=None)
    result = stylize(content, style, config, weights=weights)
    for colors, wanted in (("style", style), ("content", content)):
        recoloured = result.with_colors(colors)
        mean, covariance = _statistics(recoloured.image)
        wanted_mean, wanted_covariance = _statistics(wanted)
        np.testing.assert_allclose(mean, wanted_mean, atol=2 / 255)
        np.testing.assert_allclose(covariance, wanted_covariance, atol=5e-4)
        assert recoloured.record.ending.colors == colors
        assert recoloured.record.config.colors == "style"
    np.testing.assert_array_equal(result.with_colors("style").image, result.image)
    painted = result.with_colors("none").image
    np.testing.assert_allclose(painted / 255, result.painted.clip(0, 1), atol=0.5 / 255 + 1e-6)
    back = result.with_colors("content").with_colors("style")
    assert back.record == result.record


def test_recolouring_keeps_opacity_and_16_bits(weights: Weights) -> None:
    rgb = _soft(1, (0.3, 0.5, 0.6)).astype(np.uint16) * 257
    alpha = np.full((48, 64, 1), 40000, np.uint16)
    alpha[:, :20] = 0
    content = np.concatenate([rgb, alpha], axis=2)
    result = stylize(content, _soft(2, (0.6, 0.5, 0.4)), shallow(steps=1), weights=weights)
    recoloured = result.with_colors("style").image
    assert recoloured.dtype == np.uint16
    np.testing.assert_array_equal(recoloured[..., 3], content[..., 3])


def test_a_replay_repeats_colours_that_were_changed_on_the_way_and_at_the_end(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    config = shallow(steps=4, colors="style")
    control = RunControl()
    run = iter_stylize(content, style, config, weights=weights, control=control)
    next(run)
    control.steer(colors="none")
    images = []
    while True:
        try:
            images.append(next(run).image())
        except StopIteration as end:
            result = end.value
            break
    assert [(e.step, e.field, e.value) for e in result.record.events] == [(1, "colors", "none")]
    changed = result.with_colors("content")
    again = stylize(content, style, config, weights=weights, events=changed.record.events)
    np.testing.assert_array_equal(again.image, changed.image)
    assert again.record.events == changed.record.events
    # Other colours leave the run itself alone.
    plain = stylize(content, style, config, weights=weights)
    np.testing.assert_array_equal(plain.painted, changed.painted)
    assert [p.loss for p in plain.history] == [p.loss for p in result.history]


def test_colours_chosen_afterwards_count_with_fewer_and_with_more_steps(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    config = shallow(steps=3, colors="style")
    events = stylize(content, style, config, weights=weights).with_colors("none").record.events
    for steps in (2, 5):
        again = stylize(content, style, config.replace(steps=steps), weights=weights, events=events)
        assert again.record.ending.colors == "none"
        shown = again.image / 255
        np.testing.assert_allclose(shown, again.painted.clip(0, 1), atol=0.5 / 255 + 1e-6)


ALL = ("palette", "histogram", "luminance", "content", "style", "none")


def _same_within_a_level(one: np.ndarray, other: np.ndarray) -> None:
    """Compare pictures of two runs: what a run paints may differ by rounding on a busy machine."""
    assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.parametrize("colors", ALL)
def test_colours_chosen_before_and_after_the_run_are_the_same(
    content: np.ndarray, style: np.ndarray, weights: Weights, colors: str
) -> None:
    begun = "style" if colors in ("palette", "histogram") else "none"
    asked = stylize(content, style, shallow(steps=2, colors=colors), weights=weights)
    later = stylize(content, style, shallow(steps=2, colors=begun), weights=weights)
    changed = later.with_colors(colors)
    if colors != "style":  # which starts from another content than "none"
        _same_within_a_level(changed.image, asked.image)
    half = changed.with_colors(colors, 0.5)
    assert half.record.ending.color_strength == 0.5
    again = stylize(content, style, later.record.config, weights=weights, events=half.record.events)
    _same_within_a_level(again.image, half.image)
    np.testing.assert_array_equal(
        half.with_colors(colors, 0).image, later.with_colors("none").image
    )
    np.testing.assert_array_equal(half.with_colors(colors, 1).image, changed.image)


@pytest.mark.parametrize("colors", ALL)
def test_every_choice_keeps_opacity_and_16_bits(weights: Weights, colors: str) -> None:
    rgb = _soft(1, (0.3, 0.5, 0.6)).astype(np.uint16) * 257
    alpha = np.full((48, 64, 1), 40000, np.uint16)
    alpha[:, :20] = 0
    content = np.concatenate([rgb, alpha], axis=2)
    config = shallow(steps=1, colors=colors, size=None)
    found = stylize(content, _soft(2, (0.6, 0.5, 0.4)), config, weights=weights)
    for image in (found.image, found.with_colors(colors, 0.3).image):
        assert image.dtype == np.uint16
        np.testing.assert_array_equal(image[..., 3], content[..., 3])


def test_before_gives_the_style_the_contents_colours_and_is_not_chosen_later(
    weights: Weights,
) -> None:
    content, style = _soft(1, (0.3, 0.5, 0.6)), _soft(2, (0.7, 0.4, 0.3))
    config = shallow(steps=60, colors="before", size=None, content_weight=0.0)
    kept = stylize(content, style, config, weights=weights)
    plain = stylize(content, style, config.replace(colors="none"), weights=weights)
    wanted = _statistics(content)[0]
    apart = [np.abs(_statistics(each.image)[0] - wanted).max() for each in (kept, plain)]
    assert apart[0] < 0.3 * apart[1]
    assert kept.with_colors("content").with_colors("before").record == kept.record
    control = RunControl()
    begun = config.replace(colors="none")
    run = iter_stylize(content, style, begun, weights=weights, control=control)
    next(run)
    for choose in (
        plain.with_colors,
        plain.record.with_colors,
        lambda colors: control.steer(colors=colors),
        lambda colors: stylize(
            content,
            style,
            plain.record.config,
            weights=weights,
            events=[SteeringEvent(1, "colors", colors)],
        ),
    ):
        with pytest.raises(ConfigError, match="before the run"):
            choose("before")


def test_what_a_region_keeps_stays_when_the_colours_change(weights: Weights) -> None:
    content, style = _soft(1, (0.3, 0.5, 0.6)), _soft(2, (0.7, 0.4, 0.3))
    labels = np.repeat([[1, 2]], 32, axis=1).repeat(48, axis=0)
    regions = Regions(labels, {1: "keep", 2: 0})
    config = shallow(steps=2, colors="style", size=None)
    found = stylize(content, style, config, weights=weights, regions=regions)
    for colors in ("content", "histogram", "palette"):
        changed = found.with_colors(colors)
        np.testing.assert_array_equal(changed.image[:, :31], content[:, :31])
        assert (changed.image[:, 33:] != found.image[:, 33:]).any()
        asked = stylize(
            content,
            style,
            config,
            weights=weights,
            regions=regions,
            events=changed.record.events,
        )
        np.testing.assert_allclose(asked.image.astype(int), changed.image.astype(int), atol=1)


@pytest.mark.parametrize("colors", ["red", None, 5, ["style"], ""])
def test_colours_that_there_are_not_are_refused(
    content: np.ndarray, style: np.ndarray, weights: Weights, colors: object
) -> None:
    result = stylize(content, style, shallow(steps=1), weights=weights)
    with pytest.raises(ConfigError, match="colors is one of"):
        result.with_colors(colors)
    with pytest.raises(ConfigError, match="colors is one of"):
        result.record.with_colors(colors)


def test_a_record_without_colours_cannot_be_recoloured(
    content: np.ndarray, style: np.ndarray, weights: Weights
) -> None:
    result = stylize(content, style, shallow(steps=1), weights=weights)
    resolved = {k: v for k, v in result.record.resolved.items() if k != "palette"}
    older = replace(result, record=result.record.replace(resolved=resolved))
    with pytest.raises(ConfigError, match="run it again"):
        older.with_colors("content")


@pytest.mark.parametrize(
    "part",
    [
        *(None, 3, {}),
        {"mean": "x", "second": []},
        {"mean": [0, 0, 0], "second": [[1] * 3] * 2},
        {"mean": [1e160, 0, 0], "second": [[0.1] * 3] * 3},
        {"mean": [0.5] * 3, "second": [[0, 0.1, 0], [0.2, 0, 0], [0, 0, 0]]},
        {"mean": [0.5] * 3, "second": [[float("nan")] * 3] * 3},
    ],
)
def test_a_record_with_damaged_colours_is_refused_by_a_sentence(
    content: np.ndarray, style: np.ndarray, weights: Weights, part: object
) -> None:
    result = stylize(content, style, shallow(steps=1), weights=weights)
    for palette in (part, {"content": part, "style": part}):
        resolved = result.record.resolved | {"palette": palette}
        with pytest.raises(ConfigError, match="run it again"):
            replace(result, record=result.record.replace(resolved=resolved)).with_colors("style")
