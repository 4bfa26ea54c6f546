"""Frames of synthetic sequences, whose flow is known exactly, do not flicker nor drift."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data

from napari_nst import SequenceOptions, StyleConfig, Stylizer, iter_stylize_sequence
from napari_nst.api.sequence import FrameResult, FrameStep, later_config, stylize_sequence
from napari_nst.core.control import RunControl
from napari_nst.core.flow.warping import warping_error
from napari_nst.errors import ConfigError, ImageError
from tests.api.settings import shallow

SIZE = 64
PHOTOGRAPH = data.astronaut()[::4, ::4]
STYLE = data.coffee()[::6, ::6]


def affine(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a frame out of a photograph that turns and moves; and its flow to the frame before."""
    grid = np.mgrid[:SIZE, :SIZE].reshape(2, -1) - (SIZE - 1) / 2

    def places(at: int) -> tuple[np.ndarray, np.ndarray]:
        angle = np.deg2rad(1.5 * at)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return turn, np.array([[60.0 + 1.2 * at], [60.0 - 0.8 * at]])

    (turn, shift), (before, shift_before) = places(number), places(number - 1)
    there = turn @ grid + shift
    in_before = before.T @ (there - shift_before)
    planes = [ndimage.map_coordinates(PHOTOGRAPH[..., c], there, order=1) for c in range(3)]
    frame = np.stack(planes, -1).reshape(SIZE, SIZE, 3)
    return frame, (in_before - grid).reshape(2, SIZE, SIZE).astype(np.float32)


def still(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Add noise, another one in each frame, to a still scene."""
    noise = np.random.default_rng(number).normal(0, 5, (SIZE, SIZE, 3))
    frame = PHOTOGRAPH[30 : 30 + SIZE, 30 : 30 + SIZE] + noise
    return np.clip(frame, 0, 255).astype(np.uint8), np.zeros((2, SIZE, SIZE), np.float32)


def moving(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Move an object of 20 px by 2 px a frame over a still ground."""
    frame = PHOTOGRAPH[30 : 30 + SIZE, 30 : 30 + SIZE].copy()
    flow = np.zeros((2, SIZE, SIZE), np.float32)
    left = 6 + 2 * number
    frame[20:40, left : left + 20] = STYLE[10:30, 10:30]
    flow[1, 20:40, left : left + 20] = -2
    return frame, flow


def known(flow: np.ndarray) -> np.ndarray:
    """Find the pixels that the frame before shows, too, away from its edges and motion's."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + flow
    inside = (rows > 1) & (rows < SIZE - 2) & (columns > 1) & (columns < SIZE - 2)
    edges = ndimage.maximum_filter(np.abs(ndimage.laplace(flow[1])) > 0.1, 7)
    return inside & ~edges


def error(results: list[np.ndarray], flows: list[np.ndarray]) -> float:
    """Give the mean warping error along the exact flow."""
    planes = [torch.from_numpy(each / 255).permute(2, 0, 1)[None] for each in results]
    return np.mean(
        [
            warping_error(planes[n], planes[n - 1], flows[n], known(flows[n]))
            for n in range(1, len(planes))
        ]
    )


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer(weights="builtin", device="cpu")


CONFIG = shallow(steps=24, colors="none")


@pytest.mark.parametrize("scene", [affine, still, moving])
def test_frames_flicker_a_third_of_single_ones_and_have_as_much_style(
    stylizer: Stylizer, scene: object
) -> None:
    frames, flows = zip(*map(scene, range(5)), strict=True)
    together = [each.result for each in stylize_sequence(frames, STYLE, CONFIG, stylizer=stylizer)]
    alone = [stylizer.stylize(frame, STYLE, CONFIG) for frame in frames]
    flicker, single = (error([e.image for e in each], flows) for each in (together, alone))
    assert flicker <= single / 3
    style, wanted = (
        np.mean([each.history[-1].terms["style"] for each in results[1:]])
        for results in (together, alone)
    )
    assert style <= 1.1 * wanted


def test_a_still_scene_does_not_drift(stylizer: Stylizer) -> None:
    frames = [still(number)[0] for number in range(24)]
    config = shallow(steps=60)  # the first frame has to be done, or the others go on with it
    results = stylize_sequence(frames, STYLE, config, stylizer=stylizer)
    early, late = (results[at].result.image / 255 for at in (1, 23))
    assert late.mean() == pytest.approx(early.mean(), rel=0.03)
    assert late.std(-1).mean() == pytest.approx(early.std(-1).mean(), rel=0.03)


def test_a_cut_begins_anew(stylizer: Stylizer) -> None:
    frames = [still(0)[0], still(1)[0], *(STYLE[:SIZE, 20 : 20 + SIZE] for _ in range(2))]
    results = stylize_sequence(frames, STYLE, shallow(steps=4), stylizer=stylizer)
    assert [each.is_first for each in results] == [True, False, True, False]
    alone = stylizer.stylize(frames[2], STYLE, shallow(steps=4))
    np.testing.assert_array_equal(results[2].result.image, alone.image)


def test_later_frames_take_at_most_half_of_the_steps() -> None:
    size = (512, 512)
    assert later_config(shallow(steps=9), size, [size]).scale_steps == (4,)
    default = StyleConfig.preset("default", size=512)
    assert later_config(default, size, [size]).scale_steps == (15,)
    assert later_config(shallow(steps=1), size, [size]).scale_steps == (1,)


def test_a_stop_ends_with_the_frames_that_are_done(stylizer: Stylizer) -> None:
    control, events = RunControl(), []
    frames = [still(number)[0] for number in range(3)]
    run = iter_stylize_sequence(frames, STYLE, shallow(steps=8), stylizer=stylizer, control=control)
    for event in run:
        events.append(event)
        if isinstance(event, FrameStep) and event.job.index == 1:
            control.stop()
    assert [each.job.index for each in events if isinstance(each, FrameResult)] == [0]


def test_a_frame_whose_result_was_not_written_can_be_run_again(stylizer: Stylizer) -> None:
    frames = [still(number)[0] for number in range(4)]
    options, past = SequenceOptions(distances=(1,)), {}

    def third(done: int) -> FrameResult:
        run = iter_stylize_sequence(
            frames,
            STYLE,
            shallow(steps=2),
            options=options,
            stylizer=stylizer,
            past=past,
            done=done,
        )
        results = (event for event in run if isinstance(event, FrameResult))
        return next(each for each in results if each.job.index == 2)

    first, again = third(0), third(2)
    np.testing.assert_array_equal(first.result.image, again.result.image)


def test_frames_of_another_size_and_wrong_options_are_told(stylizer: Stylizer) -> None:
    frames = [still(0)[0], still(1)[0][:50]]
    with pytest.raises(ImageError, match="frame 2 is 64x50 px and the first one 64x64 px"):
        stylize_sequence(frames, STYLE, shallow(steps=1), stylizer=stylizer)
    with pytest.raises(ImageError, match="got none"):
        stylize_sequence([], STYLE)
    with pytest.raises(ConfigError, match="temporal weight"):
        SequenceOptions(temporal_weight=-1)
    with pytest.raises(ConfigError, match="distances"):
        SequenceOptions(distances=(0,))
