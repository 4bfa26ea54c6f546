"""The last stage: from a run's checkpoint to the packed file."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tools.train_features.augment import make_batch
from tools.train_features.fold import (
    Tensors,
    calibrate,
    fold,
    mean_activations,
    pack,
    settle_statistics,
)
from tools.train_features.lanes import open_lanes
from tools.train_features.train import Run

log = logging.getLogger(__name__)

SIDE_PX, BATCH, SETTLING, CALIBRATION = 96, 16, 16, 16


@dataclass(frozen=True)
class Origin:
    """Where packed features come from; goes into the file's header.

    ``start`` is the hash of the features that training began with, or "random".
    """

    commit: str
    seed: int
    crops: int
    start: str

    def header(self) -> dict[str, str]:
        """Return the header's entries, all texts."""
        own = {key: str(value) for key, value in vars(self).items()}
        return {"name": "builtin", "input": "torchvision", **own}


def current_commit() -> str:
    """Return the commit of this code, or "unknown" outside of a repository."""
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parent,
    )  # fmt: skip
    return asked.stdout.strip() or "unknown"


def _generated(pictures: NDArray[np.uint8], count: int, seed: int) -> Iterator[Tensor]:
    gen = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield make_batch(pictures, gen, BATCH, SIDE_PX).pictures


def plain_network(run: Run) -> Tensors:
    """Fold a trained run into the tensors of a plain VGG-19, calibrated, with lanes of colour."""
    seed = run.spec.seed
    trunk = run.model.trunk.float().cpu()
    settle_statistics(trunk, _generated(run.pictures, SETTLING, seed + 1))
    folded = {key: tensor.float() for key, tensor in fold(trunk).items()}

    def generated() -> Iterator[Tensor]:
        return _generated(run.pictures, CALIBRATION, seed + 2)

    trained = calibrate(folded, mean_activations(folded, generated()))
    laned = open_lanes(trained, generated(), seed=seed)
    means = mean_activations(laned, generated())
    log.info("mean activations with lanes: %s", {n: round(mean, 3) for n, mean in means.items()})
    return calibrate(laned, means)


def pack_run(run: Run, target: Path, commit: str, start: str) -> None:
    """Write a trained run's features to ``target``."""
    origin = Origin(commit, run.spec.seed, run.progress.crops, start)
    sha256 = pack(plain_network(run), target, header=origin.header())
    log.info("packed %s, sha256 %s", target, sha256)
