import numpy as np
import pytest
import torch
from tools.train_features import finish
from tools.train_features.augment import drawing_cells, dye, make_batch
from tools.train_features.dataset import SetSpec, render_class
from tools.train_features.figures import progress_figure
from tools.train_features.finish import Origin, pack_trained, write_trained
from tools.train_features.fold import calibrate, fold, mean_activations, pack, plain_taps, unfold
from tools.train_features.lanes import STRENGTH, open_lanes
from tools.train_features.network import (
    LANES,
    Learner,
    Trunk,
    conv_table,
    convolve,
    normalise,
    region_means,
)
from tools.train_features.train import Run, TrainSpec
from tools.train_features.winograd import convolve_winograd

from napari_nst.weights import load
from napari_nst.weights._files import read_header
from napari_nst.weights._places import builtin_path

TINY_SET = SetSpec(classes=3, per_class=2, size=64, seed=5)


@pytest.fixture(scope="module")
def pictures():
    classes = [render_class(TINY_SET, label) for label in range(TINY_SET.classes)]
    return torch.from_numpy(np.stack(classes))


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(0)
    trunk = Trunk().double()
    for norm in trunk.norm.values():
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 2)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, std=0.1)
    return trunk.eval()


@pytest.fixture(scope="module")
def picture():
    return torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1)).double()


def test_a_class_is_the_same_pictures_every_time(pictures):
    assert np.array_equal(render_class(TINY_SET, 1), pictures[1])
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0, 0], pictures[0, 1])


def test_pictures_of_many_classes_are_neither_blank_nor_cut_off():
    spec = SetSpec(per_class=1, size=48, seed=9)
    spreads = [render_class(spec, label).std() for label in range(24)]
    assert np.median(spreads) > 20


def test_a_batch_depends_on_its_seed_alone(pictures):
    first, second = (
        make_batch(pictures, torch.Generator().manual_seed(3), 4, 32) for _ in range(2)
    )
    assert torch.equal(first.pictures, second.pictures)
    assert torch.equal(first.labels, second.labels)
    assert first.pictures.amin() >= 0
    assert first.pictures.amax() <= 1


def test_drawing_cells_lie_where_their_pixels_lie():
    picture = torch.zeros(1, 3, 16, 16)
    picture[..., 8:, :8] = 1.0
    cells = drawing_cells(picture)
    assert cells.shape == (1, 18, 2, 2)
    assert (cells[0, :16, 1, 0] > 0).all()
    assert (cells[0, :16, 0] < 0).all()


def test_drawing_cells_know_colours_apart_and_grey_as_none():
    red, green, grey = (
        drawing_cells(torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 8, 8))[0, 16:].flatten()
        for colour in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.5])
    )
    assert torch.allclose(grey, torch.zeros(2), atol=1e-6)
    assert red[0] > 1 > -1 > green[0]


def test_most_pictures_keep_their_hues_and_some_are_dyed():
    picture = torch.tensor([0.6, 0.5, 0.4]).view(1, 3, 1, 1).expand(400, 3, 2, 2)
    red, green, blue = dye(picture, torch.Generator().manual_seed(2))[..., 0, 0].unbind(1)
    kept = ((red - green - (green - blue)).abs() < 1e-5) & (red > green)
    assert 0.65 < kept.float().mean() < 0.9


@pytest.mark.parametrize(("channels", "side"), [(3, 8), (6, 2), (6, 8)])
def test_the_detour_around_slow_kernels_is_the_same_convolution(channels, side):
    conv = torch.nn.Conv2d(channels, 5, 3, padding=1, bias=False).double()
    x = torch.randn(2, channels, side, side, dtype=torch.float64)
    assert torch.allclose(convolve(conv, x), conv(x), atol=1e-12)


def test_winograd_gives_a_convolution_and_its_gradients():
    gen = torch.Generator().manual_seed(4)
    x = torch.randn(2, 3, 6, 9, dtype=torch.float64, generator=gen, requires_grad=True)
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64, generator=gen, requires_grad=True)
    direct = torch.nn.functional.conv2d(x, weight, padding=1)
    fast = convolve_winograd(x, weight)
    assert torch.allclose(fast, direct, atol=1e-12)
    grad = torch.randn(direct.shape, dtype=torch.float64, generator=gen)
    for mine, theirs in zip(
        torch.autograd.grad(fast, (x, weight), grad),
        torch.autograd.grad(direct, (x, weight), grad),
        strict=True,
    ):
        assert torch.allclose(mine, theirs, atol=1e-11)


def test_region_means_are_means_over_each_side_of_the_mask():
    features = torch.randn(2, 5, 4, 4)
    mask = torch.zeros(2, 1, 8, 8)
    mask[..., :4] = 1
    inside, outside = region_means(features, mask)
    assert torch.allclose(inside, features[..., :2].mean((2, 3)), atol=1e-3)
    assert torch.allclose(outside, features[..., 2:].mean((2, 3)), atol=1e-3)


def test_folding_keeps_every_tap(trunk, picture):
    with torch.no_grad():
        plain = plain_taps(fold(trunk), normalise(picture))
        for name, tap in trunk(normalise(picture)).items():
            found = plain[f"conv{name}"]
            assert torch.allclose(found[:, :-LANES], tap, atol=1e-10)
            assert not found[:, -LANES:].any()


def test_a_run_can_start_from_packed_features(trunk, pictures):
    packed = {key: tensor.float() for key, tensor in fold(trunk).items()}
    batch = make_batch(pictures, torch.Generator().manual_seed(3), 4, 32).pictures
    fresh = Trunk()
    unfold(fresh, packed, batch)
    with torch.no_grad():
        started = fresh.train()(normalise(batch))
    for name, tap in plain_taps(packed, normalise(batch)).items():
        mine = started[name.removeprefix("conv")].flatten()
        tap = tap[:, :-LANES].flatten()
        assert torch.nn.functional.cosine_similarity(mine, tap, 0) > 0.9999


def test_calibration_makes_mean_activations_one_and_keeps_the_function(trunk, picture):
    folded = fold(trunk)
    means = mean_activations(folded, [picture])
    scaled = calibrate(folded, means)
    assert mean_activations(scaled, [picture]) == pytest.approx(dict.fromkeys(means, 1.0))
    before, after = (plain_taps(each, normalise(picture)) for each in (folded, scaled))
    for name, mean in means.items():
        assert torch.allclose(after[name] * mean, before[name], atol=1e-9)


def test_lanes_carry_an_areas_colour_to_the_last_layer(trunk):
    folded = fold(trunk)
    generator = torch.Generator().manual_seed(4)
    areas = torch.rand(4, 8, 3, 3, 3, generator=generator)
    batches = [torch.nn.functional.interpolate(each, size=(48, 48)) for each in areas]
    tensors = {key: tensor.float() for key, tensor in folded.items()}
    tensors = calibrate(tensors, mean_activations(tensors, batches))
    laned = open_lanes(tensors, batches, seed=0)

    def deepest(colour):
        area = torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 96, 96)
        return plain_taps(laned, normalise(area))["conv5_1"][0, :, 2:-2, 2:-2]

    red, blue = deepest([0.9, 0.2, 0.1]), deepest([0.1, 0.2, 0.9])
    # A lane hears one channel of the layer before, the trained ones all but the lanes.
    heard = (laned["conv5_1.weight"].flatten(2).abs().sum(2) > 0).sum(1)
    assert (heard[-LANES:] == 1).all()
    assert (heard[:-LANES] == 512 - LANES).all()
    means = torch.stack([plain_taps(laned, normalise(b))["conv5_1"] for b in batches])
    strength = STRENGTH * (512 / LANES) ** 0.5
    assert means.mean((0, 1, 3, 4))[-LANES:] == pytest.approx(strength, rel=1e-2)
    assert (red - blue)[-LANES:].abs().amax((1, 2)).max() > strength / 2


def test_packed_features_differ_by_less_than_half_a_percent(trunk, picture, tmp_path):
    folded = fold(trunk)
    exact = calibrate(folded, mean_activations(folded, [picture]))
    path = tmp_path / "packed.safetensors"
    sha256 = pack(exact, path, header={"input": "torchvision", "name": "test"})
    weights = load(path)
    assert weights.input == "torchvision"
    assert len(sha256) == 64
    packed = plain_taps(weights.tensors, normalise(picture.float()))
    for name, tap in plain_taps(exact, normalise(picture)).items():
        assert (packed[name] - tap).norm() / tap.norm() < 0.005


def test_a_run_resumes_where_it_stopped(pictures, tmp_path):
    run = Run(TrainSpec(minutes=60), pictures, tmp_path)
    run.step()
    run.save()
    again = Run(TrainSpec(minutes=60), pictures, tmp_path)
    again.resume()
    assert again.progress == run.progress
    for kept, made in zip(
        again.model.state_dict().values(), run.model.state_dict().values(), strict=True
    ):
        assert torch.equal(kept, made)


def test_the_shortest_run_leaves_a_checkpoint_and_a_figure_of_its_progress(pictures, tmp_path):
    run = Run(TrainSpec(minutes=1e-6), pictures, tmp_path)
    run.train()
    progress_figure(tmp_path / "log.csv", tmp_path / "progress.png")
    assert run.progress.step == 1
    assert run.checkpoint.exists()
    assert (tmp_path / "progress.png").stat().st_size > 1000


def test_a_run_is_packed_from_its_plain_network_alone(pictures, tmp_path, monkeypatch):
    for few in ("SETTLING", "CALIBRATION", "BATCH"):
        monkeypatch.setattr(finish, few, 2)
    run = Run(TrainSpec(minutes=60), pictures, tmp_path)
    run.step()
    trained, packed = tmp_path / "trained.safetensors", tmp_path / "builtin.safetensors"
    write_trained(run, trained, Origin("abc", 5, run.progress.crops, "random"))
    pack_trained(trained, pictures, packed, "def")
    header = read_header(packed)
    assert (header["commit"], header["lanes"], header["seed"]) == ("abc", "def", "5")
    tensors = load(packed).tensors
    lanes = (tensors["conv5_1.weight"].flatten(2).abs().sum(2) > 0).sum(1) == 1
    assert lanes.sum() == LANES
    assert header["sha256"] != read_header(trained)["sha256"]


def test_heads_name_only_the_regions_kept(pictures):
    learner = Learner(classes=3)
    keep = torch.tensor([0, 1, 3])
    mask = torch.ones(2, 1, 32, 32)
    mask[1, :, :16] = 0
    logits, drawing = learner(torch.rand(2, 3, 32, 32), mask, keep)
    assert logits.shape == (len(learner.NAMING), 3, 3)
    assert drawing.shape == (2, 18, 4, 4)


def test_the_shipped_file_says_where_it_comes_from():
    weights = load("builtin")
    header = read_header(builtin_path())
    assert weights.input == "torchvision"
    assert set(weights.tensors) == {
        f"conv{name}.{kind}" for name, _, _ in conv_table() for kind in ("weight", "bias")
    }
    assert {"commit", "seed", "crops", "sha256"} <= set(header)
    assert builtin_path().stat().st_size <= 26_000_000
