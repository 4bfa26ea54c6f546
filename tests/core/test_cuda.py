"""On a GPU, where there is one: the same losses, the memory foretold, and a way back from none."""

import gc

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_nst import StyleConfig, estimate, stylize
from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.network.encoder import Encoder
from napari_nst.errors import DeviceMemoryError
from napari_nst.settings.presets import PRESETS
from napari_nst.weights import load

if not torch.cuda.is_available():
    pytest.skip("no CUDA here", allow_module_level=True)

RANDOM = np.random.default_rng(0)


def picture(side):
    return RANDOM.integers(0, 256, (side, side, 3), np.uint8)


@pytest.fixture(scope="module")
def weights():
    return load("builtin")


@pytest.fixture(autouse=True)
def freed():
    yield
    gc.collect()
    torch.cuda.empty_cache()


@pytest.fixture
def exact_products(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def evaluation(config, weights, device, dtype):
    """Evaluate a preset's loss and gradient at a picture between content and style."""
    generator = torch.Generator().manual_seed(1)
    given = torch.rand((2, 3, 24, 32), generator=generator, dtype=torch.float64)
    content, style = functional.interpolate(given, scale_factor=4, mode="bicubic").clamp(0, 1)
    content, style = (each[None].to(device) for each in (content, style))
    encoder = Encoder(
        weights.tensors,
        feed=weights.input,
        taps=config.taps,
        pooling=config.pooling,
        padding=config.padding,
        device=device,
        dtype=dtype,
    )
    objective = build_objective(encoder, content, [style], config)
    found = loss_and_gradient((content + style) / 2, encoder, objective, config)
    return found.loss, found.gradient.double().cpu()


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-3), (torch.bfloat16, 0.25)], ids=["32", "16"]
)
@pytest.mark.usefixtures("exact_products")
@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_the_cpus_loss_and_gradient(name, dtype, tolerance, weights):
    config = StyleConfig.preset(name)
    loss, gradient = evaluation(config, weights, "cuda", dtype)
    exact, exact_gradient = evaluation(config, weights, "cpu", torch.float64)
    assert loss == pytest.approx(exact, rel=tolerance / 2)
    assert (gradient - exact_gradient).norm() < tolerance * exact_gradient.norm()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_paint(name, weights):
    config = StyleConfig.preset(name, size=192, steps=30)
    done = stylize(picture(192), picture(192), config, weights=weights, device="cuda")
    finest = [point.loss for point in done.history if point.scale == done.history[-1].scale]
    assert finest[-1] < 0.7 * finest[0]


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize(("preset", "side"), [("gatys", 512), ("gatys", 1024), ("crowsonkb", 512)])
def test_the_memory_of_a_run_is_foretold(preset, side, precision, weights):
    config = StyleConfig.preset(preset, size=side, steps=14, precision=precision)
    content, style = picture(side), picture(side)
    stylize(content, style, config.replace(steps=2), weights=weights, device="cuda")
    gc.collect()
    torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    stylize(content, style, config, weights=weights, device="cuda")
    peak = torch.cuda.max_memory_allocated() - held
    foretold = estimate(config, content.shape, style.shape, device="cuda").peak_bytes
    assert foretold == pytest.approx(peak, rel=0.2)


def test_after_the_memory_ran_out_all_is_free_and_less_is_offered(weights):
    config = StyleConfig.preset("gatys", size=2048, steps=2)
    before = torch.cuda.memory_allocated()
    free, _ = torch.cuda.mem_get_info()
    taken = torch.empty(free - (1 << 30), dtype=torch.uint8, device="cuda")
    with pytest.raises(DeviceMemoryError) as told:
        stylize(
            picture(2048), picture(2048), config, weights=weights, device="cuda", check_memory=False
        )
    assert told.value.remedies
    gc.collect()
    assert torch.cuda.memory_allocated() - before - len(taken) < 1 << 20
    smaller = config.replace(size=256)
    stylize(picture(256), picture(256), smaller, weights=weights, device="cuda")
