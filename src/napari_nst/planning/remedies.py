"""Refuse a run that does not fit into memory, and suggest settings that would fit."""

from dataclasses import replace

import torch

from napari_nst.errors import DeviceMemoryError, Remedy, TooLargeError
from napari_nst.planning.estimate import MARGIN, Plan
from napari_nst.planning.free_memory import free_bytes
from napari_nst.planning.layout import LayoutPlan, budget_bytes, layout_of
from napari_nst.settings.fields import VARIABLE_MAXIMUM

_SHORT_HISTORY = 10
_ADAM_RATE = 0.02
"""Learning rate on a [0, 1] picture, as in style-transfer-pytorch."""

_LESS = 0.8
"""After a run ran out of memory, suggestions may need at most this share of its estimate.

The share applies to what the run needs beyond the smallest possible run (network, libraries)."""
_SMALLEST_PX = 64


def fitting_layout(plan: Plan, memory_bytes: int | None = None) -> LayoutPlan:
    """Choose how a run's pictures are worked on; small runs are done without a dry run.

    Parameters
    ----------
    memory_bytes
        As `napari_nst.planning.layout.budget_bytes` takes it.

    Raises
    ------
    TooLargeError
        If it does not fit in any way; with what would.
    """
    budget = budget_bytes(plan.device, memory_bytes) / MARGIN
    if plan.config.tile is None and plan.bound_bytes <= budget:
        return LayoutPlan(None, in_files=False, peak_bytes=round(plan.bound_bytes))
    layout = layout_of(plan, budget)
    if layout.peak_bytes <= budget:
        return layout
    offers = remedies(plan, budget)
    raise TooLargeError(
        f"the run needs about {layout.peak_bytes / 1e9:.1f} GB of memory"
        f"{_in_windows(plan, layout)}, and {budget / 1e9:.1f} GB may be used. {_advice(offers)}",
        offers,
    )


def ran_out(plan: Plan) -> DeviceMemoryError:
    """Create the error for a run that ran out of memory; call it after its tensors are freed."""
    if plan.device.type == "cuda":
        torch.cuda.empty_cache()
    smallest = replace(plan, config=plan.config.replace(size=_SMALLEST_PX)).peak_bytes
    needed = smallest + _LESS * max(0, plan.peak_bytes - smallest)
    budget = min(free_bytes(plan.device), MARGIN * needed) / MARGIN
    offers = remedies(plan, budget)
    height, width = plan.sizes[-1]
    return DeviceMemoryError(
        f"memory ran out during the run of {width}x{height} px; its memory is free again. "
        f"{_advice(offers)}",
        offers,
    )


def remedies(plan: Plan, free: float) -> tuple[Remedy, ...]:
    """List changes of settings with which a run fits into `free` bytes, the mildest first."""
    config = plan.config
    found = []
    windows = layout_of(replace(plan, config=config.replace(tile=None)), free).tile_px
    if windows is not None and windows != config.tile:
        found.append(Remedy(f"windows of {windows} px", {"tile": windows}))
    if config.optimizer == "lbfgs":
        if config.lbfgs_history > _SHORT_HISTORY:
            short = {"lbfgs_history": _SHORT_HISTORY}
            found.append(Remedy(f"L-BFGS history {_SHORT_HISTORY}", short))
        rate = _ADAM_RATE * VARIABLE_MAXIMUM[config.variable]
        found.append(Remedy("Adam", {"optimizer": "adam", "learning_rate": rate}))
    found = [
        remedy
        for remedy in found
        if layout_of(replace(plan, config=config.replace(**remedy.changes)), free).peak_bytes
        <= free
    ]
    size = plan.largest_size(free)
    if size is not None and size < plan.wanted_size:
        found.append(Remedy(f"{size} px", {"size": size}))
    return tuple(found)


def _needed(plan: Plan, budget: float) -> int:
    return layout_of(plan, budget).peak_bytes


def _in_windows(plan: Plan, layout: LayoutPlan) -> str:
    if layout.tile_px is not None:
        return f" even in windows of {layout.tile_px} px"
    if plan.config.tile == 0:
        return " without windows (tile=auto needs less)"
    return ""


def _advice(offers: tuple[Remedy, ...]) -> str:
    if not offers:
        return "No size fits. Close other programs, or use smaller pictures."
    ways = [
        " with ".join(
            f"{name}={value:g}" if name != "optimizer" else f"{name}={value}"
            for name, value in offer.changes.items()
        )
        for offer in offers
    ]
    return f"What would fit: {' or '.join(ways)}."
