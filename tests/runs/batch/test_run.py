import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_nst import PairResult, RunControl, StyleConfig, stylize, stylize_folder
from napari_nst.core import picture_evaluator
from napari_nst.core.network import encoder as encoder_module
from napari_nst.errors import ConfigError, DeviceError, ImageError, TooLargeError, WeightsError
from napari_nst.files.images import read_picture, read_settings, write_picture
from napari_nst.runs.batch.pairs import INDEX_FILE, SHEET_FILE
from napari_nst.runs.batch.plan import BatchRequest, plan_batch
from napari_nst.runs.batch.run import BatchStep, run_batch
from napari_nst.settings.record import SteeringEvent
from napari_nst.settings.regions import Regions

Call = Callable[..., list[PairResult]]


@pytest.fixture
def call(folder: Path, config: StyleConfig) -> Call:
    def run(**changes: Any) -> list[PairResult]:
        given: dict[str, Any] = {"contents": "content", "styles": "style", "folder": "out"}
        given |= {"config": config, "weights": "untrained", "device": "cpu"} | changes
        return list(stylize_folder(**given))

    return run


def _states(results: list[PairResult]) -> dict[str, str]:
    return {result.pair.output.name: result.state for result in results}


def _times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*-x-*")}


ALL = ["a-x-s.png", "a-x-t.png", "b-x-s.png", "b-x-t.png"]


def test_every_pair_becomes_what_a_run_of_its_own_makes(
    call: Call, folder: Path, config: StyleConfig
) -> None:
    results = call()
    assert _states(results) == dict.fromkeys(ALL, "done")
    for result in results:
        content, style = read_picture(result.pair.content), read_picture(result.pair.style)
        alone = stylize(content, style, config, weights="untrained", device="cpu")
        np.testing.assert_array_equal(read_picture(result.pair.output), alone.image)
        record = read_settings(result.pair.output).record
        assert record == result.record
        assert record.hashes == alone.record.hashes
        assert record.resolved["seconds"] == pytest.approx(result.seconds, abs=0.06)
        assert result.size == alone.image.shape[:2]
    with Image.open(folder / "out" / SHEET_FILE) as sheet:
        assert sheet.format == "PNG"
    assert (folder / "out" / INDEX_FILE).read_text().count("<img") == 2 + 2 + 4


def test_the_network_is_made_once(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    made, genuine = [], encoder_module.Encoder
    monkeypatch.setattr(
        encoder_module, "Encoder", lambda *a, **k: made.append(1) or genuine(*a, **k)
    )
    call(check_memory=False)
    assert len(made) == 1


def test_what_is_finished_is_kept_and_only_what_is_missing_runs(call: Call, folder: Path) -> None:
    call()
    (folder / "out" / "b-x-s.png").unlink()
    before = _times(folder / "out")
    results = call()
    assert _states(results) == dict.fromkeys(ALL, "kept") | {"b-x-s.png": "done"}
    after = _times(folder / "out")
    assert {name: after[name] for name in before} == before
    assert all(result.seconds is not None for result in results)
    assert (folder / "out" / INDEX_FILE).read_text().count("<img") == 2 + 2 + 4


@pytest.mark.parametrize(
    "change",
    [
        lambda folder, config: {"config": config.replace(style_strength=2.0)},
        lambda folder, config: {"config": config.replace(steps=3)},
        lambda folder, config: {"weights": "builtin"},
        lambda folder, config: {"init": "style/s.png"},
        lambda folder, config: {"events": [SteeringEvent(1, "style_strength", 3.0)]},
        lambda folder, config: {"overwrite": True},
    ],
    ids=["strength", "steps", "weights", "init", "events", "overwrite"],
)
def test_what_changed_runs_again(
    call: Call, folder: Path, config: StyleConfig, change: Callable[..., dict[str, Any]]
) -> None:
    call()
    changed = change(folder, config)
    assert _states(call(**changed)) == dict.fromkeys(ALL, "done")
    again = call(**(changed | {"overwrite": False}))
    assert _states(again) == dict.fromkeys(ALL, "kept")


def test_another_picture_under_the_same_name_runs_again(call: Call, folder: Path) -> None:
    call()
    write_picture(folder / "style" / "s.png", np.zeros((48, 48, 3), np.uint8))
    states = _states(call())
    assert [name for name in ALL if states[name] == "done"] == ["a-x-s.png", "b-x-s.png"]


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp"])
def test_every_format_is_known_again(call: Call, folder: Path, suffix: str) -> None:
    assert {result.state for result in call(suffix=suffix)} == {"done"}
    assert len(list((folder / "out").glob(f"*{suffix}"))) == 4
    assert {result.state for result in call(suffix=suffix)} == {"kept"}


def test_a_bad_file_does_not_stop_the_rest(call: Call, folder: Path) -> None:
    (folder / "content" / "a.png").write_bytes((folder / "content" / "a.png").read_bytes()[:200])
    results = call()
    assert _states(results) == dict.fromkeys(ALL[:2], "failed") | dict.fromkeys(ALL[2:], "done")
    assert "a.png cannot be read as a picture" in results[0].reason
    page = (folder / "out" / INDEX_FILE).read_text()
    assert page.count("a.png cannot be read as a picture") == 1
    assert page.count("<img") == 1 + 2 + 2


def test_a_pair_too_small_for_the_network_does_not_stop_the_rest(call: Call, folder: Path) -> None:
    write_picture(folder / "style" / "s.png", np.zeros((1, 300, 3), np.uint8))
    states = _states(call())
    assert [name for name in ALL if states[name] == "failed"] == ["a-x-s.png", "b-x-s.png"]


def test_a_file_that_vanishes_between_plan_and_run_is_that_pairs_failure(
    folder: Path, config: StyleConfig
) -> None:
    request = BatchRequest([Path("content")], [Path("style")], Path("out"), config)
    plan = plan_batch(request)
    (folder / "style" / "t.tif").unlink()
    results = [event for event in run_batch(plan) if isinstance(event, PairResult)]
    assert [result.state for result in results] == ["done", "failed", "done", "failed"]
    assert "does not exist" in results[1].reason


def test_a_file_of_somebody_else_is_replaced_only_when_asked_for(call: Call, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "a-x-s.png").write_bytes((folder / "content" / "a.png").read_bytes())
    with pytest.raises(ImageError, match="is no result of napari-nst"):
        call()
    assert _states(call(overwrite=True))["a-x-s.png"] == "done"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"contents": "none"}, ImageError, "none does not exist"),
        ({"folder": "content"}, ImageError, "holds the pictures that are read"),
        ({"suffix": ".gif"}, ConfigError, "results end in"),
        ({"device": "abacus"}, DeviceError, "abacus"),
        ({"weights": "none.pth"}, WeightsError, "none.pth"),
        ({"init": "none.png"}, ImageError, "none.png does not exist"),
        ({"config": {"size": 9}}, ConfigError, "StyleConfig"),
        ({"events": ["x"]}, ConfigError, "SteeringEvent"),
    ],
)
def test_what_forbids_everything_is_refused_at_once(
    folder: Path, config: StyleConfig, changes: dict[str, Any], error: type, message: str
) -> None:
    given: dict[str, Any] = {"contents": "content", "styles": "style", "folder": "out"}
    with pytest.raises(error, match=message):
        stylize_folder(**(given | {"config": config, "weights": "untrained"} | changes))
    assert not (folder / "out").exists()


def test_a_run_too_large_for_memory_is_refused_before_the_first(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_nst.planning.layout.free_bytes", lambda _: 1000)
    with pytest.raises(TooLargeError):
        call()
    assert not (folder / "out").exists()


def test_a_disk_without_room_for_all_is_refused(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_nst.runs.batch.plan.free_disk_bytes", lambda _: 1000)
    with pytest.raises(ImageError, match="make room"):
        call()


def test_steps_tell_pair_share_and_time_left(folder: Path, config: StyleConfig) -> None:
    plan = plan_batch(BatchRequest([Path("content")], [Path("style")], Path("out"), config))
    steps = [event for event in run_batch(plan) if isinstance(event, BatchStep)]
    assert [(step.number, step.count) for step in steps] == [
        (n, 4) for n in (1, 1, 2, 2, 3, 3, 4, 4)
    ]
    assert [step.share for step in steps] == pytest.approx([n / 8 for n in range(1, 9)])
    assert steps[0].left_s is None
    assert steps[-1].left_s == steps[-1].pair_left_s == 0
    assert all(one.left_s >= one.pair_left_s >= 0 for one in steps[1:])


def test_the_picture_of_a_step_is_at_hand(folder: Path, config: StyleConfig) -> None:
    plan = plan_batch(BatchRequest([Path("content")], [Path("style")], Path("out"), config))
    events = run_batch(plan)
    first = next(event for event in events if isinstance(event, BatchStep))
    assert first.step.image().shape == (48, 64, 3)
    events.close()
    assert (folder / "out" / INDEX_FILE).exists()
    assert not list((folder / "out").glob("*-x-*"))


def test_a_stop_keeps_what_is_done_and_writes_nothing_half(
    folder: Path, config: StyleConfig, call: Call
) -> None:
    plan = plan_batch(
        BatchRequest([Path("content")], [Path("style")], Path("out"), config, weights="untrained")
    )
    control, results = RunControl(), []
    for event in run_batch(plan, control):
        if isinstance(event, PairResult):
            results.append(event)
        elif (event.number, event.step.iteration) == (3, 1):
            control.stop()
    assert [result.state for result in results] == ["done", "done", "stopped"]
    assert sorted(_times(folder / "out")) == ALL[:2]
    assert "not run yet" in (folder / "out" / INDEX_FILE).read_text()
    states = _states(call())
    assert [name for name in ALL if states[name] == "kept"] == ALL[:2]


@pytest.mark.parametrize("good", [0, 3])
def test_a_run_that_diverges_has_failed_and_runs_again(
    call: Call, folder: Path, config: StyleConfig, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    genuine = picture_evaluator.loss_and_gradient

    def diverge() -> None:
        coming = iter([1.0] * good)

        def evaluate(*arguments: Any) -> Any:
            return replace(genuine(*arguments), loss=next(coming, math.nan))

        monkeypatch.setattr(picture_evaluator, "loss_and_gradient", evaluate)

    diverge()
    given = {"contents": "content/a.png", "styles": "style/s.png", "check_memory": False}
    given["config"] = config.replace(steps=9)
    (result,) = call(**given)
    assert result.state == "failed"
    assert "not finite" in result.reason
    assert (folder / "out" / "a-x-s.png").exists() == bool(good), "the last good picture is kept"
    monkeypatch.setattr(picture_evaluator, "loss_and_gradient", genuine)
    assert [each.state for each in call(**given)] == ["done"]


def test_a_disk_that_fills_up_ends_the_runs(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_nst.files import disk

    genuine = disk.os.replace

    def full(source: Path, target: Path) -> None:
        if "-x-" in str(target):
            raise OSError(28, "No space left on device")
        genuine(source, target)

    monkeypatch.setattr(disk.os, "replace", full)
    results = call()
    assert _states(results) == dict.fromkeys(ALL, "failed")
    assert "No space left" in results[0].reason
    assert not list((folder / "out").glob(".*.part"))

    def refuse(*_: object, **__: object) -> None:
        raise ImageError("full")

    genuine_check = "napari_nst.runs.batch.run.check_output"
    plan = plan_batch(
        BatchRequest([Path("content")], [Path("style")], Path("out"), StyleConfig(size=64, steps=1))
    )
    events = run_batch(plan)
    monkeypatch.setattr(genuine_check, refuse)
    ended = [event for event in events if isinstance(event, PairResult)]
    assert [result.state for result in ended] == ["failed"], "no more are tried on a full disk"


@pytest.mark.parametrize("name", ["new\nline", "tab\tbell\a", "Tübingen – Münch", "<script>"])
def test_a_name_of_any_letters_is_run_and_drawn(call: Call, folder: Path, name: str) -> None:
    (folder / "content" / "a.png").rename(folder / "content" / f"{name}.png")
    assert set(_states(call()).values()) == {"done"}
    with Image.open(folder / "out" / SHEET_FILE) as sheet:
        sheet.load()
    assert "<script>" not in (folder / "out" / INDEX_FILE).read_text()


@pytest.mark.parametrize("role", ["contents", "styles", "folder"])
def test_a_name_that_is_too_long_is_a_sentence(call: Call, folder: Path, role: str) -> None:
    with pytest.raises(ImageError, match=r"too long"):
        call(**{role: "x" * 300})


def test_two_names_that_are_too_long_together_are_a_sentence(call: Call, folder: Path) -> None:
    (folder / "content" / "a.png").rename(folder / "content" / f"{'a' * 200}.png")
    (folder / "style" / "s.png").rename(folder / "style" / f"{'s' * 200}.png")
    with pytest.raises(ImageError, match="name is too long"):
        call()


def test_a_damaged_result_costs_only_its_own_pair(call: Call, folder: Path) -> None:
    call()
    bad = folder / "out" / "a-x-s.png"
    bad.write_bytes(bad.read_bytes().replace(b'"format": 2', b'"format": 9'))
    before = bad.read_bytes()
    results = call()
    assert _states(results) == dict.fromkeys(ALL, "kept") | {"a-x-s.png": "failed"}
    assert "damaged or of a newer version" in results[0].reason
    assert bad.read_bytes() == before
    assert _states(call(overwrite=True)) == dict.fromkeys(ALL, "done")


def test_names_in_the_parent_of_a_new_folder_do_not_matter(call: Call, folder: Path) -> None:
    (folder / "parent" / "a-x-s.png").mkdir(parents=True)
    assert set(_states(call(folder="parent/new")).values()) == {"done"}


def test_the_plan_counts_what_it_replaces(folder: Path, config: StyleConfig, call: Call) -> None:
    call()
    request = BatchRequest(
        [folder / "content"], [folder / "style"], folder / "out", config, weights="untrained"
    )
    assert plan_batch(request).replaced == 0
    assert plan_batch(replace(request, config=config.replace(steps=3))).replaced == 4


def test_a_mask_beside_a_style_says_which_part_is_read(
    call: Call, folder: Path, config: StyleConfig
) -> None:
    content = read_picture(folder / "content" / "a.png")
    styles = sorted(each.stem for each in (folder / "style").iterdir())
    halves = {}
    for place, name in (("content", "a"), ("style", styles[0])):
        file = next((folder / place).glob(f"{name}.*"))
        halves[place] = np.zeros(read_picture(file).shape[:2], np.uint8)
        halves[place][:, : halves[place].shape[1] // 2] = 255
        Image.fromarray(halves[place]).save(folder / place / f"{name}.mask.png")
    masked = Regions(halves["content"] > 0, {1: "blend"}, rest="keep")
    both = replace(masked, style_labels=[halves["style"] > 0])
    results = call()
    records = [read_settings(each.pair.output).record for each in results]
    assert [each and each.regions for each in records] == [both, masked, None, None]
    expected = stylize(
        content,
        read_picture(results[0].pair.style),
        config,
        weights="untrained",
        device="cpu",
        regions=both,
    )
    np.testing.assert_array_equal(read_picture(results[0].pair.output), expected.image)
    assert {each.state for each in call()} == {"kept"}


def test_a_mask_beside_a_content_says_where_it_is_painted(
    call: Call, folder: Path, config: StyleConfig
) -> None:
    content = read_picture(folder / "content" / "a.png")
    mask = np.zeros(content.shape[:2], np.uint8)
    mask[:, : content.shape[1] // 2] = 255
    Image.fromarray(mask).save(folder / "content" / "a.mask.png")
    results = call()
    assert _states(results) == dict.fromkeys(ALL, "done")
    for result in results[:2]:
        painted = read_picture(result.pair.output)
        expected = stylize(
            content,
            read_picture(result.pair.style),
            config,
            weights="untrained",
            device="cpu",
            regions=Regions(mask > 0, {1: "blend"}, rest="keep"),
        )
        np.testing.assert_array_equal(painted, expected.image)
    assert {each.state for each in call()} == {"kept"}
    mask[:4] = 0
    Image.fromarray(mask).save(folder / "content" / "a.mask.png")
    assert _states(call()) == dict(zip(ALL, ["done", "done", "kept", "kept"], strict=True))
    (folder / "content" / "a.mask.png").write_bytes(b"no picture")
    again = call()
    assert _states(again) == dict(zip(ALL, ["failed", "failed", "kept", "kept"], strict=True))
    assert all("a.mask.png" in each.reason for each in again if each.state == "failed")
