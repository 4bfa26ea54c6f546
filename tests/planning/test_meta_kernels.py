"""Results without data have the shapes, kinds and layouts of real ones."""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from napari_nst.core.evaluate import loss_and_gradient
from napari_nst.core.loss.targets import build_objective
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.optim.adam import Adam
from napari_nst.core.optim.lbfgs import LBFGS
from napari_nst.core.store.store import InMemory
from napari_nst.planning import op_counter
from napari_nst.planning.meta_kernels import META, result_of, tensors_in
from napari_nst.planning.op_counter import OpCounter
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.vgg_layers import CONVS

# Questions about content are answered by rule, and may lead elsewhere.
# A copy to the device it is on already is none; how weights lie is theirs from the file.
ASIDE = {"aten::any", "aten::all", "aten::_local_scalar_dense", "aten::equal"}
ASIDE |= {"aten::_to_copy", "aten::flip", "mkldnn::_reorder_convolution_weight"}


def described(func, result):
    """Name an operation and its results; views and questions aside."""
    kinds = [(tuple(t.shape), t.dtype, t.is_contiguous()) for t in tensors_in(result)]
    return func._schema.name, kinds


class Recorder(TorchDispatchMode):
    """Notes what every operation gives while it really does it."""

    def __init__(self):
        super().__init__()
        self.found = []

    @classmethod
    def _should_skip_dynamo(cls):
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.found.append(described(func, result))
        return result


def thin_network(device, dtype):
    """VGG-19's first three blocks with an eighth of the channels; constant numbers."""
    tensors: dict[str, Tensor] = {}
    for name, (inputs, outputs) in list(CONVS.items())[:8]:
        shape = (outputs // 8, inputs if inputs == 3 else inputs // 8, 3, 3)
        tensors[f"{name}.weight"] = torch.full(shape, 0.05, device=device, dtype=dtype)
        tensors[f"{name}.bias"] = torch.full((shape[0],), 0.1, device=device, dtype=dtype)
    return tensors


def compute(config, device):
    """Two steps of an optimiser, the way a run takes them."""
    taps = config.taps
    encoder = Encoder(
        thin_network(device, torch.float32),
        feed="torchvision",
        taps=taps,
        pooling=config.pooling,
        padding=config.padding,
        dtype=torch.bfloat16 if config.precision == "bfloat16" else torch.float32,
    )
    content, style = (torch.full((1, 3, 45, 62), 0.5, device=device) for _ in range(2))
    objective = build_objective(encoder, content, [style], config)
    variable = torch.full((1, 3, 45, 62), 0.25, device=device)
    if config.optimizer == "adam":
        optimizer = Adam(variable, learning_rate=0.1, betas=(0.9, 0.99), store=InMemory(device))
    else:
        tolerances = {"tolerance_grad": -1.0, "tolerance_change": -1e9}
        asked = config.lbfgs_preconditioner
        smoothing = None if asked == "none" else asked
        optimizer = LBFGS(
            variable,
            learning_rate=0.1,
            history=2,
            smoothing=smoothing,
            store=InMemory(device),
            **tolerances,
        )

    def evaluate():
        found = loss_and_gradient(variable, encoder, objective, config)
        return found.loss, found.gradient

    for _ in range(2):
        optimizer.step(evaluate)


SHALLOW = {"content_layers": ("relu3_2",), "style_layers": ("conv1_1", "relu2_1", "relu3_1")}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lbfgs_preconditioner": "binomial"},
        {"lbfgs_preconditioner": "wide"},
        {"pooling": "average", "optimizer": "adam", "tv_weight": 1.0},
        {"pooling": "l2", "padding": "replicate", "tv_weight": 1.0, "tv_loss": "l2"},
        {"style_loss": "wasserstein"},
        {"style_loss": "local_wasserstein"},
        {"style_loss": "gram_moments", "moments_weight": 1.0, "precision": "bfloat16"},
    ],
    ids=["gram", "preconditioned", "wide", "average", "l2", "wasserstein", "local", "bfloat16"],
)
def test_every_result_without_data_has_the_shape_of_the_real_one(changes, monkeypatch):
    config = StyleConfig(**SHALLOW, **changes)
    with Recorder() as real:
        compute(config, torch.device("cpu"))
    predicted = []

    def noting(func, args, kwargs):
        result = result_of(func, args, kwargs)
        if not func.is_view:
            predicted.append(described(func, result))
        return result

    monkeypatch.setattr(op_counter, "result_of", noting)
    with OpCounter():
        compute(config, META)

    def made(found):
        return {str(each) for each in found if each[0] not in ASIDE}

    assert made(real.found) - made(predicted) == set()
    # Without data every slope counts as there, so the mean's is added where the real one is zero.
    assert {name for name, _ in predicted} - {name for name, _ in real.found} - ASIDE <= {
        "aten::add_"
    }


def test_what_has_no_rule_is_asked_of_torch():
    with OpCounter():
        assert torch.empty((3, 5), device=META).cumsum(1).shape == (3, 5)
