"""Loss and gradient of a picture; the one place where network and objective meet."""

from functools import partial

import torch
from torch import Tensor

from napari_nst.core.loss.objective import Objective, Slopes, Sums, total_variation
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.optim.evaluator import Evaluation
from napari_nst.settings.config import VARIABLE_MAXIMUM, StyleConfig


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
    with torch.no_grad():
        statistics: Sums = {}
        tape = encoder.forward(picture, partial(objective.observe, statistics))
    terms, slopes = _value_and_slopes(statistics, objective, config)
    with torch.no_grad():
        gradient = encoder.backward(
            tape,
            lambda tap, rows, features, above: objective.pullback(
                tap, rows, features, above, slopes
            ),
        )
    if config.tv_weight:
        terms["tv"], smoothing = _tv_and_gradient(picture.to(gradient.dtype), config)
        gradient += smoothing
    return Evaluation(sum(terms.values()), terms, gradient)


def _value_and_slopes(
    statistics: Sums, objective: Objective, config: StyleConfig
) -> tuple[dict[str, float], Slopes]:
    leaves = {name: value.requires_grad_() for name, value in statistics.items()}
    with torch.enable_grad():
        terms = objective.value(leaves, config)
        total = torch.stack(list(terms.values())).sum()
    slopes = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    values = {name: float(term.detach()) for name, term in terms.items()}
    # A GPU that has just been waited for is asked for its scalars now, not on the way back.
    near = [slope if slope is None or slope.ndim else slope.cpu() for slope in slopes]
    return values, dict(zip(leaves, near, strict=True))


def _tv_and_gradient(picture: Tensor, config: StyleConfig) -> tuple[float, Tensor]:
    leaf = picture.detach().requires_grad_()
    with torch.enable_grad():
        maximum = VARIABLE_MAXIMUM[config.variable]
        term = config.tv_weight * total_variation(leaf, config.tv_loss, maximum)
    (gradient,) = torch.autograd.grad(term, leaf)
    return float(term.detach()), gradient
