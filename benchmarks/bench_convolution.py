"""One convolution with its ReLU: Winograd's way against the direct one, both ours: `make bench`."""

import pytest
import torch
import torch.utils.benchmark

from napari_nst.core.network import convolution
from napari_nst.core.network.convolution import Convolution

LAYERS = [(64, 64, 512), (128, 128, 256), (128, 256, 128), (256, 256, 128), (512, 512, 64)]


@pytest.mark.parametrize(("inputs", "outputs", "side"), LAYERS)
def test_winograd_against_direct(benchmark, monkeypatch, inputs, outputs, side):
    weight = torch.randn(outputs, inputs, 3, 3) / (9 * inputs) ** 0.5
    picture = torch.randn(1, inputs, side, side).contiguous(memory_format=torch.channels_last)
    layer = Convolution(
        weight, torch.zeros(outputs), device=torch.device("cpu"), dtype=torch.float32
    )
    seconds = {}
    for way, least in (("direct", 1 << 20), ("winograd", 1)):
        monkeypatch.setattr(convolution, "_WINOGRAD_CHANNELS", least)
        run_by_strips(layer, picture)
        seconds[way] = min(timed(run_by_strips, layer, picture) for _ in range(5))
    benchmark.pedantic(run_by_strips, args=(layer, picture), rounds=3)
    gflops = 18 * inputs * outputs * side**2 / seconds["direct"] / 1e9
    ratio = seconds["direct"] / seconds["winograd"]
    print(f"\n{inputs} to {outputs} channels: {ratio:.2f} times the direct {gflops:.0f} GFLOP/s")


def timed(function, *args):
    timer = torch.utils.benchmark.Timer(
        "function(*args)", globals={"function": function, "args": args},
        num_threads=torch.get_num_threads(),
    )  # fmt: skip
    return timer.timeit(1).mean


def run_by_strips(layer, picture):
    size = picture.shape[-2:]
    count = layer.strip_rows(*size)
    for first in range(0, size[0], count):
        top, last = max(0, first - 1), min(size[0], first + count)
        window = picture[:, :, top : last + 1]
        layer.forward(window, size, top=top - (first - 1), count=last - first, relu=True)
