"""One step of a run against a textbook loop in the same process: `make bench`."""

import statistics
import time

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_nst import StyleConfig, iter_stylize
from napari_nst.weights import load

CONTENT, STYLES = "relu4_2", ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
ROUNDS = 5


def textbook(weights, content, style):
    """Yield after every step of Adam, as written in tutorials: no caching, no tricks."""
    names = [name[4:] for name in weights.tensors if name.endswith(".weight")]

    def features(image):
        found, block = {}, "1"
        for name in (name.removesuffix(".weight") for name in names):
            if name[0] != block:
                image, block = functional.max_pool2d(image, 2), name[0]
            kernel = weights.tensors[f"conv{name}.weight"], weights.tensors[f"conv{name}.bias"]
            image = functional.relu(functional.conv2d(image, *kernel, padding=1))
            found[f"relu{name}"] = image
            if name == "5_1":
                return found
        raise AssertionError(names)

    def gram(feature):
        flat = feature[0].flatten(1)
        return flat @ flat.T / flat.shape[1]

    with torch.no_grad():
        aim = features(content)[CONTENT]
        grams = {tap: gram(features(style)[tap]) for tap in STYLES}
    image = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.02)
    while True:
        optimizer.zero_grad()
        found = features(image)
        loss = functional.mse_loss(found[CONTENT], aim)
        for tap in STYLES:
            loss = loss + 1e3 * functional.mse_loss(gram(found[tap]), grams[tap])
        loss.backward()
        optimizer.step()
        yield loss.item()


def seconds(steps):
    next(steps)
    durations = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        next(steps)
        durations.append(time.perf_counter() - began)
    return statistics.median(durations)


@pytest.mark.parametrize("side", [128, 256])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_one_step_against_the_textbook(benchmark, side, optimizer):
    random = np.random.default_rng(0)
    content, style = (random.random((side, side, 3), dtype=np.float32) for _ in range(2))
    weights = load("untrained")
    config = StyleConfig(size=side, steps=100, optimizer=optimizer, precision="float32")
    tensors = [torch.from_numpy(each).permute(2, 0, 1)[None] for each in (content, style)]
    baseline = seconds(textbook(weights, *tensors))
    steps = iter_stylize(content, style, config, weights=weights, device="cpu")
    next(steps)
    benchmark.pedantic(next, args=(steps,), rounds=ROUNDS)
    steps.close()
    ratio = benchmark.stats.stats.median / baseline
    benchmark.extra_info["ratio"] = ratio
    print(f"\n{optimizer} at {side} px: {ratio:.2f} of the textbook's {baseline:.3f} s a step")
