import pytest

from napari_nst.errors import ConfigError
from napari_nst.files.user_presets import NamedPreset, save_preset
from napari_nst.runs.sweep import PRESET, Axis, SweepPlace, columns_of, pairs, sweep
from napari_nst.settings.config import StyleConfig

BASE = StyleConfig.preset("gatys", size=64, steps=5, init="noise")


def test_one_axis_goes_down_the_grid_and_changes_nothing_else():
    variants = sweep(BASE, [Axis("seed", (3, 1, 2))])
    assert [variant.config for variant in variants] == [BASE.replace(seed=s) for s in (3, 1, 2)]
    assert [(variant.row, variant.column) for variant in variants] == [(0, 0), (1, 0), (2, 0)]


def test_two_axes_give_every_combination_row_by_row():
    variants = sweep(BASE, [Axis("style_strength", (0.5, 2.0)), Axis("seed", (1, 2, 3))])
    assert [(v.config.style_strength, v.config.seed) for v in variants] == [
        (strength, seed) for strength in (0.5, 2.0) for seed in (1, 2, 3)
    ]
    assert [(v.row, v.column) for v in variants] == [(r, c) for r in (0, 1) for c in (0, 1, 2)]


def test_a_name_says_what_differs_and_only_that():
    variants = sweep(BASE, [Axis("style_strength", (0.5, 2.0)), Axis("seed", (1,))])
    assert [v.name for v in variants] == [
        "style strength 0.5 · seed 1",
        "style strength 2 · seed 1",
    ]


@pytest.mark.parametrize("field", ["seed", "noise_std"])
@pytest.mark.parametrize("from_picture", [True, False])
def test_a_setting_of_noise_is_refused_where_no_run_starts_from_noise(field, from_picture):
    base = BASE.replace(init="noise" if from_picture else "content")
    axes = [Axis("style_strength", (0.5, 2.0)), Axis(field, (1, 2))]
    with pytest.raises(ConfigError, match=r"^(Seed|Noise) acts only when starting from noise\."):
        sweep(base, axes, from_picture=from_picture)
    assert len(sweep(BASE, axes)) == 4


def test_a_share_of_the_start_is_refused_where_all_start_from_the_content():
    axis = Axis("init_blend", (0.2, 0.5))
    with pytest.raises(ConfigError, match=r"only when starting from noise or from another layer\."):
        sweep(BASE.replace(init="content"), [axis])
    assert len(sweep(BASE, [axis], from_picture=True)) == len(sweep(BASE, [axis])) == 2
    both = [Axis("init_blend", (0.0, 0.5)), Axis("seed", (1, 2))]
    with pytest.raises(ConfigError, match="acts only when starting from noise"):
        sweep(BASE, both)  # of the content's share alone, seeds are one run


def test_a_seed_without_noise_is_refused():
    with pytest.raises(ConfigError, match="Seed acts only"):
        sweep(BASE.replace(noise_std=0), [Axis("seed", (1, 2))])


def test_a_start_cannot_vary_where_all_start_from_a_layer():
    axis = Axis("init", ("content", "noise"))
    with pytest.raises(ConfigError, match="start from a layer"):
        sweep(BASE, [axis], from_picture=True)
    assert len(sweep(BASE, [axis])) == 2


@pytest.mark.parametrize(
    "axis",
    [
        Axis("style_strength", (1.0, 1.00000001)),
        Axis("style_layer_weights", ((), (1.0,) * 5, (4.0, 2.0, 1.0, 1.0, 1.0))),
        Axis("steps", (None, 5, 10)),
        Axis("optimizer", ("adam", "lbfgs")),
    ],
    ids=lambda axis: axis.field,
)
def test_names_of_a_sweep_are_all_different(axis):
    names = [variant.name for variant in sweep(BASE, [axis])]
    assert len(set(names)) == len(axis.values)


def test_a_sweep_of_presets_keeps_what_the_user_changed_in_the_base():
    base = StyleConfig.preset("crowsonkb", size=64, seed=9)
    gatys, crowsonkb = (v.config for v in sweep(base, [Axis(PRESET, ("gatys", "crowsonkb"))]))
    assert gatys == StyleConfig.preset("gatys", size=64, seed=9)
    assert crowsonkb == base


@pytest.fixture
def bold(own_presets_folder):
    """A preset of the user's own."""
    config = StyleConfig.preset("crowsonkb", size=80, averaging=0.5)
    save_preset("bold", config)
    return NamedPreset("bold", config)


def test_a_sweep_of_presets_goes_through_own_ones_too(bold):
    gatys, own = sweep(BASE, [Axis(PRESET, ("gatys", "bold"))])
    assert gatys.config == BASE
    assert own.config == bold.config.replace(size=64, steps=5, init="noise")
    assert (gatys.preset, own.preset) == (None, bold)


def test_what_an_own_preset_sets_is_not_taken_for_the_users_change(bold):
    base = bold.config.replace(seed=9)
    gatys, own = sweep(base, [Axis(PRESET, ("gatys", "bold"))], preset=bold)
    assert gatys.config == StyleConfig.preset("gatys", seed=9)
    assert own.config == base
    (only,) = sweep(base, [Axis("steps", (3,))], preset=bold)
    assert only.preset == bold


def test_the_other_axis_wins_over_presets():
    variants = sweep(BASE, [Axis(PRESET, ("crowsonkb",)), Axis("optimizer", ("adam", "lbfgs"))])
    assert [variant.config.optimizer for variant in variants] == ["adam", "lbfgs"]
    assert variants[0].name == "preset crowsonkb · optimizer adam"


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ([], "one or two"),
        ([Axis("seed", (1,))] * 3, "one or two"),
        ([Axis("seed", (1,)), Axis("seed", (2,))], "two different"),
        ([Axis("seed", ())], "no values for seed"),
        ([Axis("seed", (-1,))], "seed"),
        ([Axis("sede", (1,))], "unknown setting sede"),
        ([Axis("seed", tuple(range(20))), Axis("steps", tuple(range(1, 7)))], "20 x 6 = 120 runs"),
    ],
)
def test_a_sweep_that_cannot_be_says_why(axes, words):
    with pytest.raises(ConfigError, match=words):
        sweep(BASE, axes)


def test_every_content_meets_every_style_row_by_row():
    grid = pairs({"cat": 1, "harbour": 2}, {"waves": 3, "ink": 4})
    assert [pair.pictures for pair in grid] == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert [(pair.row, pair.column) for pair in grid] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert grid[1].name == "cat × ink"


def test_pairs_are_named_by_content_and_style_however_many_there_are():
    assert [p.name for p in pairs({"cat": 1}, {"waves": 3, "ink": 4})] == [
        "cat × waves",
        "cat × ink",
    ]
    assert [p.name for p in pairs({"cat": 1, "dog": 2}, {"ink": 4})] == ["cat × ink", "dog × ink"]
    (pair,) = pairs({"content-chelsea": 1}, {"style-starry-night": 2})
    assert pair.name == "conten…elsea × style-…night"


def test_pairs_of_nothing_or_of_too_much_are_refused():
    with pytest.raises(ConfigError, match="at least one"):
        pairs({}, {"ink": 1})
    with pytest.raises(ConfigError, match="2 x 2 = 4 runs; a sweep has 3"):
        pairs({"a": 1, "b": 2}, {"c": 3, "d": 4}, limit=3)


def test_a_grid_has_columns_while_its_last_row_fills_and_none_with_a_hole():
    places = [SweepPlace(1, row, column) for row in range(2) for column in range(3)]
    assert columns_of(places) == columns_of(reversed(places)) == columns_of(places[:4]) == 3
    assert columns_of([*places[:1], *places[2:]]) == -1
    assert columns_of(places[::3]) == -1, "one column: napari knows better"
