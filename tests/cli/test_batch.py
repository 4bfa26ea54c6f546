"""`napari-nst batch` as a user meets it: words, exit codes, signals, and going on afterwards."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_nst.cli import app as cli
from napari_nst.cli import run as cli_run
from napari_nst.files.images import read_picture, read_settings, write_picture

SHALLOW = (
    *("--weights", "untrained", "--precision", "float32", "--size", "64", "--steps", "2"),
    *("--set", "content_layers=relu2_1", "--set", "style_layers=relu1_1,relu2_1"),
)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
ALL = ["a-x-s.png", "a-x-t.png", "b-x-s.png", "b-x-t.png"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two contents, two styles, and no weights anywhere."""
    random = np.random.default_rng(0)
    for name in ("content/a.png", "content/b.jpg", "style/s.png", "style/t.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_picture(tmp_path / name, random.integers(0, 256, (48, 64, 3), np.uint8))
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "NAPARI_NST_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def batch(folder, capsys):
    def call(*more, places=("content", "style", "-o", "out")):
        code = cli.main(["batch", *places, *SHALLOW, *map(str, more)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def results(folder):
    return sorted(path.name for path in (folder / "out").glob("*-x-*"))


def test_folders_become_a_file_a_pair_and_a_contact_sheet(batch, folder):
    code, out, err = batch()
    assert code == 0
    assert results(folder) == ALL
    assert [line.split(":")[0] for line in out.splitlines()] == [
        *(f"out/{name}" for name in ALL),
        "4 done; contact sheet",
    ]
    assert "4 pairs of 2 contents and 2 styles; 4 to run: about" in err
    assert (folder / "out" / "index.html").exists()


def test_the_same_command_again_has_nothing_to_do(batch, folder):
    batch()
    before = {name: (folder / "out" / name).stat().st_mtime_ns for name in ALL}
    code, out, err = batch()
    assert (code, out.splitlines()) == (0, ["4 finished before; contact sheet: out/index.html"])
    assert "nothing to run" in err
    assert before == {name: (folder / "out" / name).stat().st_mtime_ns for name in ALL}
    assert batch("--overwrite")[1].count("finished after 2 steps") == 4


def test_files_and_more_styles_are_taken_too(batch, folder):
    places = ("content/a.png", "content/b.jpg", "style/s.png", "--style", "style/t.tif")
    code, _, _ = batch("--format", "webp", places=(*places, "-o", "out"))
    assert code == 0
    assert results(folder) == [name.replace(".png", ".webp") for name in ALL]


def test_options_of_stylize_are_those_of_every_run(batch, folder):
    code, _, _ = batch(
        *("--seed", "7", "--style-strength", "2", "--colors", "content", "--init", "style/s.png"),
        *("--save-every", "1", "--set", "noise_std=9"),
    )
    assert code == 0
    config, record = read_settings(folder / "out" / "b-x-t.png")
    assert (config.seed, config.style_strength, config.colors, config.noise_std) == (
        *(7, 2.0, "content"),
        9.0,
    )
    assert "init" in record.hashes
    assert read_picture(folder / "out" / "b-x-t-00002.png").shape == (48, 64, 3)
    again, _, _ = batch("--config", "out/a-x-s.png", places=("content", "style", "-o", "new"))
    assert again == 0
    assert read_settings(folder / "new" / "a-x-s.png").config == config.replace(steps=2)


def test_a_bad_file_is_told_once_at_the_end_with_exit_code_1(batch, folder):
    (folder / "content" / "c.png").write_bytes(b"no picture")
    code, out, err = batch()
    assert code == 1
    assert results(folder) == ALL
    assert "4 done, 2 failed" in out
    assert err.count("content/c.png cannot be read as a picture") == 1


def test_nothing_but_bad_files_is_exit_code_2(batch, folder):
    for name in ("s.png", "t.tif"):
        (folder / "style" / name).write_bytes(b"no picture")
    code, out, err = batch()
    assert (code, out) == (2, "")
    assert err.count("cannot be read as a picture") == 2
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ("content style", "Missing option"),
        ("content -o out", "Missing argument"),
        ("none style -o out", "none does not exist"),
        ("content empty -o out", "the style folder empty holds no picture"),
        ("content style -o style", "style holds the pictures that are read"),
        ("content style -o content/a.png", "is a file; name a folder"),
        ("content/a.png twin/a.jpg style -o out", "would both be written as a-x-s.png"),
        ("content style -o mine", "mine/a-x-s.png is there and is no result of napari-nst"),
        ("mine style/s.png style -o mine", "holds the pictures that are read"),
        ("content style -o out --format gif", "--format"),
        ("content style -o out --set poling=max", "did you mean 'pooling'?"),
        ("content style -o out --config x --preset seed", "leave out --preset"),
    ],
)
def test_what_forbids_to_begin_is_one_line_and_exit_code_2(batch, folder, places, message):
    (folder / "empty").mkdir()
    for name in ("twin/a.jpg", "mine/a-x-s.png"):
        (folder / name).parent.mkdir()
        write_picture(folder / name, np.zeros((48, 64, 3), np.uint8))
    before = (folder / "mine" / "a-x-s.png").read_bytes()
    code, out, err = batch(places=places.split())
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert len(err.splitlines()) == 1
    assert not (folder / "out").exists()
    assert (folder / "mine" / "a-x-s.png").read_bytes() == before


def test_a_dry_run_says_pairs_time_and_disk_and_writes_nothing(batch, folder):
    write_picture(folder / "content" / "large.png", np.zeros((96, 64, 3), np.uint8))
    code, out, _ = batch("--dry-run")
    assert code == 0
    assert re.search(
        r"6 pairs of 3 contents and 2 styles; 6 to run: about \d+ s; 1 MB of disk", out
    )
    assert re.search(r"64x48 px|43x64 px", out)
    assert "of memory" in out
    assert not (folder / "out").exists()


def test_without_a_terminal_lines_tell_of_the_progress(batch, monkeypatch):
    monkeypatch.setattr(cli_run, "LOG_INTERVAL_S", 0)
    monkeypatch.setattr("napari_nst.cli.batch.LOG_INTERVAL_S", 0)
    _, _, err = batch()
    lines = [line for line in err.splitlines() if "step " in line]
    assert lines[0].startswith("napari-nst: 1/4 a-x-s: step 1/2, loss ")
    assert re.search(
        r"4/4 b-x-t: step 2/2, loss [\d.e+]+, about 1 s left, about 1 s left of all", err
    )


def test_names_that_would_command_the_terminal_or_the_page_do_neither(batch, folder):
    if sys.platform == "win32":
        pytest.skip("Windows forbids such names")
    names = "<script>alert(1)<", "\x1b[31mred", "[bold]x"
    for name in names:
        os.rename(folder / "content" / "a.png", folder / "content" / f"{name}.png")
        code, out, err = batch()
        os.rename(folder / "content" / f"{name}.png", folder / "content" / "a.png")
        assert code == 0
        assert "\x1b" not in out + err
        assert "<script" not in (folder / "out" / "index.html").read_text()
        assert (folder / "out" / f"{name}-x-s.png").exists()


def start(folder, *more):
    src = str(Path(cli.__file__).parents[2])
    command = ["batch", "content", "style", "-o", "out", *SHALLOW, *more]
    return subprocess.Popen(
        [sys.executable, "-m", "napari_nst", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": src},
    )


@POSIX
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", -9)])
def test_a_batch_that_is_ended_keeps_what_is_done_and_goes_on(folder, batch, name, code):
    long = ("--steps", "300")
    process = start(folder, *long)
    try:
        for line in process.stdout:
            if "a-x-s.png: " in line:
                break
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == code, err
    assert "Traceback" not in err
    done = results(folder)
    assert done[0] == "a-x-s.png"
    assert len(done) < 4
    for each in done:
        assert read_settings(folder / "out" / each).record.reason == "finished"
    if name != "SIGKILL":
        assert f"{4 - len(done) - 0} not run" in out
        assert "not run yet" in (folder / "out" / "index.html").read_text()
    before = {each: (folder / "out" / each).stat().st_mtime_ns for each in done}
    ended, out, _ = batch(*long)
    assert ended == 0
    assert f"{4 - len(done)} done, {len(done)} finished before" in out
    assert results(folder) == ALL
    assert before == {each: (folder / "out" / each).stat().st_mtime_ns for each in done}


@POSIX
def test_a_second_ctrl_c_ends_at_once_and_says_that_results_stay(folder, batch, monkeypatch):
    from napari_nst.cli import batch as module
    from napari_nst.cli import signals

    monkeypatch.setattr(signals, "BOUNCE_S", -1)
    genuine = module._move_bars

    def twice(*arguments):
        if arguments[-1].number == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        genuine(*arguments)

    monkeypatch.setattr(module, "_move_bars", twice)
    code, _, err = batch()
    assert code == 130
    assert "stopped at once; finished results stay" in err
    assert results(folder) == ALL[:1]
