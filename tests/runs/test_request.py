import numpy as np
import pytest

from napari_nst.errors import ConfigError
from napari_nst.runs.request import (
    RunRequest,
    continued,
    extended,
    preview,
    replayed,
    request_of,
)
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.presets import PRESETS
from napari_nst.settings.record import RunRecord, SteeringEvent, picture_hash

CONTENT = np.zeros((8, 10, 3), np.uint8)
STYLE = np.ones((8, 10, 3), np.uint8)
EVENTS = (SteeringEvent(3, "style_strength", 2.0), SteeringEvent(5, "style_strength", 4.0))


def record_of(config=None, **changes):
    hashes = {"content": picture_hash(CONTENT), "styles": [picture_hash(STYLE)]}
    record = RunRecord(config or StyleConfig(), {}, hashes, "untrained", EVENTS, 9, "finished")
    return record.replace(**changes)


def test_settings_steered_to_are_those_of_the_last_events():
    assert record_of().ending.style_strength == 4


def test_lists_that_went_through_json_come_back_as_settings():
    event = SteeringEvent(1, "style_layer_weights", [1.0, 2.0, 3.0, 4.0, 5.0])
    assert record_of(events=(event,)).ending.style_layer_weights == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preview_is_small_and_short_and_else_the_same(name):
    config = StyleConfig.preset(name)
    small = preview(config)
    assert (small.size, small.steps) == (256, 40)
    assert small.replace(size=config.size, steps=config.steps) == config


def test_a_preview_enlarges_nothing():
    small = preview(StyleConfig(size=64, steps=5))
    assert (small.size, small.steps) == (64, 5)


@pytest.mark.parametrize("name", ["crowsonkb", "spst"])
def test_going_on_from_a_result_of_a_pyramid_stays_at_the_final_scale(name):
    config = StyleConfig.preset(name)
    final = continued(config)
    assert final.pyramid == "single"
    assert final.scale_steps == config.scale_steps[-1:]


def test_going_on_from_a_result_of_one_scale_changes_nothing():
    assert continued(StyleConfig()) == StyleConfig()


def test_more_steps_go_on_with_what_was_steered():
    request = RunRequest(CONTENT, (STYLE,), StyleConfig(), "untrained", events=EVENTS, until=4)
    more = extended(request, record_of(), STYLE, steps=7)
    assert more.config.init_blend == 1, "nothing of the content is mixed with the result"
    assert more.init is STYLE
    assert (more.config.steps, more.config.style_strength) == (7, 4)
    assert (more.events, more.until) == ((), None)


def test_a_replay_repeats_steering_and_stop():
    request = RunRequest(CONTENT, (STYLE,), StyleConfig(), "untrained")
    assert replayed(request, record_of()).events == EVENTS
    assert replayed(request, record_of()).until is None
    assert replayed(request, record_of(reason="stopped")).until == 9


def test_the_pictures_of_a_record_are_found_among_the_open_ones():
    request = request_of(record_of(), [STYLE, CONTENT])
    assert request.content is CONTENT
    assert request.styles[0] is STYLE
    assert request.weights == "untrained"


def test_a_file_of_weights_is_taken_from_the_form():
    record = record_of(weights="mine.pth")
    request = request_of(record, [STYLE, CONTENT], weights="/data/mine.pth")
    assert request.weights == "/data/mine.pth"


@pytest.mark.parametrize(
    ("arrays", "missing"),
    [((CONTENT,), "the style of"), ((STYLE,), "the content of"), ((), "content and the style of")],
)
def test_pictures_that_are_not_open_are_named(arrays, missing):
    with pytest.raises(ConfigError, match=missing):
        request_of(record_of(), arrays)


def test_a_start_that_is_not_open_is_named():
    record = record_of()
    record = record.replace(hashes=record.hashes | {"init": "0"})
    with pytest.raises(ConfigError, match="started from"):
        request_of(record, [STYLE, CONTENT])


def test_all_styles_of_a_record_are_found_in_their_order():
    second = np.full((8, 10, 3), 2, np.uint8)
    record = record_of()
    hashes = [picture_hash(each) for each in (second, STYLE)]
    record = record.replace(hashes=record.hashes | {"styles": hashes})
    request = request_of(record, [STYLE, CONTENT, second])
    assert request.styles[0] is second
    assert request.styles[1] is STYLE
    with pytest.raises(ConfigError, match="style 1 of"):
        request_of(record, [STYLE, CONTENT])
