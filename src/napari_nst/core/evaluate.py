"""Loss and gradient of a picture; the one place where network and objective meet."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor

from napari_nst.core.loss.additive import Slopes, Sums, sums_of_windows
from napari_nst.core.loss.objective import Objective
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.window import Window
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.core.store.pixels import HeldPixels, Pixels
from napari_nst.core.tiling.layout import Layout
from napari_nst.core.tiling.wrapping import add_wrapped, read_wrapped
from napari_nst.settings.config import StyleConfig


def loss_and_gradient(
    picture: Tensor,
    encoder: Encoder,
    objective: Objective,
    config: StyleConfig,
    window: Window | None = None,
) -> Evaluation:
    """Evaluate the loss and its gradient on the whole picture.

    One forward pass adds up the statistics, autograd on these few numbers their slopes, and one
    backward pass carries the slopes to the picture.

    Parameters
    ----------
    picture : Tensor, shape (1, 3, H, W), nominally in [0, 1]
    window
        The one window of the picture: with a halo, where the picture wraps.
    """
    whole = Window.whole((picture.shape[-2], picture.shape[-1]))
    window = window or whole
    seen = read_wrapped(HeldPixels(picture), window.outer)
    wide = torch.promote_types(encoder.dtype, torch.float32)
    with torch.no_grad():
        statistics: Sums = {}
        tape = encoder.forward(seen, partial(objective.observe, statistics, window=window), window)
        objective.observe_picture(statistics, seen.to(wide), config, window=window)
    terms, slopes = value_and_slopes(statistics, objective, config)
    with torch.no_grad():
        pullback = partial(objective.pullback, window=window, slopes=slopes)
        gradient = encoder.backward(tape, pullback)
        objective.pullback_to_picture(gradient, seen.to(wide), config, window=window, slopes=slopes)
        if window.outer != whole.outer:
            at_halo, gradient = gradient, gradient.new_zeros(picture.shape)
            add_wrapped(gradient, at_halo, window.outer)
    return Evaluation(sum(terms.values()), terms, gradient)


def loss_and_gradient_by_windows(
    picture: Pixels,
    windows: Iterable[Window],
    encoder: Encoder,
    objective: Objective,
    config: StyleConfig,
    layout: Layout,
) -> Evaluation:
    """Evaluate the loss and its gradient window by window; both are those of the whole picture.

    The first pass adds up the statistics, in the windows' order; the second carries the slopes
    back. Where halos overlap, the windows' gradients are added.

    Parameters
    ----------
    windows
        Iterated twice.
    layout
        Who computes the windows, and where the gradient lies.
    """
    wide = torch.promote_types(encoder.dtype, torch.float32)
    run, store = layout.executor.map, layout.store
    parts = layout.parts(
        encoder, objective, windows, lambda window: read_wrapped(picture, window.outer)
    )
    found = (sums for _, sums in run(statistics_of_window, parts, config))
    statistics = sums_of_windows(found, wide, encoder.device)
    terms, slopes = value_and_slopes(statistics, objective, config)
    gradient = store.zeros((1, 3, *picture.size), wide)
    for window, own in run(gradient_of_window, parts, config, slopes):
        add_wrapped(gradient, own, window.outer)
    return Evaluation(sum(terms.values()), terms, gradient)


@torch.no_grad()
def statistics_of_window(
    encoder: Encoder, objective: Objective, window: Window, part: Tensor, config: StyleConfig
) -> Sums:
    """Add up what the loss needs of a window; `part` is its outer part, shape (1, 3, h, w)."""
    wide = torch.promote_types(encoder.dtype, torch.float32)
    part, found = part.to(encoder.device), Sums()
    encoder.show(part, partial(objective.observe, found, window=window), window)
    objective.observe_picture(found, part.to(wide), config, window=window)
    return found


@torch.no_grad()
def gradient_of_window(
    encoder: Encoder,
    objective: Objective,
    window: Window,
    part: Tensor,
    config: StyleConfig,
    slopes: Slopes,
) -> Tensor:
    """Back-propagate the slopes to a window's outer part, shape (1, 3, h, w)."""
    wide = torch.promote_types(encoder.dtype, torch.float32)
    part = part.to(encoder.device)
    tape = encoder.forward(part, lambda _tap, _rows, _features: None, window)
    own = encoder.backward(tape, partial(objective.pullback, window=window, slopes=slopes))
    objective.pullback_to_picture(own, part.to(wide), config, window=window, slopes=slopes)
    return own


def value_and_slopes(
    statistics: Sums, objective: Objective, config: StyleConfig
) -> tuple[dict[str, float], Slopes]:
    """Compute the weighted terms and ∂loss/∂statistics, by autograd on these few numbers."""
    leaves = {key: value.requires_grad_() for key, value in statistics.items()}
    with torch.enable_grad():
        terms = objective.value(leaves, config)
        total = torch.stack(list(terms.values())).sum()
    slopes = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    values = {name: float(term.detach()) for name, term in terms.items()}
    # Copy scalar slopes to the CPU here: the GPU is already synchronised; in the backward pass
    # each copy would synchronise it again.
    near = [slope if slope is None or slope.ndim else slope.cpu() for slope in slopes]
    return values, dict(zip(leaves, near, strict=True))
