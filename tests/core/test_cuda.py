"""On a GPU, where there is one: the same losses, the memory foretold, and a way back from none."""

import gc

import numpy as np
import pytest
import torch

from napari_nst import StyleConfig, estimate, stylize
from napari_nst.errors import DeviceMemoryError
from napari_nst.presets import PRESETS
from napari_nst.weights import load

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")

RANDOM = np.random.default_rng(0)


def picture(side):
    return RANDOM.integers(0, 256, (side, side, 3), np.uint8)


@pytest.fixture(scope="module")
def weights():
    return load("builtin")


@pytest.fixture(autouse=True)
def exact_products(monkeypatch):
    for backend in (torch.backends.cuda.matmul, torch.backends.cudnn):
        monkeypatch.setattr(backend, "allow_tf32", False)
    yield
    gc.collect()
    torch.cuda.empty_cache()


def losses(config, weights, device):
    content, style = (np.random.default_rng(seed).random((96, 128, 3)) for seed in (1, 2))
    done = stylize(content, style, config, weights=weights, device=device)
    return [point.loss for point in done.history]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_descend_as_on_the_cpu(name, weights):
    config = StyleConfig.preset(name, size=128, steps=4, precision="float32")
    here, there = (losses(config, weights, device) for device in ("cuda", "cpu"))
    assert here == pytest.approx(there, rel=5e-3)


@pytest.mark.parametrize("name", PRESETS)
def test_sixteen_bits_stay_near_thirty_two(name, weights):
    narrow, wide = (
        StyleConfig.preset(name, size=128, steps=20, precision=precision)
        for precision in ("bfloat16", "float32")
    )
    last = losses(narrow, weights, "cuda")[-1]
    assert last == pytest.approx(losses(wide, weights, "cuda")[-1], rel=0.2)


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
    assert foretold == pytest.approx(peak, rel=0.15)


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
