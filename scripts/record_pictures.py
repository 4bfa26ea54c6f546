"""Record what runs compute, and compare two records: does a change of the code change a picture.

    python scripts/record_pictures.py record /tmp/before.npz
    python scripts/record_pictures.py compare /tmp/before.npz /tmp/after.npz

A record holds, for each preset and for settings that they leave out, the losses of all steps, the
final picture and the first step's gradient. Records are comparable between versions of the code on
one machine with one thread; keep them outside the repository.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_nst import StyleConfig, iter_stylize
from napari_nst.core.run import Run, RunStep
from napari_nst.settings.presets import PRESETS
from napari_nst.settings.record import SteeringEvent
from napari_nst.weights import load

GRADIENT_TOLERANCE = 1e-6
"""Relative L2 error up to which first gradients are equal where sums run in another order."""

SCALES = {"pyramid": "down_to", "min_scale": 32, "scale_ratio": 2.0, "scale_steps": (4, 3)}
STEERING = (
    SteeringEvent(1, "style_strength", 3.0),
    SteeringEvent(2, "tv_weight", 0.5),
    SteeringEvent(4, "colors", "content"),
)

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{preset: (preset, {}) for preset in PRESETS},
    **{
        f"{kind} {tv}": ("gatys", {"style_loss": kind, "tv_loss": tv, "tv_weight": 1e-2} | SCALES)
        for kind in ("gram", "gram_paper", "gram_moments", "wasserstein", "local_wasserstein")
        for tv in ("l1", "l2")
    },
    "scales of adam": ("crowsonkb", SCALES),
    "scales of spst": ("spst", {"min_scale": 40, "scale_steps": (4, 3)}),
    "noise": ("gatys", {"init": "noise", "noise_std": 20.0} | SCALES),
    "bfloat16": ("default", {"precision": "bfloat16"}),
    "float64": ("default", {"precision": "float64", "steps": 3}),
    "moments": ("spst", {"steps": 4, "moments_weight": 1e5, "clamp": "closure"}),
    "l2 pooling": ("gatys", {"steps": 4, "pooling": "l2", "padding": "replicate"}),
    "no content": ("gatys", {"steps": 4, "content_layers": ()}),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "two styles": {"styles": 2},
    "opacity": {"has_opacity": True},
    "steered": {"events": STEERING},
    "untrained": {"weights": "untrained"},
    "started": {"has_start": True},
}
"""Of runs of the preset "default" that differ in more than settings."""


def picture(height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """Return a picture of coarse blocks with fine noise; uint8."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 200, (height // 8, width // 8, channels)).repeat(8, 0).repeat(8, 1)
    return (blocks + random.integers(0, 56, blocks.shape)).astype(np.uint8)


def recorded(
    config: StyleConfig,
    *,
    styles: int = 1,
    has_opacity: bool = False,
    has_start: bool = False,
    events: tuple[SteeringEvent, ...] = (),
    weights: str = "builtin",
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the losses, the picture and the first gradient of a run, by name."""
    gradients: list[np.ndarray] = []
    genuine = Run.steps

    def watched(run: Run) -> Iterator[RunStep]:
        for step in genuine(run):
            if not gradients:
                gradients.append(step.evaluation.gradient.double().numpy().copy())
            yield step

    Run.steps = watched  # type: ignore[method-assign] # the front door hands out no gradients
    run = iter_stylize(
        picture(80, 96, 4 if has_opacity else 3, seed=1),
        [picture(72 + 16 * index, 104, 3, seed=2 + index) for index in range(styles)],
        config,
        weights=load(weights, seed=0),
        device="cpu",
        init=picture(40, 48, 3, seed=9) if has_start else None,
        events=events,
    )
    try:
        while True:
            next(run)
    except StopIteration as end:
        result = end.value
    finally:
        Run.steps = genuine  # type: ignore[method-assign]
    yield "losses", np.array([point.loss for point in result.history])
    yield "picture", result.image
    yield "painted", result.painted
    yield "gradient", gradients[0]


def record(path: Path) -> None:
    """Run all cases and write what they give."""
    torch.set_num_threads(1)
    size = {"size": 96, "precision": "float32", "steps": 6}
    found: dict[str, np.ndarray] = {}
    for name, (preset, changes) in CASES.items():
        for part, values in recorded(StyleConfig.preset(preset, **(size | changes))):
            found[f"{name}: {part}"] = values
    for name, options in OPTIONS.items():
        for part, values in recorded(StyleConfig.preset("default", **(size | SCALES)), **options):
            found[f"{name}: {part}"] = values
    np.savez(path, **found)  # type: ignore[arg-type] # one of savez's own options is a bool


def compare(before: Path, after: Path) -> bool:
    """Print what differs; return whether all is equal, or first gradients within tolerance."""
    one, two = np.load(before), np.load(after)
    is_equal = set(one) == set(two)
    for name in sorted({key.partition(": ")[0] for key in one if key in two}):
        differing = [
            part
            for part in ("losses", "picture", "painted", "gradient")
            if not np.array_equal(one[f"{name}: {part}"], two[f"{name}: {part}"])
        ]
        if differing:
            error = _relative(one[f"{name}: gradient"], two[f"{name}: gradient"])
            losses = _relative(one[f"{name}: losses"], two[f"{name}: losses"])
            is_equal &= error <= GRADIENT_TOLERANCE
            print(f"{name}: {', '.join(differing)}; gradient {error:.1e}, losses {losses:.1e}")
    print("equal" if is_equal else "NOT equal", f"({len(one)} arrays)")
    return is_equal


def _relative(one: np.ndarray, two: np.ndarray) -> float:
    if one.shape != two.shape:
        return float("inf")
    return float(np.linalg.norm(one - two) / np.linalg.norm(one))


if __name__ == "__main__":
    task, *paths = sys.argv[1:]
    if task == "record":
        record(Path(paths[0]))
    else:
        sys.exit(not compare(*map(Path, paths)))
