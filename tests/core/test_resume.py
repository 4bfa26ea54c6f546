"""A run that is resumed takes the steps that it would have taken."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_nst.core.control import RunControl
from napari_nst.core.loss.objective import PUBLISHED
from napari_nst.core.network.encoder import Encoder
from napari_nst.core.picture import Picture, Pictures
from napari_nst.core.run import Run
from napari_nst.errors import ConfigError
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import SteeringEvent

SCALES = {"pyramid": "down_to", "min_scale": 24, "scale_ratio": 2.0, "scale_steps": (4, 4)}
STEERING = (
    SteeringEvent(2, "style_strength", 3.0),
    SteeringEvent(2, "style_layer_weights", (1.0, 2.0)),
    SteeringEvent(6, "content_weight", 2.0),
    SteeringEvent(9, "colors", "content"),
)
LAYERS = {"content_layers": ("relu2_2",), "style_layers": ("relu1_1", "relu2_1")}

SETTINGS = {
    "lbfgs": StyleConfig(**SCALES),
    "lbfgs in float64": StyleConfig(**SCALES, precision="float64", lbfgs_history=2),
    "16-bit pairs": StyleConfig(**SCALES, precision="bfloat16", lbfgs_history=3),
    "preconditioned": StyleConfig.preset("default", **SCALES),
    "painterly": StyleConfig.preset("painterly", **SCALES),
    "line search": StyleConfig.preset("gordicaleksa", **SCALES),
    "clamped closure": StyleConfig.preset("tutorial", **SCALES),
    "adam, averaged": StyleConfig.preset("crowsonkb", **SCALES),
    "lbfgs, averaged": StyleConfig(**SCALES, averaging=0.8, lbfgs_history_later=2),
    "noise": StyleConfig.preset("johnson", **SCALES),
    "spst": StyleConfig.preset("spst", min_scale=24, scale_steps=(4, 4)),
}


def picture(height: int, width: int, seed: int) -> Picture:
    rgb = torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed))
    return Picture((rgb * 255).round() / 255, None, np.dtype(np.uint8))


def run_of(
    config: StyleConfig,
    tensors: Mapping[str, Tensor],
    events: Sequence[SteeringEvent] = STEERING,
    control: RunControl | None = None,
) -> Run:
    config = config.replace(size=48, **LAYERS, style_layer_weights=(1.0, 1.0))
    dtype = {"float64": torch.float64, "bfloat16": torch.bfloat16}.get(config.precision)
    encoder = Encoder(
        tensors,
        feed="torchvision",
        taps=(*config.content_layers, *config.style_layers),
        pooling=config.pooling,
        padding=config.padding,
        dtype=dtype or torch.float32,
    )
    return Run(
        Pictures(picture(36, 48, 1), [picture(40, 44, 2)]),
        encoder,
        config,
        grey=torch.full((1, 3, 1, 1), 0.5),
        balance=PUBLISHED,
        control=control or RunControl(),
        events=events,
    )


def serialised(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def restored(content: bytes) -> dict:
    return torch.load(io.BytesIO(content), weights_only=True)


@pytest.mark.parametrize("config", SETTINGS.values(), ids=SETTINGS)
def test_every_state_leads_to_the_same_losses_and_picture(
    config: StyleConfig, tiny_tensors: Mapping[str, Tensor]
) -> None:
    whole = run_of(config, tiny_tensors)
    states, losses = [serialised(whole.state())], []
    for step in whole.steps():
        losses.append(step.evaluation.loss)
        states.append(serialised(whole.state()))
    assert len(losses) == 8
    assert len({tuple(size) for size in whole.sizes}) == 2
    for done, state in enumerate(states):
        again = run_of(config, tiny_tensors, events=())
        again.resume(restored(state))
        assert again.done == done
        rest = list(again.steps())
        assert [step.evaluation.loss for step in rest] == losses[done:]
        assert [step.iteration for step in rest] == list(range(done + 1, 9))
        assert torch.equal(again.picture, whole.picture)
        np.testing.assert_array_equal(again.image(), whole.image())
        assert (again.events, again.reason) == (whole.events, whole.reason)


def test_a_stopped_run_is_resumed_from_its_last_state(tiny_tensors: Mapping[str, Tensor]) -> None:
    config = SETTINGS["preconditioned"]
    whole = run_of(config, tiny_tensors)
    losses = [step.evaluation.loss for step in whole.steps()]
    for at in range(1, 8):
        control = RunControl()
        stopped = run_of(config, tiny_tensors, control=control)
        for step in stopped.steps():
            if step.iteration == at:
                control.stop()
        assert stopped.reason == "stopped"
        again = run_of(config, tiny_tensors, events=())
        again.resume(restored(serialised(stopped.state())))
        assert [step.evaluation.loss for step in again.steps()] == losses[at:]
        assert torch.equal(again.picture, whole.picture)


def test_a_diverging_run_that_was_resumed_ends_with_the_same_last_good_picture(
    tiny_tensors: Mapping[str, Tensor],
) -> None:
    config = StyleConfig(**SCALES, optimizer="adam", learning_rate=1e6, variable="unit")
    whole = run_of(config, tiny_tensors)
    states = [serialised(whole.state())]
    states += [serialised(whole.state()) for _ in whole.steps()]
    assert whole.reason == "diverged"
    for state in states:
        again = run_of(config, tiny_tensors)
        again.resume(restored(state))
        list(again.steps())
        assert again.reason == "diverged"
        assert torch.equal(again.picture, whole.picture)


def test_a_run_that_no_longer_moves_is_converged_when_resumed(
    tiny_tensors: Mapping[str, Tensor],
) -> None:
    config = StyleConfig(**SCALES, lbfgs_tolerance_grad=1e12)
    whole = run_of(config, tiny_tensors)
    states = [serialised(whole.state()) for _ in whole.steps()]
    assert (whole.reason, whole.done) == ("converged", 4)
    for state in states:
        again = run_of(config, tiny_tensors)
        again.resume(restored(state))
        list(again.steps())
        assert (again.reason, again.done) == ("converged", 4)


def test_states_of_another_format_or_run_are_refused(tiny_tensors: Mapping[str, Tensor]) -> None:
    config = StyleConfig(**SCALES)
    run = run_of(config, tiny_tensors)
    with pytest.raises(ConfigError, match="format 9"):
        run.resume(run.state() | {"format": 9})
    with pytest.raises(ConfigError, match="other sizes or steps"):
        run.resume(run_of(config.replace(steps=3), tiny_tensors).state())


@pytest.mark.parametrize("name", ["course", "done", "scale", "taken", "events", "last_good"])
@pytest.mark.parametrize("value", [None, "x"], ids=["missing", "text"])
def test_a_damaged_state_is_a_sentence(
    tiny_tensors: Mapping[str, Tensor], name: str, value: str | None
) -> None:
    config = SETTINGS[next(iter(SETTINGS))]
    run = run_of(config, tiny_tensors)
    next(iter(run.steps()))
    state = restored(serialised(run.state()))
    if value is None:
        del state[name]
    else:
        state[name] = value
    with pytest.raises(ConfigError, match="this state"):
        run_of(config, tiny_tensors).resume(state)


def test_what_is_no_state_is_a_sentence(tiny_tensors: Mapping[str, Tensor]) -> None:
    with pytest.raises(ConfigError, match="is a dict"):
        run_of(SETTINGS[next(iter(SETTINGS))], tiny_tensors).resume([])
