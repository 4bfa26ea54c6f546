import pytest

from napari_nst.errors import ConfigError
from napari_nst.runs.sweep import PRESET
from napari_nst.runs.sweep_values import parse_values


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        ("style_strength", "0.5, 1, 2", (0.5, 1.0, 2.0)),
        ("seed", "3,1 , 2,", (3, 1, 2)),
        ("steps", "preset, 100", (None, 100)),
        ("size", "original, none", (None,)),
        ("style_layer_weights", "equal; 4, 2", ((), (4.0, 2.0))),
        ("steps", "10..30 +10", (10, 20, 30)),
        ("optimizer", "adam, lbfgs", ("adam", "lbfgs")),
        ("style_layer_weights", "1,2; 4, 2", ((1.0, 2.0), (4.0, 2.0))),
        (PRESET, "gatys, spst", ("gatys", "spst")),
        ("style_strength", "0,5; 1; 2", (0.5, 1.0, 2.0)),
        ("style_strength", "0,5..1,5 +0,5;", (0.5, 1.0, 1.5)),
        ("optimizer", "adam; lbfgs", ("adam", "lbfgs")),
        ("seed", "", ()),
    ],
)
def test_values_are_read_by_the_type_of_their_setting(field, text, values):
    got = parse_values(field, text)
    assert got == values
    assert [type(value) for value in got] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1..4", (1, 2, 3, 4)),
        ("1..8 x2", (1, 2, 4, 8)),
        ("1..9 x2", (1, 2, 4, 8)),
        ("0.1..0.5 +0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("0.01..10 x10", (0.01, 0.1, 1, 10)),
        ("5..5", (5,)),
        ("0, 1..2, 1e1", (0, 1, 2, 10)),
    ],
)
def test_a_range_counts_in_the_decimals_that_the_user_wrote(text, values):
    assert parse_values("style_strength", text) == values


def test_a_value_written_twice_counts_once():
    assert parse_values("style_strength", "1, 2, 1.0, 1..3") == (1, 2, 3)


@pytest.mark.parametrize(
    "text",
    [
        *("4..1", "0..8 x2", "1..4 x1", "1..4 +0", "1..4 -1", "1..4 x", "1..", ".."),
        *("1..4 +inf", "1..nan", "0.5..2", "1...4", "a..b", "1..4 +1 +1"),
    ],
)
def test_what_is_no_rising_range_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match=r"such as 1\.\.4"):
        parse_values("style_strength", text)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("seed", "1, two", "an integer"),
        ("seed", "1..3 +0.5", "an integer"),
        ("sede", "1", "did you mean 'seed'"),
        (PRESET, "gatis", "choose from .*gatys"),
        ("seed", "0..1000000000", "over 100 values"),
        ("style_strength", "1e40..2e40 +1", "over 100 values"),
    ],
)
def test_other_texts_are_refused_in_plain_words(field, text, words):
    with pytest.raises(ConfigError, match=words):
        parse_values(field, text)
