"""The training loop: boxed by time, resumable, on CPU or CUDA.

Learning rate and crop size follow the share of the time spent, so the run ends
annealed whatever the machine's speed: small crops first, which are cheap, large
ones last, which teach the deep layers their surroundings.
"""

from __future__ import annotations

import csv
import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_nst.core.device import resolve_precision
from tools.train_features.augment import Batch, drawing_cells, make_batch
from tools.train_features.fold import Tensors, unfold
from tools.train_features.network import Learner
from tools.train_features.parallel import average, shared_clock

log = logging.getLogger(__name__)

STAGES: dict[str, tuple[tuple[float, int, int], ...]] = {
    "cpu": ((0.0, 32, 48), (0.6, 64, 16)),
    "cuda": ((0.0, 48, 512), (0.3, 96, 256)),
}
"""Share of the time from which on crops have a side in pixels, and a batch how many."""
TAP_WEIGHTS = (0.3, 0.5, 0.7, 1.0)
SMALLEST_REGION = 0.04


@dataclass(frozen=True)
class TrainSpec:
    """Settings of a run.

    ``minutes`` is the time spent in training steps; ``rank`` is this worker's of
    ``workers``, each with batches of its own.
    """

    minutes: float
    peak_rate: float = 0.05
    momentum: float = 0.9
    decay: float = 5e-4
    smoothing: float = 0.1
    drawing_weight: float = 1.0
    warm_up: float = 0.02
    seed: int = 0
    device: str = "cpu"
    rank: int = 0
    workers: int = 1


@dataclass
class Progress:
    """How far a run is: what a checkpoint holds besides the tensors."""

    step: int = 0
    crops: int = 0
    seconds: float = 0.0
    recent: dict[str, float] = field(default_factory=dict)


def stage(spec: TrainSpec, share: float) -> tuple[int, int]:
    """Side of the crops in pixels, and crops in a batch, at a share of the time."""
    stages = STAGES[torch.device(spec.device).type]
    return [(size, batch) for start, size, batch in stages if share >= start][-1]


def rate(spec: TrainSpec, share: float) -> float:
    """Learning rate: a short linear warm-up, then half a cosine down to zero."""
    if share < spec.warm_up:
        return spec.peak_rate * max(share, 1e-3) / spec.warm_up
    part = min(1.0, (share - spec.warm_up) / (1 - spec.warm_up))
    return spec.peak_rate * (0.5 + 0.5 * math.cos(math.pi * part)) + 1e-5


def losses(spec: TrainSpec, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Return "loss" and its parts: naming at each tap, weighted by area, and drawing."""
    area = batch.mask.mean((1, 2, 3))
    areas = torch.cat([area, 1 - area])
    keep = (areas > SMALLEST_REGION).nonzero()[:, 0]
    weight, label = areas[keep] / areas[keep].sum(), batch.labels.flatten()[keep]
    device = torch.device(spec.device)
    narrow = resolve_precision("auto", device) == torch.bfloat16
    with torch.autocast(device.type, torch.bfloat16, enabled=narrow):
        logits, drawing = model(batch.pictures, batch.mask, keep)
    parts, total = {}, torch.zeros((), device=area.device)
    for tap, at_tap, tap_weight in zip(Learner.NAMING, logits.float(), TAP_WEIGHTS, strict=True):
        each = F.cross_entropy(at_tap, label, label_smoothing=spec.smoothing, reduction="none")
        parts[tap] = (each * weight).sum()
        total = total + tap_weight * parts[tap]
    parts["draw"] = F.mse_loss(drawing.float(), drawing_cells(batch.pictures))
    parts["right"] = ((logits[-1].argmax(-1) == label) * weight).sum()
    return {"loss": total + spec.drawing_weight * parts["draw"], **parts}


def parameter_groups(model: nn.Module, decay: float) -> list[dict[str, object]]:
    """Part the parameters: weights decay, biases and normalisation do not."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": weights, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]


class Run:
    """A training run with its checkpoint and log in one folder."""

    def __init__(self, spec: TrainSpec, pictures: Tensor, folder: Path) -> None:
        torch.manual_seed(spec.seed)
        torch.backends.cudnn.benchmark = True
        self.spec, self.folder = spec, folder
        self.pictures = pictures.to(spec.device)
        self.model = Learner(len(pictures)).to(spec.device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(
            parameter_groups(self.model, spec.decay), lr=spec.peak_rate,
            momentum=spec.momentum, nesterov=True, fused=True,
        )  # fmt: skip
        self.progress = Progress()

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept."""
        return self.folder / "checkpoint.pt"

    @property
    def share(self) -> float:
        """Share of the time that is spent."""
        return self.progress.seconds / (60 * self.spec.minutes)

    def resume(self) -> None:
        """Continue from the folder's checkpoint, if there is one."""
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, map_location=self.spec.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.progress = Progress(**state["progress"])
            log.info("resumed at step %d", self.progress.step)

    def start_from(self, tensors: Tensors) -> None:
        """Begin with a packed file's features, if the run has not begun."""
        if not self.progress.step:
            gen = torch.Generator(self.spec.device).manual_seed(self.spec.seed)
            unfold(self.model.trunk, tensors, make_batch(self.pictures, gen, 64, 64).pictures)

    def save(self) -> None:
        """Write the checkpoint; an interrupted write leaves the old one."""
        if self.spec.rank:
            return
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": vars(self.progress),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def step(self) -> None:
        """Do one step; its batch depends on the seed and the step's number alone."""
        start, spec = time.monotonic(), self.spec
        draw = self.progress.step * spec.workers + spec.rank
        gen = torch.Generator(spec.device).manual_seed(spec.seed * 1_000_003 + draw)
        size, count = stage(spec, self.share)
        batch = make_batch(self.pictures, gen, count, size)
        layout = batch.pictures.contiguous(memory_format=torch.channels_last)
        batch = Batch(layout, batch.mask, batch.labels)
        for group in self.optimiser.param_groups:
            group["lr"] = rate(spec, self.share)
        parts = losses(spec, self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        parts["loss"].backward()
        average(p.grad for p in self.model.parameters() if p.grad is not None)
        self.optimiser.step()
        told = torch.stack([part.detach().float() for part in parts.values()]).tolist()
        self._note(count, dict(zip(parts, told, strict=True)))
        self.progress.seconds = shared_clock(self.progress.seconds + time.monotonic() - start)

    def _note(self, crops: int, parts: dict[str, float]) -> None:
        """Count the step and keep running means of the losses."""
        old = self.progress.recent
        self.progress.recent = {k: 0.95 * old.get(k, v) + 0.05 * v for k, v in parts.items()}
        self.progress.step += 1
        self.progress.crops += crops * self.spec.workers

    def train(self, *, log_every: int = 20, save_every_s: float = 120.0) -> None:
        """Step until the time is spent; log, and save now and then and at the end."""
        self.model.train()
        saved = time.monotonic()
        while self.share < 1:
            self.step()
            noted = self.progress.step % log_every == 0 or self.share >= 1
            if noted and not self.spec.rank:
                self._log()
            if time.monotonic() - saved > save_every_s:
                self.save()
                saved = time.monotonic()
        self.save()

    def _log(self) -> None:
        """Write the losses, of the first worker's crops, to the log and to log.csv."""
        progress = self.progress
        row: dict[str, float] = {
            "step": progress.step, "crops": progress.crops, "seconds": round(progress.seconds, 1),
            "size": stage(self.spec, self.share)[0], "rate": round(rate(self.spec, self.share), 6),
            **{name: round(value, 4) for name, value in progress.recent.items()},
        }  # fmt: skip
        log.info(" ".join(f"{name} {value:g}" for name, value in row.items()))
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
