from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_nst.core.control import RunControl
from napari_nst.core.loss import targets as targets_module
from napari_nst.core.loss.objective import PUBLISHED
from napari_nst.core.loss.targets import StyleMoments, StyleTargets
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.picture import Picture, Pictures
from napari_nst.core.picture_evaluator import PictureEvaluator
from napari_nst.core.run import Run
from napari_nst.core.store.pixels import Pixels
from napari_nst.core.tiling.layout import Layout
from napari_nst.settings.config import StyleConfig

CONFIG = StyleConfig.preset(
    "default",
    size=64,
    min_scale=16,
    scale_steps=(2,),
    content_layers=("relu2_2",),
    content_layer_weights=(1.0,),
    style_layers=("relu1_1", "relu2_1"),
    style_layer_weights=(1.0, 1.0),
)


@pytest.fixture
def encoder(tiny_tensors: Mapping[str, Tensor]) -> Encoder:
    taps = (*CONFIG.content_layers, *CONFIG.style_layers)
    return Encoder(tiny_tensors, feed="torchvision", taps=taps)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The sizes at which styles were measured."""
    genuine, sizes = targets_module.measured, []

    def watched(encoder: Encoder, style: Pixels, *rest: object) -> StyleMoments:
        sizes.append(style.size)
        return genuine(encoder, style, *rest)

    monkeypatch.setattr(targets_module, "measured", watched)
    return sizes


def picture(height: int, width: int, seed: int) -> Picture:
    rgb = torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed))
    return Picture(rgb, None, np.dtype(np.uint8))


def finished(
    encoder: Encoder,
    config: StyleConfig = CONFIG,
    *,
    content: Picture | None = None,
    targets: StyleTargets | None = None,
    names: tuple[str, ...] = (),
) -> Tensor:
    run = Run(
        Pictures(content or picture(48, 64, 1), [picture(72, 80, 2)], style_hashes=names),
        encoder,
        config,
        grey=torch.full((1, 3, 1, 1), 0.5),
        balance=PUBLISHED,
        control=RunControl(),
        style_targets=targets,
    )
    list(run.steps())
    return run.picture


@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_content_is_resized_once_per_scale(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch, init: str
) -> None:
    genuine, sizes = Picture.resized, []
    content = picture(96, 128, 1)

    def watched(self: Picture, size: tuple[int, int], resample: str) -> Picture:
        if self is content:
            sizes.append(size)
        return genuine(self, size, resample)

    monkeypatch.setattr(Picture, "resized", watched)
    finished(encoder, CONFIG.replace(init=init), content=content)
    assert sizes == [(12, 16), (24, 32), (48, 64)]


def started(encoder: Encoder, start: Picture | None = None, **changes: object) -> Tensor:
    return PictureEvaluator(
        Pictures(picture(48, 64, 1), [picture(72, 80, 2)], start),
        encoder,
        CONFIG.replace(colors="none", **changes),
        grey=torch.full((1, 3, 1, 1), 0.5),
        balance=PUBLISHED,
        control=RunControl(),
        layout=Layout(),
    ).starting_picture((48, 64))


@pytest.mark.parametrize("start", [None, picture(40, 50, 7)])
def test_a_start_is_mixed_with_the_content_by_its_share(
    encoder: Encoder, start: Picture | None
) -> None:
    content = started(encoder)
    alone = started(encoder, start, init="noise", noise_std=0.2, variable="unit")
    for share in (0.0, 0.3, 1.0):
        mixed = started(
            encoder, start, init="noise", noise_std=0.2, variable="unit", init_blend=share
        )
        torch.testing.assert_close(mixed, (1 - share) * content + share * alone)
    assert not torch.allclose(content, alone, atol=0.1)
    assert torch.equal(started(encoder, init_blend=0.5), content)


def test_grain_is_added_where_a_picture_is_enlarged_and_nowhere_else(encoder: Encoder) -> None:
    def entered(share: float, size: tuple[int, int]) -> Tensor:
        evaluator = PictureEvaluator(
            Pictures(picture(48, 64, 1), [picture(72, 80, 2)]),
            encoder,
            CONFIG.replace(scale_grain=share),
            grey=torch.full((1, 3, 1, 1), 0.5),
            balance=PUBLISHED,
            control=RunControl(),
            layout=Layout(),
        )
        return evaluator.enter(size, torch.full((1, 3, 24, 32), 0.5))

    plain, half = (entered(share, (48, 64)) for share in (0.0, 0.5))
    added = half - plain
    unclipped = ((half > 0) & (half < 1) & (plain > 0) & (plain < 1)).all(1)
    assert torch.allclose(added[:, 0][unclipped], added[:, 1][unclipped], atol=1e-6)
    assert float(added.std()) > 0.02
    assert torch.equal(entered(0.5, (24, 32)), entered(0.0, (24, 32)))


@pytest.mark.parametrize("style_loss", ["local_wasserstein", "wasserstein", "gram"])
def test_runs_that_share_targets_measure_a_style_once_per_size_and_get_the_same_pictures(
    encoder: Encoder, shown: list[tuple[int, ...]], style_loss: str
) -> None:
    config, targets = CONFIG.replace(style_loss=style_loss), StyleTargets(encoder)
    contents = [picture(48, 64, seed) for seed in (1, 5)]
    plain = [finished(encoder, config, content=each) for each in contents]
    shown.clear()
    shared = [
        finished(encoder, config, content=each, targets=targets, names=("a",)) for each in contents
    ]
    assert len(shown) == len(set(shown)) == 3
    for one, two in zip(plain, shared, strict=True):
        assert torch.equal(one, two)


def test_other_styles_sizes_and_layers_are_measured_anew(
    encoder: Encoder, shown: list[tuple[int, ...]]
) -> None:
    config, targets = CONFIG.replace(pyramid="single"), StyleTargets(encoder)
    for changes, name in (
        ({}, "a"),
        ({}, "b"),
        ({"size": 32}, "a"),
        ({"style_scale": 0.7}, "a"),
        ({"resample": "bilinear"}, "a"),
        ({"style_loss": "wasserstein"}, "a"),
        ({"style_layers": ("relu1_1",), "style_layer_weights": (1.0,)}, "a"),
        ({"style_layers": ("relu2_1",), "style_layer_weights": (1.0,)}, "a"),
    ):
        before = len(shown)
        for _ in range(2):
            finished(encoder, config.replace(**changes), targets=targets, names=(name,))
        assert len(shown) == before + 1, changes


def test_what_was_used_longest_ago_is_dropped_beyond_the_limit(
    encoder: Encoder, shown: list[tuple[int, ...]]
) -> None:
    config = CONFIG.replace(pyramid="single")
    one = sum(4 * (n + n * n) for n in (4, 8))  # thin channels of relu1_1 and relu2_1
    targets = StyleTargets(encoder, limit_bytes=2 * one)
    measured = []
    for name in "ababcabb":
        before = len(shown)
        finished(encoder, config, targets=targets, names=(name,))
        measured.append(len(shown) - before)
    assert measured == [1, 1, 0, 0, 1, 1, 1, 0]
