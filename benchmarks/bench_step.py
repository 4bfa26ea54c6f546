"""One step, and the memory of a run, against the textbook: `make bench`.

Baseline and ours take turns step by step, so that what else the machine does weighs on both. The
baseline has a process of its own, for ours changes how the C library's heap behaves. On a virtual
machine neighbours may use the processor's matrix units: so in bfloat16 one convolution is timed
before and after each step, and steps between two that ran near their best are summed up apart.
BENCH_WAIT_S=60 waits so long at most for free ones before each step. Each peak is of a process of
its own too, above what it held when all was imported and loaded.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from benchmarks import textbook

from napari_nst import StyleConfig, iter_stylize
from napari_nst.core.device import resolve_precision
from napari_nst.weights import load

SIDES = (256, 512, 1024)
ROUNDS = {256: 41, 512: 31, 1024: 15}
FREE_SHARE = 0.8
"""Of the best speed of the convolution, where the matrix units are called free."""

WAIT_S = float(os.environ.get("BENCH_WAIT_S", "0"))

PEAK_STEPS = 12  # by then the history of ten is full
PRECISIONS = ("float32", "bfloat16")


def pair(side):
    random = np.random.default_rng(0)
    return [random.random((side, side, 3), dtype=np.float32) for _ in range(2)]


def baseline_steps(weights, content, style):
    chw = [np.ascontiguousarray(each.transpose(2, 0, 1)) for each in (content, style)]
    tensors = [torch.from_numpy(each)[None] for each in chw]
    return textbook.steps(weights.tensors, *tensors, textbook.lbfgs)


def our_steps(weights, content, style, precision, device="cpu"):
    config = StyleConfig.preset(
        "gatys", size=len(content), steps=1000, lbfgs_history=10, precision=precision
    )
    return iter_stylize(content, style, config, weights=weights, device=device)


@pytest.fixture(scope="module", params=PRECISIONS)
def precision(request):
    slow = resolve_precision("auto", torch.device("cpu")) == torch.float32
    if request.param == "bfloat16" and slow:
        pytest.skip("no bfloat16 units here")
    return request.param


@pytest.mark.parametrize("side", SIDES)
def test_one_step_against_the_textbook(benchmark, side, precision):
    content, style = pair(side)
    ours = our_steps(load("untrained"), content, style, precision)
    in_units = precision == "bfloat16"
    theirs, probed = [], [[], []]
    with Baseline(side) as baseline:
        baseline.step(), next(ours)

        def take_turn():
            if in_units:
                probed[1].append(convolutions_per_s())
            theirs.append(baseline.step())
            if in_units:
                best = max((*probed[0], *probed[1]))
                probed[0].append(free_units(FREE_SHARE * best))

        benchmark.pedantic(next, args=(ours,), setup=take_turn, rounds=ROUNDS[side])
    ours.close()
    took = benchmark.stats.stats.data
    benchmark.extra_info["ratio"] = statistics.median(theirs) / statistics.median(took)
    print(f"\n{side} px, {precision}, {ratios(theirs, took)}")
    if not in_units:
        return
    before, after = probed[0], [*probed[1][1:], convolutions_per_s()]
    least = FREE_SHARE * max(before + after)
    free = [i for i, speeds in enumerate(zip(before, after, strict=True)) if min(speeds) >= least]
    if free:
        of_free = ratios([theirs[i] for i in free], [took[i] for i in free])
        print(f"  with the matrix units free, {of_free}")


def ratios(theirs, ours):
    """Say how many times the speed of theirs ours has, in steps of seconds each."""
    baseline = statistics.median(theirs)
    return (
        f"{len(ours)} steps: {baseline / statistics.median(ours):.2f} times the speed of "
        f"{baseline:.2f} s a step by medians, {min(theirs) / min(ours):.2f} by the fastest steps"
    )


def free_units(least):
    """Wait for so many convolutions a second, for a while, and give how many there were last."""
    end = time.monotonic() + WAIT_S
    while (found := convolutions_per_s()) < least and time.monotonic() < end:
        time.sleep(0.2)
    return found


def convolutions_per_s():
    """Time a convolution of 19 GFLOP in bfloat16, the fastest of three."""
    weight = torch.ones(256, 256, 3, 3, dtype=torch.bfloat16)
    picture = torch.ones(1, 256, 128, 128, dtype=torch.bfloat16)
    weight, picture = (t.contiguous(memory_format=torch.channels_last) for t in (weight, picture))
    durations = []
    for _ in range(3):
        began = time.perf_counter()
        torch.nn.functional.conv2d(picture, weight, padding=1)
        durations.append(time.perf_counter() - began)
    return 1 / min(durations)


class Baseline:
    """The textbook in a process of its own, which takes a step when it is told to."""

    def __init__(self, side):
        command = [sys.executable, "-m", "benchmarks.bench_step", "turns", str(side)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, **pipes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate()

    def step(self):
        """Take one step and give its seconds."""
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def take_turns(side):
    """Take a step of the textbook for each line read, and print its seconds."""
    steps = baseline_steps(load("untrained"), *pair(side))
    for _ in sys.stdin:
        began = time.perf_counter()
        next(steps)
        print(time.perf_counter() - began, flush=True)


@pytest.mark.parametrize("side", SIDES[1:])
def test_peak_memory_against_the_textbook(side, precision):
    theirs, ours = (peak_bytes(kind, side) for kind in ("textbook", precision))
    print(f"\n{side} px, {precision}: peak {ours / theirs:.2f} of {theirs / 1e9:.2f} GB")


def peak_bytes(kind, side):
    """Run some steps in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bench_step", kind, str(side)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(kind, side):
    """Take the steps and print the bytes at the peak above those at the start."""
    content, style = pair(side)
    weights = load("untrained")
    if kind == "textbook":
        steps = baseline_steps(weights, content, style)
    else:
        steps = our_steps(weights, content, style, kind)
    torch.ones(64, 64) @ torch.ones(64, 64)  # the libraries' own threads and buffers
    start = resident("VmRSS")
    for _ in range(PEAK_STEPS):
        next(steps)
    print(resident("VmHWM") - start)


def resident(field):
    """Bytes of this process's memory, from Linux's own account."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith(field))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    if sys.argv[1] == "turns":
        take_turns(int(sys.argv[2]))
    else:
        main(sys.argv[1], int(sys.argv[2]))
