"""What a cluster costs, and what it survives; docs/cluster.md has the numbers.

    python benchmarks/cluster.py equality     one gradient, by four processes and by this one
    python benchmarks/cluster.py survive      a run that loses two of four workers and gains one
    python benchmarks/cluster.py scaling      1, 2 and 4 worker processes with one thread each

All workers are processes of this computer, at 127.0.0.1.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import torch
from distributed import LocalCluster

from napari_nst import StyleConfig, iter_stylize
from napari_nst.core.evaluate import loss_and_gradient_by_windows
from napari_nst.core.loss.targets import Part, measured, objective_of
from napari_nst.core.network.encoder import encoder_for
from napari_nst.core.store.pixels import HeldPixels
from napari_nst.core.tiling.layout import Layout
from napari_nst.distributed.connect import connect
from napari_nst.distributed.executor import Traffic
from napari_nst.weights import load

WORKER = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"]
WORKER += ["--no-dashboard", "--host", "127.0.0.1"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["equality", "survive", "scaling"])
    parser.add_argument("--size", type=int, default=1024, help="side of the picture, px")
    parser.add_argument("--tile", type=int, default=256, help="side of the windows, px")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--steps", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    {"equality": equality, "survive": survive, "scaling": scaling}[arguments.what](arguments)


@contextmanager
def workers(count):
    """Start a scheduler and workers; yield a function that starts more, and the processes."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with LocalCluster(
        n_workers=0, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as scheduler:
        started = []

        def start():
            command = [*WORKER, scheduler.scheduler_address]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            started.append(subprocess.Popen(command, env=environment, **quiet))

        try:
            for _ in range(count):
                start()
            scheduler.wait_for_workers(count, timeout=300)
            yield scheduler.scheduler_address, start, started
        finally:
            for process in started:
                process.terminate()
                process.wait()


def noise(side, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return HeldPixels(torch.rand((1, 3, side, side), generator=generator, dtype=torch.float64))


def evaluator(side, config, layout, dtype):
    """Return a function that evaluates one gradient, and what has been sent for it so far."""
    weights, device = load("untrained"), torch.device("cpu")
    encoder = encoder_for(config, weights.tensors, feed=weights.input, device=device, dtype=dtype)
    style = Part([measured(encoder, noise(256, 1), config, layout)], (1.0,))
    objective = objective_of(encoder, noise(side, 2), [style], config, layout=layout)
    picture, windows = noise(side, 3), layout.windows((side, side), encoder.taps)
    return lambda: loss_and_gradient_by_windows(
        picture, windows, encoder, objective, config, layout
    )


def equality(arguments):
    config = StyleConfig()
    with workers(4) as (address, _, _):
        executor = connect(address)
        for dtype in (torch.float64, torch.float32):
            here, there = (
                evaluator(arguments.size, config, layout, dtype)().gradient
                for layout in (Layout(), Layout(arguments.tile, executor=executor))
            )
            error = float((there - here).norm() / here.norm())
            print(f"{dtype}: relative L2 of the gradient's difference {error:.1e}", flush=True)
        executor.close()


def survive(arguments):
    """Kill two of four workers in the middle of a step, start one, and end."""
    drawn = np.random.default_rng(0)
    content, style = (
        drawn.integers(0, 256, (arguments.size, arguments.size, 3), np.uint8) for _ in range(2)
    )
    steps = arguments.steps
    config = StyleConfig(size=None, steps=steps, tile=arguments.tile, precision="float32")
    with workers(4) as (address, start, processes):
        executor = connect(address)
        losses = []
        for disturbed in (False, True):
            losses.append([])
            run = iter_stylize(content, style, config, weights="untrained", executor=executor)
            for step in run:
                losses[-1].append(step.loss)
                print(f"step {step.iteration}: loss {step.loss:.6g}, {step.seconds:.1f} s")
                if disturbed and step.iteration == steps // 3:
                    for process in processes[:2]:
                        os.kill(process.pid, signal.SIGKILL)
                        print(f"  killed worker {process.pid} by kill -9", flush=True)
                if disturbed and step.iteration == 2 * steps // 3:
                    start()
                    print(f"  started worker {processes[-1].pid}", flush=True)
        executor.close()
    same = losses[0] == losses[1]
    print(f"the losses of both runs are {'the same, bit for bit' if same else 'DIFFERENT'}")


def scaling(arguments):
    config, dtype = StyleConfig(), torch.float32
    side, tile_px = arguments.size, arguments.tile
    count = len(Layout(tile_px).windows((side, side), config.taps))
    alone = seconds(evaluator(side, config, Layout(tile_px), dtype))
    print(f"{side} px in {count} windows of {tile_px} px, float32, {os.cpu_count()} cores")
    print("| workers | s a step | windows a second | MB a step out | MB a step back |")
    print("|---|---|---|---|---|")
    print(f"| this process | {alone:.2f} | {count / alone:.2f} | 0 | 0 |", flush=True)
    for number in arguments.workers:
        with workers(number) as (address, _, _):
            executor = connect(address)
            evaluate = evaluator(side, config, Layout(tile_px, executor=executor), dtype)
            evaluate()
            executor.traffic = traffic = Traffic()
            taken = seconds(evaluate)
            out, back = (each / 3e6 for each in (traffic.sent_bytes, traffic.received_bytes))
            print(f"| {number} | {taken:.2f} | {count / taken:.2f} | {out:.0f} | {back:.0f} |")
            executor.close()


def seconds(function):
    times = []
    for _ in range(3):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
