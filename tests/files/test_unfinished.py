"""The folder of unfinished runs: what is listed, what is left alone and what is deleted."""

import os
import time
from pathlib import Path

import pytest

from napari_nst.errors import CheckpointError
from napari_nst.files import checkpoints
from napari_nst.files.checkpoints import PREVIEW, Checkpoint, Entry, write_checkpoint
from napari_nst.files.unfinished import (
    KEPT_DAYS,
    discard,
    held,
    new_path,
    unfinished_folder,
    unfinished_runs,
)
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord

DAY_S = 24 * 3600


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_NST_STATE", str(tmp_path / "state"))
    return unfinished_folder()


def written(*, age_s: float = 0) -> Path:
    """Write the checkpoint of a run, as old as that."""
    path = new_path()
    path.parent.mkdir(exist_ok=True)
    record = RunRecord(StyleConfig(), {}, {}, "untrained", steps_done=3)
    preview = Entry(PREVIEW, "U8", 1, (1, 2, 3), [memoryview(bytes(6))])
    write_checkpoint(Checkpoint(path, record, (), 2.5, 9, {}, {"name": "a"}), [preview])
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_without_a_folder_there_is_nothing(folder):
    assert unfinished_runs() == []
    assert not folder.exists()


def test_runs_are_listed_newest_first_with_their_preview_and_files_of_no_use_last(folder):
    old, new = written(age_s=DAY_S), written()
    foreign = folder / "x.checkpoint"
    foreign.write_bytes(b"notes")
    first, second, third = unfinished_runs()
    assert [each.path for each in (first, second, third)] == [new, old, foreign]
    assert (first.checkpoint.record.steps_done, first.checkpoint.total) == (3, 9)
    assert first.preview.shape == (1, 2, 3)
    assert third.checkpoint is None
    assert "is not a checkpoint of napari-nst" in third.problem
    assert set(folder.iterdir()) == {old, new, foreign}, "looking leaves no lock"


def test_a_checkpoint_of_a_newer_version_is_told_of_and_stays(monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT", 2)
    path = written(age_s=(KEPT_DAYS + 1) * DAY_S)
    monkeypatch.setattr(checkpoints, "FORMAT", 1)
    (found,) = unfinished_runs()
    assert "update napari-nst" in found.problem
    assert path.exists()


def test_a_run_that_is_held_is_neither_listed_nor_deleted_nor_held_twice():
    path = written(age_s=(KEPT_DAYS + 1) * DAY_S)
    with held(path):
        assert unfinished_runs() == []
        with pytest.raises(CheckpointError, match="another window of napari"):
            discard(path)
        with pytest.raises(CheckpointError, match="another window of napari"), held(path):
            pass
    assert path.exists()
    discard(path)
    assert list(path.parent.iterdir()) == []


def test_runs_are_kept_for_thirty_days(folder):
    kept = written(age_s=(KEPT_DAYS - 1) * DAY_S)
    written(age_s=(KEPT_DAYS + 1) * DAY_S)
    assert [each.path for each in unfinished_runs()] == [kept]
    assert list(folder.iterdir()) == [kept]


def test_what_a_killed_program_left_of_its_first_checkpoint_is_cleared_away(folder):
    folder.mkdir()
    part = folder / ".napari-nst-0123456789abcdef.part"
    part.write_bytes(b"half")
    os.utime(part, (time.time() - 2 * DAY_S,) * 2)
    assert unfinished_runs() == []
    assert list(folder.iterdir()) == []


def test_the_folder_is_the_users_own(folder):
    with held(new_path()):
        assert os.name == "nt" or folder.stat().st_mode & 0o077 == 0
