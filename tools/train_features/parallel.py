"""Several single-threaded workers on one machine, each with its own crops.

On a CPU, and most of all on a shared one, the threads of one process wait for each
other at every operation: measured here, two threads took four times as long for a
step as one. Processes meet once a step, to average the gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor


def average(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by their means over the workers; nothing to do in a lone process."""
    if not dist.is_initialized():
        return
    listed = list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in listed])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for tensor, mean in zip(listed, flat.split([t.numel() for t in listed]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def shared_clock(seconds: float) -> float:
    """Return the first worker's seconds to all, so that they end at the same step."""
    if not dist.is_initialized():
        return seconds
    told = torch.tensor([seconds], dtype=torch.float64)
    dist.broadcast(told, 0)
    return float(told)


def _work(rank: int, task: Callable[[int, int], None], count: int, meeting: Path) -> None:
    torch.set_num_threads(1)
    where = f"file://{meeting}"
    dist.init_process_group("gloo", init_method=where, rank=rank, world_size=count)
    task(rank, count)
    dist.destroy_process_group()


def run_workers(task: Callable[[int, int], None], count: int, folder: Path) -> None:
    """Run ``task(rank, count)``, which must be picklable, in ``count`` processes."""
    meeting = (folder / "meeting").resolve()
    meeting.unlink(missing_ok=True)
    mp.spawn(_work, args=(task, count, meeting), nprocs=count)
