import os

import numpy as np
import pytest

from napari_nst.errors import ImageError
from napari_nst.files.images import read_settings
from napari_nst.files.names import (
    claimed_path,
    free_path,
    safe_name,
    save_picture,
    sidecar_of,
    write_atomically,
)
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, SteeringEvent

IMAGE = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)


def record(seed=7, events=()):
    return RunRecord(StyleConfig(seed=seed), {}, {}, "untrained", tuple(events), 3, "finished")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".JPEG"])
def test_a_saved_picture_holds_its_record(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    assert save_picture(path, IMAGE, record())[0] == path
    assert read_settings(path).record == record()


def test_beside_a_jpeg_lies_its_record_and_beside_others_nothing(tmp_path):
    written = save_picture(tmp_path / "a.jpg", IMAGE, record())
    save_picture(tmp_path / "b.png", IMAGE, record())
    assert written == [tmp_path / "a.jpg", tmp_path / "a.jpg.json"]
    assert read_settings(written[1]).record == record()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "a.jpg.json", "b.png"]


def test_a_record_too_long_for_a_jpegs_tags_still_lies_beside_it(tmp_path):
    long = record(events=[SteeringEvent(step, "tv_weight", 0.5) for step in range(2000)])
    path = tmp_path / "a.jpg"
    save_picture(path, IMAGE, long)
    assert path.exists()
    assert read_settings(sidecar_of(path)).record == long


def test_a_jpeg_without_record_leaves_no_record_of_its_predecessor(tmp_path):
    save_picture(tmp_path / "a.jpg", IMAGE, record())
    save_picture(tmp_path / "a.jpg", IMAGE, None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("of_run", [record(), None])
def test_a_file_of_the_users_beside_a_jpeg_is_left_alone(tmp_path, of_run):
    notes = tmp_path / "a.jpg.json"
    notes.write_text('{"mine": 1}')
    assert save_picture(tmp_path / "a.jpg", IMAGE, of_run) == [tmp_path / "a.jpg"]
    assert notes.read_text() == '{"mine": 1}'


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def refuse(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ImageError, match=r"No space left on device\. Choose another place"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_through_a_link_keeps_the_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "real")
    except OSError:
        pytest.skip("links need a right on Windows")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("stem", ["n" * 246, "画" * 82])
def test_a_jpeg_whose_record_fits_beside_it_is_written_with_the_longest_name(tmp_path, stem):
    written = save_picture(tmp_path / f"{stem}.jpg", IMAGE, record())
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_a_jpeg_whose_record_has_no_room_in_a_name_is_refused_before_it_is_written(tmp_path):
    with pytest.raises(ImageError, match="name is too long"):
        save_picture(tmp_path / f"{'n' * 250}.jpg", IMAGE, record())
    assert not list(tmp_path.iterdir())


def test_a_name_chosen_by_one_thread_is_left_alone_by_others(tmp_path):
    with claimed_path(tmp_path, "run", ".png") as first:
        with claimed_path(tmp_path, "run", ".png") as second:
            assert [first.name, second.name] == ["run.png", "run 2.png"]
        assert free_path(tmp_path, "run", ".png") == second
    assert free_path(tmp_path, "run", ".png") == first


def test_a_taken_name_is_numbered(tmp_path):
    for name in ("run.png", "run 2.png", "run 3.png"):
        path = free_path(tmp_path, "run", ".png")
        assert path.name == name
        path.touch()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("harbour × waves · gatys", "harbour × waves · gatys"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ('a<b>:"c"\\d|e?*\n', "a-b-c-d-e-"),
        (" . ", "run"),
        ("", "run"),
        ("picture.png [1]", "picture.png [1]"),
        ("con", "con-"),
        ("Nul.v2", "Nul-.v2"),
        ("console", "console"),
    ],
)
def test_any_layer_name_becomes_a_file_name(name, safe):
    assert safe_name(name) == safe


def test_a_file_name_of_four_byte_letters_fits_the_disk(tmp_path):
    path = tmp_path / f"{safe_name('🎨' * 300)} 12.png"
    save_picture(path, IMAGE, None)
    assert path.exists()
