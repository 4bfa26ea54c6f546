import dataclasses

import pytest

from napari_nst.config import StyleConfig, choices
from napari_nst.errors import ConfigError
from napari_nst.presets import PRESETS


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
        ({"size": 100.5}, "size is a whole number"),
        ({"steps": 0}, "steps"),
        ({"steps": True}, "whole number"),
        ({"style_strength": -1}, "at least 0"),
        ({"style_strength": float("nan")}, "a number"),
        ({"pooling": "median"}, "max, average"),
        ({"content_layers": ("relu9_1",)}, "relu9_1"),
        ({"content_layers": "relu4_2"}, "list of values"),
        ({"content_layers": (), "style_layers": ()}, "at least one"),
        ({"style_layer_weights": (1.0, 2.0)}, "5 style layers; got 2"),
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


def test_files_from_before_the_preconditioner_are_read_as_they_ran() -> None:
    settings = StyleConfig.preset("default").to_dict()
    assert StyleConfig.from_dict(settings).lbfgs_preconditioner == "binomial"
    del settings["lbfgs_preconditioner"]
    assert StyleConfig.from_dict(settings).lbfgs_preconditioner == "none"
    assert StyleConfig.from_dict({"name": "default"}) == StyleConfig.preset("default")
