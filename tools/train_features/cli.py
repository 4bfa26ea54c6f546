"""Command line: generate, train, fold, calibrate, pack, and draw the progress."""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path

from torch import Tensor

from napari_nst.weights._files import read, read_header
from tools.train_features.dataset import SetSpec, open_set
from tools.train_features.figures import progress_figure
from tools.train_features.finish import Origin, current_commit, pack_trained, write_trained
from tools.train_features.parallel import run_workers
from tools.train_features.train import Run, TrainSpec


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tools.train_features", description=__doc__)
    parser.add_argument("--minutes", type=float, default=95.0, help="time for training")
    parser.add_argument("--out", type=Path, required=True, help="pictures, checkpoint, log")
    parser.add_argument("--classes", type=int, default=800)
    parser.add_argument("--per-class", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--workers", type=int, default=2, help="processes that draw, and on a CPU train"
    )
    parser.add_argument("--start", type=Path, help="packed features to begin with, not at random")
    parser.add_argument("--rate", type=float, default=0.05, help="the highest learning rate")
    parser.add_argument(
        "--pack-only", action="store_true", help="pack the folder's trained.safetensors anew"
    )
    parser.add_argument("--commit", default=current_commit(), help="recorded in the file")
    return parser.parse_args()


def generated(args: argparse.Namespace) -> Tensor:
    """Open the training set, which is made first if need be."""
    spec = SetSpec(args.classes, args.per_class, seed=args.seed)
    return open_set(args.out, spec, processes=args.workers, device=args.device)


def train(args: argparse.Namespace, rank: int, workers: int) -> Run:
    """Train, as one worker of several, from the last checkpoint to the end of the time."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = TrainSpec(
        args.minutes, args.rate, seed=args.seed, device=args.device, rank=rank, workers=workers
    )
    run = Run(settings, generated(args), args.out)
    run.resume()
    if args.start:
        run.start_from(read(args.start).tensors)
    run.train()
    return run


def main() -> None:
    """Run every stage; each picks up what the folder already holds."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = generated(args)
    trained = args.out / "trained.safetensors"
    if not args.pack_only:
        if args.device == "cpu" and args.workers > 1:
            run_workers(partial(train, args), args.workers, args.out)
        run = train(args, 0, 1)
        start = read_header(args.start)["sha256"] if args.start else "random"
        write_trained(run, trained, Origin(args.commit, args.seed, run.progress.crops, start))
        progress_figure(args.out / "log.csv", args.out / "progress.png")
    pack_trained(trained, pictures, args.out / "builtin.safetensors", args.commit)
