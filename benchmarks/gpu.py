"""One step and its memory on a GPU, against the textbook, by CUDA's own clock.

    python -m benchmarks.gpu              every size: a table for docs/performance.md
    python -m benchmarks.gpu --profile    where a step of 512 and of 1024 px goes

Gatys' losses, L-BFGS with ten pairs, noise of equal sides as content and style. Each way has some
steps to warm up; then the median of steps timed by events. Memory is the most that its tensors
took. `float32` multiplies in float32, `tf32` rounds what is multiplied to TF32.
"""

import argparse
import statistics
from contextlib import nullcontext

import torch
from benchmarks.bench_step import our_steps, pair
from benchmarks.textbook import lbfgs
from benchmarks.textbook import steps as textbook_steps

from napari_nst.weights import load

SIDES = (512, 1024, 2048, 4096)
WARM_UP, ROUNDS = 12, {512: 30, 1024: 20, 2048: 10, 4096: 6}
WAYS = (
    ("textbook", "float32"),
    ("textbook", "tf32"),
    ("textbook", "autocast"),
    ("ours", "float32"),
    ("ours", "tf32"),
    ("ours", "bfloat16"),
)


def main():
    arguments = _arguments()
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    if arguments.profile:
        for side in (512, 1024):
            print(profile(side))
        return
    print("| side | way | ms a step | peak GB |\n|---|---|---|---|")
    for side in arguments.sides:
        for who, how in WAYS:
            try:
                ms, peak = measured(who, how, side)
            except torch.OutOfMemoryError:
                print(f"| {side} | {who} {how} | out of memory | |", flush=True)
            else:
                print(f"| {side} | {who} {how} | {ms:.2f} | {peak / 1e9:.2f} |", flush=True)
            torch.cuda.empty_cache()


def measured(who, how, side):
    """Give the median milliseconds of a step and the bytes at the peak."""
    for backend in (torch.backends.cuda.matmul, torch.backends.cudnn):
        backend.allow_tf32 = how != "float32"
    steps = taken(who, how, side)
    torch.cuda.reset_peak_memory_stats()
    durations = []
    for step in range(WARM_UP + ROUNDS[side]):
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        next(steps)
        ended.record()
        torch.cuda.synchronize()
        if step >= WARM_UP:
            durations.append(began.elapsed_time(ended))
    steps.close()
    return statistics.median(durations), torch.cuda.max_memory_allocated()


def taken(who, how, side):
    """Take steps of the textbook or of ours."""
    content, style = pair(side)
    weights = load("untrained")
    if who == "ours":
        precision = "bfloat16" if how == "bfloat16" else "float32"
        yield from our_steps(weights, content, style, precision, device="cuda")
        return
    tensors = {key: tensor.cuda() for key, tensor in weights.tensors.items()}
    pictures = [
        torch.from_numpy(each).permute(2, 0, 1)[None].contiguous().cuda()
        for each in (content, style)
    ]
    narrow = torch.autocast("cuda", torch.bfloat16) if how == "autocast" else nullcontext()
    with narrow:
        yield from textbook_steps(tensors, *pictures, lbfgs)


def profile(side):
    """List what took most of the GPU's time in ten steps of ours."""
    steps = taken("ours", "bfloat16", side)
    for _ in range(WARM_UP):
        next(steps)
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as found:
        for _ in range(10):
            next(steps)
        torch.cuda.synchronize()
    events = found.key_averages()
    # Operations are listed beside their kernels, with the same time.
    own = [event for event in events if event.device_type == torch.autograd.DeviceType.CUDA]
    kernels = sorted(own, key=lambda event: -event.self_device_time_total)[:22]
    busy = sum(event.self_device_time_total for event in own) / 1e4
    lines = [
        f"{each.self_device_time_total / 1e4:8.3f} ms {each.count / 10:7.1f}x {each.key[:90]}"
        for each in kernels
    ]
    calls = sorted(events, key=lambda event: -event.self_cpu_time_total)[:12]
    lines += [
        f"{each.self_cpu_time_total / 1e4:8.3f} ms CPU {each.count / 10:7.1f}x {each.key[:70]}"
        for each in calls
    ]
    return "\n".join([f"{side} px: the GPU is busy for {busy:.2f} ms a step", *lines])


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    return parser.parse_args()


if __name__ == "__main__":
    main()
