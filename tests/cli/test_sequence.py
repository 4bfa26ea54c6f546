"""`napari-nst sequence` as a user meets it: outputs, going on, words and exit codes."""

import csv
import math
import signal
from dataclasses import replace

import numpy as np
import pytest

from napari_nst.cli import app as cli
from napari_nst.cli import sequence as cli_sequence
from napari_nst.core import picture_evaluator
from napari_nst.files.images import read_picture, write_picture
from napari_nst.files.names import record_of
from napari_nst.files.sequences.sequences import open_sequence

SHALLOW = (
    *("--weights", "untrained", "--precision", "float32", "--preset", "gatys"),
    *("--size", "48", "--steps", "4"),
    *("--set", "content_layers=relu2_1", "--set", "style_layers=relu1_1,relu2_1"),
)
NAMES = [f"shot-{number:02d}" for number in range(3, 7)]


def frame(number):
    """A square that moves over a smooth ground."""
    rows, columns = np.mgrid[:36, :48]
    picture = np.stack([4 * rows, 3 * columns, rows + columns], -1).astype(np.uint8)
    picture[10:24, 4 + 3 * number : 18 + 3 * number] = (220, 40, 30)
    return picture


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for number, name in enumerate(NAMES):
        (tmp_path / "frames").mkdir(exist_ok=True)
        write_picture(tmp_path / "frames" / f"{name}.png", frame(number))
    random = np.random.default_rng(1)
    write_picture(tmp_path / "style.png", random.integers(0, 120, (48, 48, 3), np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sequence(folder, capsys):
    def call(*more, frames="frames", output="out"):
        code = cli.main(["sequence", frames, "style.png", "-o", output, *SHALLOW, *map(str, more)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_a_folder_becomes_a_folder_of_the_same_numbers(sequence, folder):
    code, _, err = sequence("--report", "table.csv")
    assert (code, "Traceback" in err) == (0, False)
    assert [path.stem for path in sorted((folder / "out").iterdir())] == NAMES
    assert "4 frames of 48x36 px; 4 to run: about" in err
    records = [record_of(folder / "out" / f"{name}.png") for name in NAMES]
    assert [record.steps_done for record in records] == [4, 2, 2, 2]
    assert [record.resolved["sequence"]["is_first"] for record in records] == [True] + 3 * [False]
    with (folder / "table.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["frame"] for row in rows] == [*NAMES, "mean"]
    assert float(rows[-1]["warping_error"]) > 0


def test_a_sequence_that_was_stopped_goes_on_and_ends_bit_for_bit_the_same(
    sequence, folder, monkeypatch
):
    assert sequence(output="whole")[0] == 0
    genuine = cli_sequence.run_sequence

    def stopping(plan, control):
        """Press Ctrl-C once two frames are there."""
        for event in genuine(plan, control):
            yield event
            if len(plan.records) == 2:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli_sequence, "run_sequence", stopping)
    code, _, err = sequence("--report", "table.md")
    assert (code, len(contents(folder / "out"))) == (130, 2)
    assert "2 of 4 frames are in out; the same command goes on from here" in err
    assert "shot-04" in (folder / "table.md").read_text()
    monkeypatch.setattr(cli_sequence, "run_sequence", genuine)
    code, _, err = sequence()
    assert code == 0
    assert "2 of 4 runs finished before; 2 to run" in err
    ours, theirs = (
        [read_picture(folder / name / f"{each}.png") for each in NAMES] for name in ("out", "whole")
    )
    np.testing.assert_array_equal(ours, theirs)
    assert "nothing to run" in sequence()[2]


@pytest.mark.parametrize("name", ["out.tif", "out.gif", "out.mp4"])
def test_files_are_written_of_frames_that_are_then_deleted(sequence, folder, name):
    if name.endswith("mp4"):
        pytest.importorskip("av")
    assert sequence(output=name)[0] == 0
    found = open_sequence(folder / name)
    assert len(found) == 4
    assert found[3].shape == (36, 48, 3)
    assert not list(folder.glob("*.frames"))
    code, _, err = sequence(output=name)
    assert (code, f"{name} is there; move it, or add --overwrite" in err) == (2, True)


def test_two_passes_and_a_preview(sequence, folder):
    code, _, _ = sequence("--backward", "--preview")
    assert code == 0
    assert (folder / "out-preview-shot-05.png").exists()
    told = [record_of(folder / "out" / f"{name}.png").resolved["sequence"] for name in NAMES]
    assert [each["is_backward"] for each in told] == [True, True, True, False]
    assert "nothing to run" in sequence("--backward", "--preview")[2]


def test_alpha_stays(sequence, folder):
    for number, name in enumerate(NAMES):
        alpha = np.where(np.arange(48) < 40, 255, 90) * np.ones((36, 1))
        rgba = np.dstack([frame(number), alpha.astype(np.uint8)])
        write_picture(folder / "frames" / f"{name}.png", rgba)
    assert sequence()[0] == 0
    found = read_picture(folder / "out" / f"{NAMES[2]}.png")
    np.testing.assert_array_equal(
        found[..., 3], read_picture(folder / "frames/shot-05.png")[..., 3]
    )


def test_a_dry_run_writes_nothing(sequence, folder):
    code, out, _ = sequence("--dry-run")
    assert code == 0
    assert "of disk space" in out
    assert not (folder / "out").exists()


def test_bad_frames_are_named_before_anything_runs(sequence, folder):
    write_picture(folder / "frames" / "shot-05.png", frame(2)[:30])
    code, _, err = sequence()
    assert code == 2
    assert "shot-05 of frames is 48x30 px and shot-03 is 48x36 px" in err
    (folder / "frames" / "shot-05.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    code, _, err = sequence()
    assert (code, "shot-05.png cannot be read" in err) == (2, True)
    assert not (folder / "out").exists()


def test_a_frame_that_diverges_is_named_with_exit_code_1_and_the_frames_before_stay(
    sequence, folder, monkeypatch
):
    genuine = picture_evaluator.loss_and_gradient

    def evaluate(picture, *rest):
        found = genuine(picture, *rest)
        is_second = (folder / "out" / "shot-03.png").exists()
        return replace(found, loss=math.nan) if is_second else found

    monkeypatch.setattr(picture_evaluator, "loss_and_gradient", evaluate)
    code, _, err = sequence()
    assert (code, "shot-04: the loss was not finite; lower learning_rate" in err) == (1, True)
    assert list(contents(folder / "out")) == ["shot-03.png"]
    monkeypatch.setattr(picture_evaluator, "loss_and_gradient", genuine)
    code, _, err = sequence()
    assert (code, "1 of 4 runs finished before" in err) == (0, True)


def test_files_of_others_and_inputs_are_not_replaced(sequence, folder):
    (folder / "out").mkdir()
    write_picture(folder / "out" / "shot-04.png", frame(0))
    code, _, err = sequence()
    assert (code, "out/shot-04.png is there and is no result" in err) == (2, True)
    assert sequence("--overwrite")[0] == 0
    code, _, err = sequence(output="frames")
    assert (code, "holds the frames that are read" in err) == (2, True)
    code, _, err = sequence("--report", "table.txt", output="other")
    assert (code, "ends in .csv or .md" in err) == (2, True)
