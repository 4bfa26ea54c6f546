"""Hostile and damaged JSON, everywhere that JSON is read."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_nst.errors import ConfigError
from napari_nst.files import json_cache
from napari_nst.files.images import read_settings, write_picture
from napari_nst.files.user_presets import own_preset
from napari_nst.planning import device_speed as speed
from napari_nst.plugin.common import preferences
from napari_nst.plugin.layers.records import record_in
from napari_nst.runs.request import request_of
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.json_reader import DEEPEST, check_plain, parse_json, read_json_file
from napari_nst.settings.record import METADATA_KEY, RunRecord, SteeringEvent

RECORD = RunRecord(
    StyleConfig.preset("default", size=64, style_layer_weights=(1.0, 2.0, 3.0, 4.0, 5.0)),
    {"device": "cpu", "scales": [[32, 64]], "balance": {"content": 1.0, "style": 2.0}},
    {"content": "0a", "styles": ["1b", "2c"], "weights": "3d"},
    "builtin",
    (SteeringEvent(3, "style_strength", 2.0), SteeringEvent(4, "style_layer_weights", (1.0,) * 5)),
    steps_done=5,
    reason="finished",
)

HOSTILE = {
    "a name twice": '{"size": 64, "size": 65}',
    "a name twice among many": '{"size": 64'
    + "".join(f', "{at}": 0' for at in range(50_000))
    + ', "49999": 1}',
    "nesting": '{"config": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "nested tables": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "open nesting": '{"a": ' + "[" * 100_000,
    "digits": '{"size": ' + "9" * 5000 + "}",
    "negative digits": '{"seed": -' + "9" * 5000 + "}",
    "float digits": '{"style_strength": ' + "9" * 5000 + ".0}",
    "huge float": '{"style_strength": 1e999}',
    "NaN": '{"style_strength": NaN}',
    "Infinity": '{"style_strength": -Infinity}',
    "half a character": '{"name": "\\ud800"}',
    "unfinished string": '{"name": "' + '\\"' * 100_000,
    "null": "null",
    "list": "[1]",
    "cut short": '{"size": 51',
    "zero byte": '{"size": 5\x001}',
    "wrong type": '{"size": {"a": []}}',
    "names": '{"self": 1, "cls": 2}',
    "no record": '{"config": null}',
}


def _damaged(changes: dict[str, Any]) -> dict[str, Any]:
    return json.loads(RECORD.to_json()) | changes


DAMAGED = [
    {"hashes": None},
    {"hashes": {"styles": None}},
    {"hashes": {"content": ["a"]}},
    {"hashes": {"init": 5}},
    {"resolved": []},
    {"weights": None},
    {"steps_done": "many"},
    {"steps_done": -1},
    {"reason": 3},
    {"events": None},
    {"events": {}},
    {"events": [3]},
    {"events": [{"step": 1}]},
    {"events": [{"step": 1, "field": ["style_strength"], "value": 2}]},
    {"events": [{"step": 1, "field": "size", "value": 64}]},
    {"events": [{"step": 1, "field": "style_strength", "value": None}]},
    {"events": [{"step": 1, "field": "style_layer_weights", "value": [1, 2]}]},
    {"events": [{"step": True, "field": "style_strength", "value": 2}]},
    {"config": []},
    {"config": {"size": []}},
]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_settings_and_records_are_refused_soon_and_by_a_sentence(
    text: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text, encoding="utf-8")
    began = time.perf_counter()
    for read in (StyleConfig.from_json, RunRecord.from_json, lambda _: read_settings(file)):
        with pytest.raises(ConfigError) as caught:
            read(text)
        assert 10 < len(str(caught.value)) < 1500
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("changes", DAMAGED, ids=str)
def test_a_damaged_record_is_refused_by_a_sentence(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        RunRecord.from_json(json.dumps(_damaged(changes)))
    assert len(str(caught.value)) < 1500
    assert record_in({METADATA_KEY: _damaged(changes)}) is None


def test_a_record_without_damage_survives_json() -> None:
    assert RunRecord.from_json(RECORD.to_json()) == RECORD


@pytest.mark.parametrize("kept", [3, [], {"config": object()}, {1: 2}, "text"])
def test_metadata_that_hold_no_record_are_left_out(kept: object) -> None:
    assert record_in({METADATA_KEY: kept}) is None


def test_a_record_that_holds_itself_is_refused() -> None:
    endless: dict[str, Any] = _damaged({})
    endless["resolved"] = endless
    with pytest.raises(ConfigError, match="nested"):
        RunRecord.from_dict(endless)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_hostile_text_in_a_picture_is_refused(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"out{suffix}"
    monkeypatch.setattr(RunRecord, "to_json", lambda _: HOSTILE["nesting"])
    write_picture(file, np.zeros((8, 8, 3), np.uint8), record=RECORD)
    with pytest.raises(ConfigError, match="deep"):
        read_settings(file)


def test_nesting_is_counted_outside_of_texts_only() -> None:
    text = json.dumps(["[" * 1000 + '\\"{' * 1000])
    assert parse_json(text, "it") == json.loads(text)
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert parse_json(deep, "it") == json.loads(deep)
    with pytest.raises(ConfigError, match="deep"):
        parse_json(f"[{deep}]", "it")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes('{"name": "ä"}'.encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        read_json_file(file, "it")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_presets_and_last_settings_are_left_aside(
    text: str, own_presets_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    own_presets_folder.mkdir()
    file = own_presets_folder / "mine.json"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(preferences, "last_file", lambda: file)
    with caplog.at_level(logging.WARNING):
        assert own_preset("mine") is None
        assert preferences.LastUsed.read() is None
    assert len(caplog.records) == 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["gatys", "style_strength", "adam", "relu1_1", "config"]),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(
            st.text(max_size=6) | st.sampled_from([*RECORD.to_dict(), *RECORD.config.to_dict()]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@st.composite
def mutants(draw: st.DrawFn, whole: dict[str, Any]) -> Any:
    """Put anything in one place, or none, of a valid value."""
    copy = json.loads(json.dumps(whole))
    here: Any = copy
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = draw(st.sampled_from(keys))
        if isinstance(here[key], (dict, list)) and here[key] and draw(st.booleans()):
            here = here[key]
            continue
        action = draw(st.sampled_from(["replace", "drop", "keep"]))
        if action == "drop":
            del here[key]
        elif action == "replace":
            here[key] = draw(JSON)
        return copy


def _read_or_refused(read: Callable[[str], Any], text: str, refused: object = None) -> Any:
    try:
        return read(text)
    except ConfigError as error:
        if len(str(error)) > 1500:
            raise
        return refused


FUZZ = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@FUZZ
@given(st.one_of(mutants(RECORD.to_dict()), JSON))
def test_whatever_is_read_as_a_record_can_be_used_or_is_refused(values: Any) -> None:
    record = _read_or_refused(RunRecord.from_json, json.dumps(values))
    if record is None:
        return
    check_plain(record.to_dict(), "it")
    assert RunRecord.from_json(record.to_json()) == record
    assert record.ending.name == record.config.name
    with pytest.raises(ConfigError, match="cannot be found"):
        request_of(record, [])


@FUZZ
@given(st.one_of(mutants(RECORD.config.to_dict()), JSON))
def test_whatever_is_read_as_settings_can_be_used_or_is_refused(values: Any) -> None:
    config = _read_or_refused(StyleConfig.from_json, json.dumps(values))
    if config is None:
        return
    assert StyleConfig.from_json(config.to_json()) == config
    hash(config)


@FUZZ
@given(st.text(alphabet='[]{}",:\\0123456789.eE+-nulNaItrfs', max_size=80) | st.text())
def test_any_text_is_parsed_as_python_does_or_refused(text: str) -> None:
    refused = object()
    value = _read_or_refused(lambda text: parse_json(text, "it"), text, refused)
    assert value is refused or value == json.loads(text)


@FUZZ
@given(st.one_of(mutants({"key": {"multiplication_s": 1e-11, "is_sure": True}}), JSON))
def test_a_cache_of_anything_gives_a_speed_or_none(values: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_cache, "read_json_file", lambda *_: values)
        found = speed._read("key")
    assert found is None or 0 < found.multiplication_s < 1


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_cache_is_made_anew(text: str, tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    file.write_text(text, encoding="utf-8")
    json_cache.write_cache(file, "key", {"value": 1})
    assert json_cache.read_cache(file)["key"] == {"value": 1}
    assert {path.name for path in tmp_path.iterdir()} <= {"speed.json", "speed.lock"}


HOLDER = """
import sys, filelock
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_that_another_process_holds_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json_cache.LOCK_WAIT_S <= 5
    monkeypatch.setattr(json_cache, "LOCK_WAIT_S", 0.3)
    file = tmp_path / "speed.json"
    command = [sys.executable, "-c", HOLDER, str(file.with_suffix(".lock"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        began = time.perf_counter()
        json_cache.write_cache(file, "key", {"value": 1})
        assert 0.3 <= time.perf_counter() - began < 5
        holder.communicate()
    assert json_cache.read_cache(file) == {"key": {"value": 1}}


def test_a_file_system_without_locks_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def acquire(*_: object, **__: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    json_cache.write_cache(tmp_path / "speed.json", "key", {"value": 1})
    assert json_cache.read_cache(tmp_path / "speed.json") == {"key": {"value": 1}}
