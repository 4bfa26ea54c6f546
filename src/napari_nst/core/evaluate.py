"""Loss and gradient of a picture; the one place where network and objective meet."""

from functools import partial

import torch
from torch import Tensor

from napari_nst.core.loss.objective import Objective, Slopes, Sums
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.network.window import Window
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.settings.config import StyleConfig


def loss_and_gradient(
    picture: Tensor, encoder: Encoder, objective: Objective, config: StyleConfig
) -> Evaluation:
    """Evaluate the loss and its gradient on the whole picture.

    One forward pass adds up the statistics, autograd on these few numbers their slopes, and one
    backward pass carries the slopes to the picture.

    Parameters
    ----------
    picture : Tensor, shape (1, 3, H, W), nominally in [0, 1]
    """
    window = Window.whole((picture.shape[-2], picture.shape[-1]))
    wide = torch.promote_types(encoder.dtype, torch.float32)
    with torch.no_grad():
        statistics: Sums = {}
        tape = encoder.forward(picture, partial(objective.observe, statistics, window=window))
        objective.observe_picture(statistics, picture.to(wide), config, window=window)
    terms, slopes = value_and_slopes(statistics, objective, config)
    with torch.no_grad():
        pullback = partial(objective.pullback, window=window, slopes=slopes)
        gradient = encoder.backward(tape, pullback)
        objective.pullback_to_picture(
            gradient, picture.to(wide), config, window=window, slopes=slopes
        )
    return Evaluation(sum(terms.values()), terms, gradient)


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
