"""Every number that the bounds of a setting let in makes a run that ends, or is refused."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_nst import RunControl, Step, StyleConfig, iter_stylize
from napari_nst.errors import ConfigError, NstError
from napari_nst.settings.config import choices, setting_type
from napari_nst.settings.presets import PRESETS
from napari_nst.weights import Weights
from tests.core.textbook import thin_vgg

THIN = Weights("thin", {k: v.float() for k, v in thin_vgg(16).items()}, "torchvision", "bounds")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 20, 24, 3), np.uint8)
LAYERS = {"style_layers": ("relu1_1", "relu2_1"), "content_layers": ("relu2_2",)}
SMALL = {"size": 20, "min_scale": 16, "steps": 3, "precision": "float32", "lbfgs_history": 3}
LISTS = {
    "content_layer_weights": 1,
    "style_layer_weights": 2,
    "scale_steps": 1,
    "blend": 1,
    "style_scales": 1,
    "style_rotations": 1,
}

NUMBERS = {
    each.name: each
    for each in fields(StyleConfig)
    if not choices(each.name)
    and any(kind in str(setting_type(each.name)) for kind in ("int", "float"))
}


def extremes(name: str) -> list[float]:
    """The bounds of a field, what is next to them, and the least there is above 0."""
    bounds = NUMBERS[name].metadata
    low, high = bounds["minimum"], bounds["maximum"]
    if "float" not in str(setting_type(name)):
        return [low, low + 1, high - 1, high]
    inside = [math.nextafter(low, high), math.nextafter(high, low), 5e-324, 1e-30]
    return [low, high, *(value for value in inside if low <= value <= high)]


def run_briefly(config: StyleConfig) -> None:
    """Take three steps at most; any error but the project's own, and any warning, is a failure."""
    control = RunControl()

    def taken() -> Iterator[Step]:
        result = yield from iter_stylize(
            *PIXELS, config, weights=THIN, device="cpu", control=control
        )
        assert result.reason in ("finished", "stopped", "converged", "diverged")
        assert result.image.dtype == np.uint8

    with suppress(NstError):
        for count, step in enumerate(taken(), 1):
            assert step.image().dtype == np.uint8
            if count == 3:
                control.stop()


def test_every_number_has_both_bounds() -> None:
    without = [
        name
        for name, each in NUMBERS.items()
        if each.metadata["minimum"] is None or each.metadata["maximum"] is None
    ]
    assert not without
    assert {"adam_beta1", "size", "seed", "style_layer_weights"} <= set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_beyond_a_bound_is_refused(name: str) -> None:
    low, high = (NUMBERS[name].metadata[bound] for bound in ("minimum", "maximum"))
    for value in (low - 1, high + max(1, high * 1e-9), 10**400, -(10**400), math.inf, math.nan):
        given = (value,) * LISTS[name] if name in LISTS else value
        with pytest.raises(ConfigError, match=f"^{name} is "):
            StyleConfig(**LAYERS, **{name: given})


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_run_at_the_bounds_of_a_number_ends_in_good_order(name: str, optimizer: str) -> None:
    for value in extremes(name):
        given = (value,) * LISTS[name] if name in LISTS else value
        changes = SMALL | LAYERS | {"optimizer": optimizer, "init": "noise", name: given}
        run_briefly(StyleConfig(pyramid="down_to", **changes))


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(
    preset=st.sampled_from(sorted(PRESETS)),
    init=st.sampled_from(["content", "noise"]),
    balance=st.sampled_from(["published", "matched"]),
    data=st.data(),
)
def test_a_run_with_several_numbers_at_their_bounds_ends_in_good_order(
    preset: str, init: str, balance: str, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(NUMBERS)), max_size=5, unique=True))
    changes: dict[str, Any] = {}
    for name in names:
        value = data.draw(st.sampled_from(extremes(name)), label=name)
        changes[name] = (value,) * LISTS[name] if name in LISTS else value
    assume(changes.get("size", 0) < 65535)  # refused for memory, after seconds
    basis = SMALL | LAYERS | {"style_layer_weights": (), "init": init, "balance": balance}
    run_briefly(StyleConfig.preset(preset, **(basis | changes)))


def test_a_run_without_any_slope_stays_where_it_is() -> None:
    config = StyleConfig.preset(
        "johnson", content_weight=0, style_weight=0, tv_weight=0, **(SMALL | LAYERS)
    )
    run_briefly(config)
