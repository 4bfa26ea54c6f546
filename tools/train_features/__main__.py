"""Command line: generate, train, fold, calibrate and pack."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from tools.train_features.dataset import SetSpec, open_set
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
    return parser.parse_args()


def main() -> None:
    """Run every stage; each picks up what the folder already holds."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    spec = SetSpec(args.classes, args.per_class, seed=args.seed)
    pictures = open_set(args.out, spec, device=args.device)
    run = Run(TrainSpec(args.minutes, seed=args.seed, device=args.device), pictures, args.out)
    run.resume()
    run.train()


if __name__ == "__main__":
    main()
