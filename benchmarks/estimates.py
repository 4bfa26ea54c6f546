"""Estimated against measured: memory and time of real runs, each in a process of its own.

    python benchmarks/estimates.py                  every case
    python benchmarks/estimates.py --only spst      the cases whose line has this word
    python benchmarks/estimates.py --largest        30 steps at 2048 px, some minutes

On a CPU, measured memory is the peak of the process's resident memory above that after the
imports; on CUDA it is torch.cuda.max_memory_allocated. Time is that of `stylize`. Noise is
stylised, with the weights that come with the package. No case learns from those before it.
"memory_mb" is what a run may take, of a size that has its arrays in files.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHALLOW = {
    "optimizer": "adam",
    "precision": "bfloat16",
    "content_layers": ("relu2_2",),
    "content_layer_weights": (),
    "style_layers": ("relu1_1", "relu2_1"),
    "style_layer_weights": (),
}
CASES = (
    ("gatys", 256, {"steps": 20}),
    ("gatys", 256, {"steps": 110}),
    ("gatys", 256, {"steps": 20, "precision": "bfloat16"}),
    ("gatys", 512, {"steps": 15, "optimizer": "adam"}),
    ("gatys", 512, {"steps": 15, "lbfgs_history": 10}),
    ("gatys", 512, {"steps": 60}),
    ("gatys", 512, {"steps": 10, "pooling": "average"}),
    ("gatys", 512, {"steps": 10, "pooling": "l2"}),
    ("gatys", 512, {"steps": 10, "styles": 3}),
    ("gatys", 1024, {"steps": 6, "optimizer": "adam"}),
    ("gatys", 1024, {"steps": 14, "lbfgs_history": 10}),
    ("gatys", 1024, {"steps": 6, "precision": "bfloat16"}),
    ("gatys", 1024, {"steps": 14, "lbfgs_history": 10, "precision": "bfloat16"}),
    ("default", 512, {}),
    ("seed", 512, {"steps": 10}),
    ("johnson", 512, {"steps": 10}),
    ("gordicaleksa", 400, {"steps": 10}),
    ("tutorial", 512, {"steps": 10}),
    ("crowsonkb", 512, {"steps": 30}),
    ("crowsonkb", 1024, {"steps": 16}),
    ("spst", 1024, {"steps": 8, "min_scale": 511}),
    ("gatys", 2048, {"steps": 2, "optimizer": "adam"}),
    ("gatys", 2048, {"steps": 4, "lbfgs_history": 10}),
    ("gatys", 1024, {"steps": 2, "optimizer": "adam", "tile": 512}),
    ("gatys", 1024, {"steps": 2, "optimizer": "adam", "tile": 512, "precision": "bfloat16"}),
    ("gatys", 1024, {"steps": 2, "optimizer": "adam", "tile": 256}),
    ("gatys", 1536, {"steps": 2, "tile": 256, "memory_mb": 700} | SHALLOW),
    ("gatys", 2048, {"steps": 2, "tile": 256, "memory_mb": 900} | SHALLOW),
    ("gatys", 1024, {"steps": 8, "lbfgs_history": 10, "tile": 256, "precision": "bfloat16"}),
    ("default", 768, {"scale_steps": (2, 2, 2, 2, 2), "tile": 256}),
)
LARGEST = (("gatys", 2048, {"steps": 30}),)
STATUS = Path("/proc/self/status")


def main():
    arguments = _arguments()
    if arguments.case:
        print(json.dumps(measured(*json.loads(arguments.case))))
        return
    _measure_speed()
    print("| preset | size | settings | memory est / real | ratio | time est / real | ratio |")
    print("|---|---|---|---|---|---|---|")
    for case in LARGEST if arguments.largest else CASES:
        if arguments.only in str(case):
            print(line(case), flush=True)


def line(case):
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"{case}: {done.stderr.strip().splitlines()[-1]}"
    found = json.loads(done.stdout.splitlines()[-1])
    preset, size, changes = case
    settings = ", ".join(f"{name} {value}" for name, value in changes.items())
    return (
        f"| {preset} | {size} | {settings} "
        f"| {found['estimated_bytes'] / 1e6:.0f} / {found['bytes'] / 1e6:.0f} MB "
        f"| {found['estimated_bytes'] / found['bytes']:.2f} "
        f"| {found['estimated_s']:.1f} / {found['s']:.1f} s "
        f"| {found['estimated_s'] / found['s']:.2f} |"
    )


def measured(preset, size, changes):
    import numpy as np
    import torch

    from napari_nst import StyleConfig, estimate, stylize
    from napari_nst.planning import past_runs

    past_runs.cache_file = lambda: Path(tempfile.gettempdir(), f"lessons-{os.getpid()}.json")
    styles, memory_mb = changes.pop("styles", 1), changes.pop("memory_mb", None)
    memory = memory_mb and status_bytes("VmRSS") + memory_mb * 1_000_000
    config = StyleConfig.preset(preset, size=size, **changes)
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (size, size, 3), np.uint8) for _ in range(1 + styles)]
    shapes = [each.shape for each in pictures]
    expected = estimate(config, shapes[0], shapes[1:], memory=memory)
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # peak := now
    before = 0 if gpu else status_bytes("VmRSS")
    began = time.perf_counter()
    stylize(pictures[0], pictures[1:], config, memory=memory)
    return {
        "estimated_bytes": expected.peak_bytes,
        "bytes": torch.cuda.max_memory_allocated() if gpu else status_bytes("VmHWM") - before,
        "estimated_s": expected.seconds,
        "s": time.perf_counter() - began,
    }


def _measure_speed():
    """Put the device's speed into the cache, which would warm the processes that are measured."""
    from napari_nst import StyleConfig, estimate

    for precision in ("float32", "bfloat16"):
        estimate(StyleConfig(precision=precision), (64, 64), (64, 64))


def status_bytes(name):
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--largest", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
