"""The last stages: from a run to its plain network, and from that to the packed file."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from napari_nst.weights._files import read, read_header, write
from tools.train_features.augment import make_batch
from tools.train_features.fold import (
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


def write_trained(run: Run, target: Path, origin: Origin) -> None:
    """Write a trained run as a plain VGG-19 in float32, calibrated."""
    pictures, seed = run.pictures.cpu(), run.spec.seed
    trunk = run.model.trunk.float().cpu()
    settle_statistics(trunk, _generated(pictures, SETTLING, seed + 1))
    folded = {key: tensor.float() for key, tensor in fold(trunk).items()}
    means = mean_activations(folded, _generated(pictures, CALIBRATION, seed + 2))
    write(target, calibrate(folded, means), header=origin.header())


def pack_trained(trained: Path, pictures: Tensor, target: Path, commit: str) -> None:
    """Open lanes of colour in what `write_trained` wrote, calibrate anew, and pack it.

    ``pictures`` are those of `make_batch`; ``commit`` is that of this code.
    """
    header = read_header(trained)
    seed = int(header["seed"]) + 2
    laned = open_lanes(
        read(trained).tensors, _generated(pictures, CALIBRATION, seed), seed=int(header["seed"])
    )
    means = mean_activations(laned, _generated(pictures, CALIBRATION, seed))
    log.info("mean activations with lanes: %s", {n: round(mean, 3) for n, mean in means.items()})
    sha256 = pack(calibrate(laned, means), target, header=header | {"lanes": commit})
    log.info("packed %s, sha256 %s", target, sha256)


def _generated(pictures: Tensor, count: int, seed: int) -> Iterator[Tensor]:
    gen = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield make_batch(pictures, gen, BATCH, SIDE_PX).pictures
