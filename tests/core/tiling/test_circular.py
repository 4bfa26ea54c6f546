"""A circular picture has no border: rolling everything rolls everything, whole or by windows."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_nst import stylize
from napari_nst.core.control import RunControl
from napari_nst.core.evaluate import loss_and_gradient_by_windows
from napari_nst.core.grain import Grain
from napari_nst.core.loss.objective import PUBLISHED
from napari_nst.core.loss.targets import Part, measured, objective_of
from napari_nst.core.network.encoder import encoder_for
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.optim.preconditioner import Smoothing, smoothed, smoothed_by_blocks
from napari_nst.core.picture import Picture, Pictures
from napari_nst.core.picture_evaluator import PictureEvaluator
from napari_nst.core.pyramid import scale_sizes
from napari_nst.core.store.enlarge import Mode, enlarged
from napari_nst.core.store.pixels import HeldPixels
from napari_nst.core.store.scratch import Scratch
from napari_nst.core.store.store import InMemory
from napari_nst.core.store.wrapping import wrapped_parts
from napari_nst.core.tiling.layout import Layout
from napari_nst.core.tiling.periodic import make_periodic
from napari_nst.samples import style
from napari_nst.settings.config import StyleConfig
from tests.core.tiling.test_exactness import LOSSES, difference, random

SIZE = 96, 128
BOTH = (-2, -1)


def rolled(image: Tensor, down: int = 48, right: int = 32) -> Tensor:
    return image.roll((down, right), BOTH)


def evaluated(
    tensors: Mapping[str, Tensor],
    config: StyleConfig,
    picture: Tensor,
    content: Tensor,
    tile_px: int | None = None,
) -> Evaluation:
    """Evaluate a picture whose content is as it is given, not its periodic component."""
    encoder = encoder_for(
        config, tensors, feed="torchvision", device=torch.device("cpu"), dtype=torch.float64
    )
    layout = Layout(tile_px)
    moments = measured(encoder, HeldPixels(random((90, 79), 3)), config, layout)
    objective = objective_of(
        encoder, HeldPixels(content), [Part([moments], [1.0])], config, layout=layout
    )
    size = picture.shape[-2], picture.shape[-1]
    windows = layout.windows(size, encoder.taps, wraps=config.is_circular)
    return loss_and_gradient_by_windows(
        HeldPixels(picture), windows, encoder, objective, config, layout
    )


@pytest.mark.parametrize("changes", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("tile_px", [None, 48])
def test_the_gradient_of_a_rolled_picture_is_the_rolled_gradient(
    tiny_tensors: Mapping[str, Tensor], changes: dict[str, Any], tile_px: int | None
) -> None:
    config = StyleConfig(**(changes | {"padding": "circular"}))
    picture, content = random(SIZE, 1), random(SIZE, 2)
    plain = evaluated(tiny_tensors, config, picture, content)
    moved = evaluated(tiny_tensors, config, rolled(picture), rolled(content), tile_px)
    assert moved.terms == pytest.approx(plain.terms, rel=1e-10)
    expected = Evaluation(plain.loss, plain.terms, rolled(plain.gradient))
    assert difference(moved, expected) < 1e-10


def test_without_circular_padding_it_is_not(tiny_tensors: Mapping[str, Tensor]) -> None:
    config = StyleConfig(padding="replicate")
    picture, content = random(SIZE, 1), random(SIZE, 2)
    plain = evaluated(tiny_tensors, config, picture, content)
    moved = evaluated(tiny_tensors, config, rolled(picture), rolled(content))
    assert moved.loss != pytest.approx(plain.loss, rel=1e-6)


def test_a_circular_picture_is_one_tile_of_an_endless_one(
    tiny_tensors: Mapping[str, Tensor],
) -> None:
    """The brute-force oracle: of 3 x 3 tiles, the middle one's gradient, in a ninth of the loss."""
    config = StyleConfig(padding="circular")
    picture, content = random((64, 80), 1), random((64, 80), 2)
    tile = evaluated(tiny_tensors, config, picture, content)
    endless = picture.repeat(1, 1, 3, 3), content.repeat(1, 1, 3, 3)
    nine = evaluated(tiny_tensors, config, *endless)
    assert nine.terms == pytest.approx(tile.terms, rel=1e-10)
    middle = replace(nine, gradient=9 * nine.gradient[..., 64:128, 80:160])
    assert difference(middle, tile) < 1e-10


@pytest.mark.parametrize(("tile_px", "in_files"), [(None, False), (48, False), (48, True)])
def test_the_run_s_evaluator_is_circular(
    tiny_tensors: Mapping[str, Tensor], tile_px: int | None, in_files: bool, tmp_path: Path
) -> None:
    """Whole pictures take another path than windows, and the content is made periodic."""
    config = StyleConfig(size=None, padding="circular", tv_weight=1e-3)
    content = random(SIZE, 2).float()
    encoder = encoder_for(
        config, tiny_tensors, feed="torchvision", device=torch.device("cpu"), dtype=torch.float64
    )
    painted = Picture(random((90, 79), 3).float(), None, np.dtype(np.float32))
    evaluator = PictureEvaluator(
        Pictures(Picture(content.clone(), None, np.dtype(np.float32)), [painted]),
        encoder,
        config,
        grey=torch.full((1, 3, 1, 1), 0.5),
        balance=PUBLISHED,
        control=RunControl(),
        layout=Layout(tile_px, Scratch(tmp_path, block_bytes=4000) if in_files else InMemory()),
    )
    start = random(SIZE, 9)
    evaluator.enter(SIZE, start)
    found = evaluator(HeldPixels(start))
    make_periodic(content)
    expected = evaluated(tiny_tensors, config, start, content.double())
    assert found.terms["content"] == pytest.approx(expected.terms["content"], rel=1e-9)
    assert torch.equal(evaluator.starting_picture(SIZE).float(), content)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_an_enlarged_picture_wraps(mode: Mode) -> None:
    picture, store = random((48, 96), 1), InMemory()
    plain = enlarged(picture, (64, 160), store, mode=mode, wraps=True)
    moved = enlarged(rolled(picture, 12, 24), (64, 160), store, mode=mode, wraps=True)
    torch.testing.assert_close(moved, rolled(plain, 16, 40))
    inside = enlarged(picture, (64, 160), store, mode=mode)[..., 5:-5, 5:-5]
    torch.testing.assert_close(plain[..., 5:-5, 5:-5], inside)


@pytest.mark.parametrize("kind", ["binomial", "wide"])
def test_a_preconditioned_step_wraps(kind: Smoothing) -> None:
    picture, store = random(SIZE, 1), InMemory()
    plain = smoothed_by_blocks(picture, kind, store, wraps=True)
    moved = smoothed_by_blocks(rolled(picture), kind, store, wraps=True)
    torch.testing.assert_close(moved, rolled(plain))
    inside = smoothed(picture, kind)[..., 7:-7, 7:-7]
    torch.testing.assert_close(plain[..., 7:-7, 7:-7], inside)


def test_grain_is_as_strong_at_the_border_as_elsewhere() -> None:
    painted = HeldPixels(random((64, 64), 1))
    grain = Grain((512, 512), [painted], [1.0], InMemory(), wraps=True).rows(slice(0, 512))
    assert float(grain[..., :1].std()) == pytest.approx(float(grain.std()), rel=0.1)
    flat = torch.nn.functional.avg_pool2d(rolled(grain, 7, 9), 3, stride=1)
    ordinary = torch.nn.functional.avg_pool2d(grain, 3, stride=1)
    assert float(flat.std()) == pytest.approx(float(ordinary.std()), rel=0.05)


def seam_strengths(image: np.ndarray) -> list[float]:
    """Return the change from each border to the opposite one, in units of that between lines."""
    found = []
    for axis in (0, 1):
        changes = np.abs(np.roll(image.astype(float), -1, axis) - image).mean((1 - axis, 2))
        found.append(float(changes[-1] / changes[:-1].mean()))
    return found


@pytest.mark.parametrize(
    ("name", "padding"), [("default", "circular"), ("gatys", "circular"), ("gatys", "zeros")]
)
def test_a_result_tiles_without_an_edge_where_padding_is_circular(name: str, padding: str) -> None:
    rng = np.random.default_rng(0)
    place = np.linspace(0, 90, 128)
    ramp = 30 + place[:, None, None] + place[None, :, None]  # a seam is its strongest edge
    content = (ramp + rng.uniform(-20, 20, (128, 128, 3))).astype(np.uint8)
    config = StyleConfig.preset(name, size=128, steps=8, padding=padding, precision="float32")
    result = stylize(content, style("brush strokes"), config, weights="builtin").image
    strengths = seam_strengths(result)
    if padding == "circular":
        assert all(0.6 < each < 1.3 for each in strengths)
    else:
        assert all(each > 2 for each in strengths)


@pytest.mark.parametrize(("first", "last"), [(0, 7), (-3, 5), (2, 9), (-20, 20), (7, 9), (-4, 0)])
def test_a_wrapped_stretch_is_counted_modulo_the_length(first: int, last: int) -> None:
    found = [None] * (last - first)
    for within, in_line in wrapped_parts(first, last, 7):
        found[within] = range(7)[in_line]
    assert found == [place % 7 for place in range(first, last)]


def test_the_periodic_component_tiles_and_keeps_the_mean_and_what_tiles_already() -> None:
    row = torch.linspace(0.2, 0.8, 64).double()
    ramp = row.expand(1, 3, 48, 64).clone()
    made = ramp.clone()
    make_periodic(made)
    assert float(made.mean()) == pytest.approx(float(ramp.mean()), abs=1e-9)
    assert float((made[..., 0] - made[..., -1]).abs().max()) < 0.05  # was 0.6
    angle = 2 * torch.pi * torch.arange(64).double() / 64
    wave = (0.5 + 0.1 * angle.sin()).expand(1, 3, 48, 64).clone()
    made = wave.clone()
    make_periodic(made)
    torch.testing.assert_close(made, wave, rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("size", "expected"), [((333, 500), (336, 496)), ((5, 500), (16, 496)), ((64, 64), (64, 64))]
)
def test_sides_are_on_the_grid_of_the_deepest_layer(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    config = StyleConfig.preset("default", padding="circular")
    sizes = scale_sizes(size, config)
    assert sizes[-1] == expected
    assert all(side % 16 == 0 for each in sizes for side in each)
    shallow = config.replace(style_layers=("relu2_1",), content_layers=("relu2_1",))
    assert scale_sizes((33, 50), shallow)[-1] == (32, 50)
