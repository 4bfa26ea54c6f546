"""A run's name tells the settings that it has: as asked, and as steered."""

import pytest

from napari_nst.runs.naming import RunName, unique
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import SteeringEvent

ASKED = StyleConfig(style_strength=1.0)
STEERED = ASKED.replace(style_strength=6.0)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("a × b · steps 400 · style strength 1", "a × b · steps 400 · style strength 6"),
        ("a × b · style strength 1 · builtin", "a × b · style strength 6 · builtin"),
        ("a × b · style strength 1 [2] · replay", "a × b · style strength 6 · replay"),
        ("a × b · default", "a × b · default · style strength 6"),
        ("style strength 1.0 · seed 3", "style strength 6 · seed 3"),
    ],
)
def test_the_value_steered_to_stands_where_the_old_one_stood_else_at_the_end(asked, told):
    assert RunName(asked).steered(ASKED, STEERED).text == told
    assert RunName(asked).steered(ASKED, ASKED).text == asked


def test_a_setting_that_was_only_counted_is_counted_no_longer():
    changed = {"size": 99, "steps": 7, "seed": 4, "style_strength": 1.0}
    counted = RunName("a × b · size 99 · steps 7 · 2 more", changed=changed)
    steered = counted.steered(ASKED, STEERED).text
    assert steered == "a × b · size 99 · steps 7 · 1 more · style strength 6"
    del changed["seed"]
    counted = RunName("a × b · size 99 · steps 7 · 1 more", changed=changed)
    assert counted.steered(ASKED, STEERED).text == "a × b · size 99 · steps 7 · style strength 6"


def test_a_replay_says_what_it_repeats_unless_it_stopped_before():
    again = RunName("a × b · style strength 6 · replay")
    events = [SteeringEvent(9, "style_strength", 6.0)]
    assert again.steered(ASKED, STEERED, events).text == again.text
    assert again.steered(ASKED, ASKED, events).text == "a × b · style strength 1 · replay"


def test_a_taken_name_is_numbered_as_napari_does():
    assert unique("a", {"b"}) == "a"
    assert unique("a", {"a", "a [1]"}) == "a [2]"
