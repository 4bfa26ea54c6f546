"""What decides whether a picture can be written is found out before the run."""

import os
import stat
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

from napari_nst.errors import ImageError
from napari_nst.files import outputs
from napari_nst.files.disk import LEFTOVER_AGE_S, appearing_whole, clear_leftovers, replace_file
from napari_nst.files.images import read_picture, write_picture
from napari_nst.files.outputs import check_apart, check_output, format_of, save_path

IMAGE = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a matter of POSIX")


def link(path, target):
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("no right to make links here")


@pytest.mark.parametrize("stem", ["n" * 240, "n" * 251, "画" * 82, "é" * 125])
def test_every_name_that_the_disk_takes_can_be_written(tmp_path, stem):
    path = tmp_path / f"{stem}.png"
    check_output(path)
    write_picture(path, IMAGE)
    np.testing.assert_array_equal(read_picture(path), IMAGE)
    assert os.listdir(tmp_path) == [path.name]


@POSIX
@pytest.mark.parametrize("stem", ["n" * 252, "画" * 84])
def test_a_name_that_the_disk_does_not_take_is_refused_before_the_run(tmp_path, stem):
    with pytest.raises(ImageError, match="name is too long"):
        check_output(tmp_path / f"{stem}.png")
    assert not os.listdir(tmp_path)


def test_names_of_save_every_are_longer_by_its_number(tmp_path):
    output = tmp_path / f"{'n' * 249}.png"
    check_output(output)
    assert save_path(tmp_path / "out.v2.PNG", 50).name == "out.v2-00050.PNG"
    with pytest.raises(ImageError, match="too long"):
        check_output(save_path(output, 50))


@pytest.mark.parametrize(
    ("name", "target", "kind"),
    [
        ("a.png", "b.tif", "tiff"),
        ("a.png", "b", "png"),
        ("a.png", "b.bin", "png"),
        ("a", "b.webp", "webp"),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_is_written_in_the_format_of_its_target_else_in_its_own(
    tmp_path, name, target, kind, is_there
):
    (tmp_path / "real").mkdir()
    if is_there:
        (tmp_path / "real" / target).write_bytes(b"old")
    link(tmp_path / name, tmp_path / "real" / target)
    check_output(tmp_path / name)
    assert format_of(tmp_path / name) == kind
    write_picture(tmp_path / name, IMAGE)
    assert (tmp_path / name).is_symlink()
    assert read_picture(tmp_path / "real" / target).shape == IMAGE.shape
    suffix = os.path.splitext(target if name == "a" else name)[1]
    assert save_path(tmp_path / name, 5).name == f"a-00005{suffix}"


def test_the_limits_of_a_links_target_count(tmp_path):
    link(tmp_path / "a.png", tmp_path / "b.webp")
    with pytest.raises(ImageError, match="WEBP holds at most 16383 px"):
        check_output(tmp_path / "a.png", longest_px=20000)


@POSIX
def test_links_that_lead_nowhere_are_refused(tmp_path):
    link(tmp_path / "round.png", tmp_path / "round.png")
    link(tmp_path / "deep.png", tmp_path / "no" / "a.png")
    link(tmp_path / "folder.png", tmp_path)
    link(tmp_path / "null.png", "/dev/null")
    os.mkfifo(tmp_path / "pipe.png")
    for name, message in (
        ("round.png", "symbolic links"),
        ("deep.png", "no folder"),
        ("folder.png", "is a folder"),
        ("null.png", "device, pipe or socket"),
        ("pipe.png", "device, pipe or socket"),
    ):
        with pytest.raises(ImageError, match=message):
            check_output(tmp_path / name)
        with pytest.raises(ImageError, match=message):
            write_picture(tmp_path / name, IMAGE)


@POSIX
def test_somebody_elses_file_in_a_sticky_folder_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"theirs")
    tmp_path.chmod(0o1777)
    check_output(path)
    monkeypatch.setattr(outputs.os, "geteuid", lambda: 4242)
    with pytest.raises(ImageError, match="you may not replace it"):
        check_output(path)
    check_output(tmp_path / "new.png")
    tmp_path.chmod(0o777)
    check_output(path)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("ENOSPC", "make room"),
        ("EDQUOT", "make room"),
        ("EACCES", "is read-only for you"),
        ("EROFS", "is read-only for you"),
    ],
)
def test_a_folder_that_takes_no_file_is_refused_by_its_reason(
    tmp_path, monkeypatch, number, message
):
    code = getattr(outputs.errno, number)

    @contextmanager
    def refuse(*_):
        raise OSError(code, os.strerror(code))
        yield

    monkeypatch.setattr(outputs, "open", refuse, raising=False)
    with pytest.raises(ImageError, match=message) as caught:
        check_output(tmp_path / "a.png")
    assert os.strerror(code) in str(caught.value)


def test_room_is_tried_and_nothing_is_left(tmp_path, monkeypatch):
    sizes = []

    @contextmanager
    def measured(path, mode):
        with open(path, mode) as file:
            yield file
            sizes.append(file.tell())

    monkeypatch.setattr(outputs, "open", measured, raising=False)
    check_output(tmp_path / "a.png")
    check_output(tmp_path / "a.png", room_bytes=1_000_000)
    assert sizes == [outputs.LEAST_ROOM_BYTES, 1_000_000]
    assert not os.listdir(tmp_path)


def test_no_input_is_replaced_under_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.png").write_bytes(b"in")
    os.link(tmp_path / "in.png", tmp_path / "hard.png")
    link(tmp_path / "soft.png", tmp_path / "in.png")
    source = outputs.Path("in.png")
    for name in ("in.png", "./in.png", "../" + tmp_path.name + "/in.png", "hard.png", "soft.png"):
        with pytest.raises(ImageError, match="is an input"):
            check_apart(outputs.Path(name), [source])
    check_apart(outputs.Path("out.png"), [source])


@pytest.mark.parametrize(
    ("name", "every", "refused"),
    [
        ("out-00050.png", 50, True),
        ("out-00050.png", 25, True),
        ("out-00050.png", 7, False),
        ("out-100000.png", 50, True),
        ("out-0050.png", 50, False),
        ("out-00050.tif", 50, False),
        ("other-00050.png", 50, False),
    ],
)
def test_save_every_replaces_no_input(tmp_path, name, every, refused):
    source = tmp_path / name
    source.write_bytes(b"in")
    if refused:
        with pytest.raises(ImageError, match="--save-every would replace it"):
            check_apart(tmp_path / "out.png", [source], save_every=every)
    else:
        check_apart(tmp_path / "out.png", [source], save_every=every)


def test_save_every_replaces_no_input_through_a_link(tmp_path):
    (tmp_path / "in.png").write_bytes(b"in")
    link(tmp_path / "out-00002.png", tmp_path / "in.png")
    with pytest.raises(ImageError, match="--save-every would replace it"):
        check_apart(tmp_path / "out.png", [tmp_path / "in.png"], save_every=2)


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o444, 0o755])
def test_a_replaced_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    path.chmod(mode)
    link(tmp_path / "link.png", path)
    write_picture(tmp_path / "link.png", IMAGE)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@POSIX
def test_a_new_file_has_the_users_default_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "a", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_block_that_fails_leaves_nothing_behind(tmp_path, kind):
    def fail():
        with appearing_whole(tmp_path / "a") as part:
            part.mkdir() if kind == "folder" else part.write_bytes(b"half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert not os.listdir(tmp_path)


def test_leftovers_older_than_a_day_are_cleared_and_nothing_else(tmp_path):
    ours = [".napari-nst-0123456789abcdef.part", ".out.png.4242.part", ".a.jpg.json.1.part"]
    theirs = ["out.png.part", ".notes.part", "b.4242.part", ".out.docx.1.part", "c.png"]
    for name in (*ours, *theirs):
        (tmp_path / name).write_bytes(b"x")
    folder = tmp_path / ".napari-nst-fedcba9876543210.part"
    (folder / "snapshots").mkdir(parents=True)
    clear_leftovers(tmp_path)
    assert len(os.listdir(tmp_path)) == len(ours) + len(theirs) + 1, "all are young"
    old = time.time() - LEFTOVER_AGE_S - 60
    for path in tmp_path.iterdir():
        os.utime(path, (old, old))
    young = tmp_path / ".napari-nst-0000000000000000.part"
    young.write_bytes(b"x")
    check_output(tmp_path / "out.png")
    assert sorted(os.listdir(tmp_path)) == sorted([*theirs, young.name])
    clear_leftovers(tmp_path / "no such folder")
