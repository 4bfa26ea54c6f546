import dataclasses
import json

import numpy as np
import pytest

from napari_nst import RunControl
from napari_nst.errors import ConfigError
from napari_nst.settings import config as module
from napari_nst.settings.config import StyleConfig, choices
from napari_nst.settings.presets import PRESETS


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_survives_json(name: str) -> None:
    config = StyleConfig.preset(name, size=300, steps=10, style_layer_weights=(1, 2, 3, 4, 5.5))
    assert StyleConfig.from_json(config.to_json()) == config


def test_settings_absent_from_json_get_the_presets_values() -> None:
    assert StyleConfig.from_json('{"name": "seed"}') == StyleConfig.preset("seed")


def test_a_config_is_frozen_and_replace_makes_another() -> None:
    config = StyleConfig()
    assert config.replace(steps=7).steps == 7
    assert config.steps is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 3}, "size is between 16 and 65536; got 3"),
        ({"size": 100.5}, "size is an integer"),
        ({"steps": 0}, "steps"),
        ({"steps": True}, "an integer"),
        ({"style_strength": -1}, "at least 0"),
        ({"style_strength": 1e13}, r"between 0 and 1e\+12"),
        ({"adam_beta1": 1}, "adam_beta1 is between 0 and 0.999999; got 1"),
        ({"style_strength": float("nan")}, "a number"),
        ({"pooling": "median"}, "max, average"),
        ({"content_layers": ("relu9_1",)}, "relu9_1"),
        ({"content_layers": "relu4_2"}, "list of values"),
        ({"content_layers": (), "style_layers": ()}, "at least one"),
        ({"style_layer_weights": (1.0, 2.0)}, "5 style layers; got 2"),
        ({"content_layer_weights": (1.0, 2.0)}, "1 content layers; got 2"),
        ({"colors": "red"}, "style, palette, histogram, content, luminance, before, none"),
        ({"scale_steps": ()}, "at least one"),
        ({"averaging": 1.0}, "averaging"),
        ({"stile_weight": 1.0}, "unknown setting stile_weight"),
    ],
)
def test_bad_settings_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StyleConfig().replace(**changes)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"nonsense": 1}', '{"steps": "many"}'])
def test_what_is_no_settings_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        StyleConfig.from_json(text)


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="gatys"):
        StyleConfig.preset("picasso")


def test_every_field_says_what_it_is() -> None:
    for field in dataclasses.fields(StyleConfig):
        assert field.metadata["title"]
        assert field.metadata["help"].endswith(".")


def test_closed_sets_are_known_to_forms() -> None:
    assert choices("optimizer") == ("lbfgs", "adam")
    assert choices("size") == ()


OLD_DEFAULT = {
    "name": "default", "size": 512, "steps": None, "style_strength": 1.0, "content_weight": 1.0,
    "style_weight": 1000.0, "tv_weight": 0.0, "content_layers": ["relu4_2"],
    "style_layers": ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"],
    "style_layer_weights": [], "content_loss": "mse", "style_loss": "gram", "tv_loss": "l1",
    "moments_weight": 0.0, "variable": "byte", "feed": "weights", "pooling": "max",
    "padding": "zeros", "init": "content", "noise_std": 1.0, "optimizer": "lbfgs",
    "learning_rate": 1.0, "adam_beta1": 0.9, "adam_beta2": 0.999, "lbfgs_history": 10,
    "lbfgs_history_later": None, "lbfgs_tolerance_grad": 1e-07, "lbfgs_tolerance_change": 1e-09,
    "lbfgs_preconditioner": "binomial", "line_search": "none", "clamp": "none", "averaging": 0.0,
    "pyramid": "down_to", "min_scale": 128, "scale_ratio": 2.0, "scale_steps": [60, 30, 12],
    "scale_detail": 1.0, "resample": "bicubic", "style_fit": "shrink", "style_scale": 1.0,
    "balance": "auto", "precision": "auto", "seed": 0,
}  # fmt: skip
"""What `to_dict` gave of the preset "default" before formats had a number."""


def test_settings_of_the_former_default_are_those_of_its_new_name() -> None:
    assert StyleConfig.from_dict(OLD_DEFAULT) == StyleConfig.preset("default-2026-11")
    changed = StyleConfig.from_dict(OLD_DEFAULT | {"style_strength": 3.0})
    assert changed == StyleConfig.preset("default-2026-11", style_strength=3.0)


def test_a_short_list_by_hand_means_the_preset_of_today() -> None:
    assert StyleConfig.from_dict({"name": "default"}) == StyleConfig.preset("default")


def test_files_from_before_the_preconditioner_are_read_as_they_ran() -> None:
    older = {k: v for k, v in OLD_DEFAULT.items() if k != "lbfgs_preconditioner"}
    assert StyleConfig.from_dict(older).lbfgs_preconditioner == "none"


def test_settings_from_before_the_grain_are_read_without_it() -> None:
    config = StyleConfig.preset("default", style_strength=3.0)
    first = {k: v for k, v in config.to_dict().items() if k != "scale_grain"} | {"format": 1}
    assert StyleConfig.from_dict(first) == config.replace(scale_grain=0.0)
    assert StyleConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (3, "update napari-nst"),
        *((each, "an integer from 1") for each in ("1", None, True, 1.5, 0, -1)),
    ],
)
def test_a_format_that_is_not_known_is_refused(number: object, message: str) -> None:
    settings = StyleConfig().to_dict() | {"format": number}
    with pytest.raises(ConfigError, match=message):
        StyleConfig.from_dict(settings)


def test_layer_weights_go_with_their_layers() -> None:
    config = StyleConfig.preset("default", content_layers=("relu4_2",))
    assert config.content_layer_weights == ()
    assert StyleConfig.preset("default", steps=3).content_layer_weights == (0.4, 1.0, 2.0)
    both = {"content_layers": ("relu4_2",), "content_layer_weights": (3.0,)}
    assert StyleConfig.preset("default", **both).content_layer_weights == (3.0,)


def test_annotations_are_resolved_once_for_all_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    genuine = module.get_type_hints
    monkeypatch.setattr(module, "get_type_hints", lambda of: calls.append(of) or genuine(of))
    for cached in (module._setting_types, module.choices):
        cached.cache_clear()
    StyleConfig().replace(steps=3)
    StyleConfig.preset("crowsonkb")
    assert calls == [StyleConfig]


def test_numpys_scalars_and_arrays_are_numbers_and_lists() -> None:
    config = StyleConfig(
        size=np.int64(300),
        style_strength=np.float32(0.5),
        content_weight=np.longdouble(2),
        seed=np.array(7),
        style_layer_weights=np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
        scale_steps=[np.uint8(3), 2],
    )
    plain = StyleConfig(
        size=300,
        style_strength=0.5,
        content_weight=2.0,
        seed=7,
        style_layer_weights=(1.0, 2.0, 3.0, 4.0, 5.0),
        scale_steps=(3, 2),
    )
    assert config == plain
    assert config.to_json() == plain.to_json()
    assert hash(config) == hash(plain)
    control = RunControl()
    control.steer(style_strength=np.float32(0.5), style_layer_weights=[np.int8(1)] * 5)
    assert json.dumps(control.take_changes())


@pytest.mark.parametrize(
    "changes",
    [
        {"size": np.bool_(True)},
        {"size": np.array([300])},
        {"style_strength": 10**400},
        {"style_strength": 10**5000},
        {"seed": 10**5000},
        {"style_strength": np.nan},
        {"pooling": np.array(["max", "max"])},
        {"pooling": ["max"]},
        {"style_layers": np.zeros((2, 2))},
        {"style_layers": [["relu1_1"]]},
        {"style_layers": None},
        {"name": None},
    ],
)
def test_a_value_of_another_kind_is_refused_by_a_short_sentence(changes: dict) -> None:
    with pytest.raises(ConfigError) as caught:
        StyleConfig(**changes)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "settings", [{"self": 1}, {"cls": 1}, {1: 2}, {("a",): 1}, {"x" * 9999: 1}]
)
def test_names_that_are_no_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match="unknown setting"):
        StyleConfig.from_dict(settings)
