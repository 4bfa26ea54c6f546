"""How many steps the preconditioner of L-BFGS saves: `python benchmarks/preconditioner.py`.

Each run is taken twice, without it and with it. For each it prints after how many steps the run
with it has the loss that the other ends with, and what share of that loss it ends with itself.
"""

import argparse
from pathlib import Path

from napari_nst import StyleConfig, iter_stylize
from napari_nst.files.images import read_picture
from napari_nst.weights import load

RUNS = {
    "gatys": {},
    "gatys from noise": {"init": "noise"},
    "gatys at strength 4": {"style_strength": 4.0},
    "seed": {},
    "johnson": {},
    "spst": {"pyramid": "single"},
}


def main():
    args = parsed()
    pictures = [read_picture(path) for path in (args.content, args.style)]
    weights = load(args.weights)
    same = {"size": args.size, "steps": args.steps, "style_fit": "shrink", "lbfgs_history": 10}
    for name, changes in RUNS.items():
        config = StyleConfig.preset(name.split()[0], **same, **changes)
        plain, helped = (
            [
                step.loss
                for step in iter_stylize(
                    *pictures, config.replace(lbfgs_preconditioner=kind), weights=weights
                )
            ]
            for kind in ("none", "binomial")
        )
        reached = next((at for at, loss in enumerate(helped) if loss <= plain[-1]), None)
        print(
            f"{name}: {reached} steps of {len(plain) - 1}; {helped[-1] / plain[-1]:.2f} of the loss"
        )


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=61)
    parser.add_argument("--weights", default="builtin")
    return parser.parse_args()


if __name__ == "__main__":
    main()
