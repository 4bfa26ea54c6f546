import csv

import numpy as np
import pytest
from PIL import Image

from napari_nst.errors import ImageError
from napari_nst.files.images import read_picture, read_settings
from napari_nst.plugin.writers import write_png
from napari_nst.runs import export
from napari_nst.runs.export import (
    export_run,
    is_saved,
    note_saved,
    record_at,
    save_result,
    write_gif,
    write_loss_csv,
)
from napari_nst.runs.snapshots import Snapshot
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import METADATA_KEY, RunRecord, SteeringEvent
from napari_nst.settings.results import LossPoint

IMAGE = np.random.default_rng(0).integers(0, 65536, (12, 16, 3), dtype=np.uint16)
EVENTS = (SteeringEvent(0, "tv_weight", 0.5), SteeringEvent(10, "style_strength", 2.0))
RECORD = RunRecord(StyleConfig(seed=7), {}, {}, "untrained", EVENTS, 20, "finished")


def flat(value, size=(12, 16), channels=3):
    return np.full((*size, channels), value, np.uint8)


def snapshots():
    return [Snapshot(step, 1 / step, 0, flat(step * 10)) for step in (1, 10, 20)]


def points():
    return [
        LossPoint(step, 0, 1 / 3 + step, {"content": 1 / 3, "style": step}, 0.1) for step in (1, 2)
    ]


def test_an_exported_run_is_all_there(tmp_path):
    folder = export_run(
        tmp_path / "runs", "cat × ink", IMAGE, RECORD, snapshots=snapshots(), points=points()
    )
    assert folder == tmp_path / "runs" / "cat × ink"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    steps = {f"snapshots/step-{step:06d}.png" for step in (1, 10, 20)}
    assert names == {"result.png", "record.json", "loss.csv", "run.gif", *steps}
    np.testing.assert_array_equal(read_picture(folder / "result.png"), IMAGE)
    assert read_settings(folder / "result.png").record == RECORD
    assert read_settings(folder / "record.json").record == RECORD
    assert (read_picture(folder / "snapshots" / "step-000010.png") == 100).all()


def test_a_snapshot_of_an_exported_run_has_the_record_of_a_run_stopped_there(tmp_path):
    folder = export_run(tmp_path, "run", IMAGE, RECORD, snapshots=snapshots())
    kept = read_settings(folder / "snapshots" / "step-000010.png").record
    assert kept == RECORD.replace(steps_done=10, reason="stopped", events=EVENTS[:1])


def test_the_record_at_the_last_step_is_that_of_the_run():
    assert record_at(RECORD, 20) == RECORD
    assert record_at(RECORD, 11).events == EVENTS


def test_a_run_without_snapshots_exports_what_there_is(tmp_path):
    folder = export_run(tmp_path, "run", IMAGE, RECORD)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["loss.csv", "record.json", "result.png"]


def test_a_second_export_leaves_the_first_alone(tmp_path):
    first = export_run(tmp_path, "run", IMAGE, RECORD)
    before = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    second = export_run(tmp_path, "run", IMAGE, RECORD)
    assert second == tmp_path / "run 2"
    assert {path: path.stat().st_mtime_ns for path in first.iterdir()} == before


def test_an_export_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def refuse(path, points):
        raise ImageError("the disk is full")

    monkeypatch.setattr(export, "write_loss_csv", refuse)
    with pytest.raises(ImageError, match="disk is full"):
        export_run(tmp_path, "run", IMAGE, RECORD, snapshots=snapshots())
    assert not list(tmp_path.iterdir())


def test_an_export_below_a_file_says_what_is_wrong(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="cannot be written"):
        export_run(tmp_path / "file", "run", IMAGE, RECORD)
    with pytest.raises(ImageError, match="cannot be written"):
        save_result(tmp_path / "file" / "deeper", "run", IMAGE, RECORD)


def test_results_of_one_name_are_all_kept_with_their_records(tmp_path):
    paths = [
        save_result(tmp_path / "results", "cat: ink", IMAGE, RECORD.replace(steps_done=step))
        for step in (1, 2)
    ]
    assert [path.name for path in paths] == ["cat- ink.png", "cat- ink 2.png"]
    assert [read_settings(path).record.steps_done for path in paths] == [1, 2]


def frames_of(path):
    with Image.open(path) as gif:
        assert gif.info["loop"] == 0
        frames = []
        for index in range(gif.n_frames):
            gif.seek(index)
            frames.append((np.array(gif.convert("RGB")), gif.info["duration"]))
    return frames


def test_an_animation_shows_every_picture_in_its_colours_and_stays_on_the_last(tmp_path):
    y, x = np.mgrid[:12, :16]
    stack = np.stack([np.stack([x * 15, y * 20, x * 0 + t * 60], 2) for t in range(4)])
    write_gif(tmp_path / "a.gif", stack.astype(np.uint8), interval_ms=100)
    frames = frames_of(tmp_path / "a.gif")
    assert [duration for _, duration in frames] == [100, 100, 100, 2000]
    for (shown, _), meant in zip(frames, stack, strict=True):
        assert np.abs(shown.astype(int) - meant).max() <= 16


def test_an_animation_is_shrunk_but_never_enlarged(tmp_path):
    write_gif(tmp_path / "a.gif", np.stack([flat(1, (30, 60)), flat(9, (30, 60))]), longest_px=20)
    assert frames_of(tmp_path / "a.gif")[0][0].shape == (10, 20, 3)
    write_gif(tmp_path / "a.gif", np.stack([flat(1, (30, 60)), flat(9, (30, 60))]))
    assert frames_of(tmp_path / "a.gif")[0][0].shape == (30, 60, 3)


def test_transparent_places_are_white_in_an_animation(tmp_path):
    write_gif(tmp_path / "a.gif", np.stack([flat(0, channels=4)]))
    assert (frames_of(tmp_path / "a.gif")[0][0] == 255).all()


def test_an_animation_of_nothing_is_refused(tmp_path):
    with pytest.raises(ImageError, match="no snapshots"):
        write_gif(tmp_path / "a.gif", np.zeros((0, 1, 1, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_losses_come_back_from_the_table_to_the_last_bit(tmp_path):
    write_loss_csv(tmp_path / "a.csv", points())
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "loss", "content", "style", "seconds"]
    for row, point in zip(rows, points(), strict=True):
        assert (int(row["step"]), float(row["loss"])) == (point.iteration, point.loss)
        assert float(row["content"]) == point.terms["content"]


def test_a_term_that_began_during_the_run_leaves_earlier_places_empty(tmp_path):
    late = LossPoint(3, 0, 1.0, {"content": 1.0, "style": 1.0, "tv": 0.5}, 0.3)
    write_loss_csv(tmp_path / "a.csv", [*points(), late])
    table = [line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines()]
    assert table[0][-2:] == ["tv", "seconds"]
    assert [row[-2] for row in table[1:]] == ["", "", "0.5"]


def test_a_run_without_steps_has_a_table_of_headings_only(tmp_path):
    write_loss_csv(tmp_path / "a.csv", [])
    assert (tmp_path / "a.csv").read_text() == "step,loss,seconds\n"


def record_of(content):
    event = SteeringEvent(3, "style_layer_weights", (1.0, 2.0, 3.0, 4.0, 5.0))
    return RunRecord(StyleConfig(), {}, {"content": content}, "untrained", (event,), 5, "finished")


def test_a_result_is_saved_by_autosave_export_or_napari(tmp_path):
    by_autosave, by_export, by_napari = (record_of(f"{tmp_path}{name}") for name in "aen")
    assert not any(map(is_saved, (by_autosave, by_export, by_napari)))
    save_result(tmp_path, "a", flat(0), by_autosave)
    export_run(tmp_path, "e", flat(0), by_export)
    meta = {"rgb": True, "metadata": {METADATA_KEY: by_napari.to_dict()}}
    write_png(str(tmp_path / "n.png"), flat(0), meta)
    assert all(map(is_saved, (by_autosave, by_export, by_napari)))


def test_a_picture_without_a_record_is_no_result():
    note_saved(None)
