"""Where a step's time goes, by kind of operation: `python -m benchmarks.where SIDE PRECISION`."""

import sys
from collections import Counter

from benchmarks.bench_step import our_steps, pair
from torch.profiler import ProfilerActivity, profile

from napari_nst.weights import load

KINDS = {
    "convolutions": ("convolution", "conv2d"),
    "matrix products: Gram, and Winograd in float32": ("mm",),
    "copies": ("copy_", "clone", "contiguous"),
    "ReLUs": ("threshold", "relu", "clamp"),
    "pooling": ("maximum", "bitwise", "shift", "max_pool"),
}
STEPS = 4
WARM_UP = 12  # the history of ten is full


def kind_of(name):
    return next((kind for kind, words in KINDS.items() if any(w in name for w in words)), "else")


def main(side, precision):
    steps = our_steps(load("untrained"), *pair(side), precision)
    for _ in range(WARM_UP):
        next(steps)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(STEPS):
            next(steps)
    seconds = Counter()
    for event in found.key_averages():
        seconds[kind_of(event.key)] += event.self_cpu_time_total / 1e6 / STEPS
    whole = seconds.total()
    print(f"{side} px, {precision}: {whole:.3f} s a step")
    for kind, part in seconds.most_common():
        print(f"{part / whole:5.0%}  {kind}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
