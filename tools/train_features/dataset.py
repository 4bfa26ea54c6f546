"""The training set: classes x pictures, generated once into a memory-mapped file."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tools.train_features.scenes import texture_class

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SetSpec:
    """What a generated set holds; equal specs give equal sets on one kind of device."""

    classes: int = 800
    per_class: int = 32
    size: int = 128
    seed: int = 0


def render_class(spec: SetSpec, label: int, device: str = "cpu") -> NDArray[np.uint8]:
    """Render one class, shape (per_class, size, size, 3).

    Each class has its own seeds, so its pictures do not depend on which others are
    rendered or by how many processes.
    """
    name = spec.seed * 1_000_003 + label
    gen = torch.Generator(device).manual_seed(name)
    pictures = texture_class(name)(gen, spec.per_class, spec.size)
    return (pictures * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def _render_into(path: Path, spec: SetSpec, label: int, device: str) -> int:
    torch.set_num_threads(1)
    np.lib.format.open_memmap(path, mode="r+")[label] = render_class(spec, label, device)
    return label


def open_set(folder: Path, spec: SetSpec, *, processes: int = 2, device: str = "cpu") -> Tensor:
    """Open the set of a spec, uint8, shape (classes, per_class, size, size, 3), on the disk.

    It is made first if the folder does not hold it.
    """
    path, done = folder / "pictures.npy", folder / "pictures.json"
    if not done.exists() or json.loads(done.read_text()) != asdict(spec):
        shape = (spec.classes, spec.per_class, spec.size, spec.size, 3)
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            jobs = [
                pool.submit(_render_into, path, spec, label, device)
                for label in range(spec.classes)
            ]
            for job in jobs:
                if job.result() % 50 == 0:
                    log.info("class %d of %d", job.result(), spec.classes)
        done.write_text(json.dumps(asdict(spec)))
    return torch.from_numpy(np.lib.format.open_memmap(path, mode="c"))
