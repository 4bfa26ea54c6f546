"""How runs of the command line end: by signals, by disks that refuse, by streams that are gone."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import napari_nst.files.images
from napari_nst import api
from napari_nst.cli import app as cli
from napari_nst.cli import run as cli_run
from napari_nst.cli import signals as cli_signals
from napari_nst.files import disk as atomic
from napari_nst.files.images import read_picture, read_settings, write_picture
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, SteeringEvent

SHALLOW = (
    *("--weights", "untrained", "--precision", "float32", "--size", "32"),
    *("--set", "content_layers=relu2_1", "--set", "style_layers=relu1_1,relu2_1"),
)
SIGNALS = [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two pictures in it, rescues and caches beside them."""
    y, x = np.mgrid[:30, :40]
    Image.fromarray(np.stack([x * 6, y * 8, x + y], 2).astype(np.uint8)).save(tmp_path / "c.png")
    Image.fromarray(np.stack([y * 8, x * 6, x], 2).astype(np.uint8)).save(tmp_path / "s.png")
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_run.tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "NAPARI_NST_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def stylize(folder, capsys):
    def call(*more, out="out.png"):
        code = cli.main(["stylize", "c.png", "s.png", "-o", str(out), *SHALLOW, *map(str, more)])
        said, err = capsys.readouterr()
        return code, said, err

    return call


@pytest.fixture
def at_step(monkeypatch):
    """Let something happen once, when a run gives a certain step."""

    def arrange(number, happen):
        genuine = api.iter_stylize

        def interrupted(*pictures, **options):
            steps = genuine(*pictures, **options)
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    return end.value
                if step.iteration == number:
                    happen()
                yield step

        monkeypatch.setattr(api, "iter_stylize", interrupted)

    return arrange


def send(name):
    os.kill(os.getpid(), getattr(signal, name))


@POSIX
@pytest.mark.parametrize(("name", "code"), SIGNALS)
def test_a_signal_during_a_run_writes_what_there_is(folder, name, code):
    arguments = ["stylize", "c.png", "s.png", "-o", "out.png", "--steps", "50000", *SHALLOW]
    src = str(Path(cli.__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_nst", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": src},
    )
    try:
        for line in process.stderr:
            if "step 1/" in line:
                break
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == code, err
    assert "out.png: 32x24 px, stopped after" in out
    assert "Traceback" not in err
    assert read_settings(folder / "out.png").record.reason == "stopped"


@POSIX
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_comes_twice_is_one(stylize, at_step, folder, name):
    at_step(2, lambda: (send(name), send(name)))
    code, out, _ = stylize("--steps", "9")
    assert (code, "stopped after" in out) == (dict(SIGNALS)[name], True)
    assert read_picture(folder / "out.png").shape == (24, 32, 3)


@POSIX
def test_a_ctrl_c_passed_on_twice_is_one_and_a_later_one_ends_at_once(
    stylize, at_step, folder, monkeypatch
):
    at_step(2, lambda: (send("SIGINT"), send("SIGINT")))
    assert stylize("--steps", "9")[0] == 130
    assert (folder / "out.png").exists()
    (folder / "out.png").write_bytes(b"precious")
    monkeypatch.setattr(cli_signals, "BOUNCE_S", -1)
    code, _, err = stylize("--steps", "9")
    assert code == 130
    assert "stopped at once; no result was written" in err
    assert (folder / "out.png").read_bytes() == b"precious"


@POSIX
@pytest.mark.parametrize("where", ["_encode", "write_atomically"])
@pytest.mark.parametrize(("name", "code"), SIGNALS)
def test_a_signal_while_encoding_or_writing_finishes_the_writing(
    stylize, folder, monkeypatch, where, name, code
):
    genuine = getattr(napari_nst.files.images, where)

    def interrupted(*arguments):
        send(name)
        send("SIGINT")
        return genuine(*arguments)

    monkeypatch.setattr(napari_nst.files.images, where, interrupted)
    monkeypatch.setattr(cli_signals, "BOUNCE_S", -1)
    done, out, _ = stylize("--steps", "1")
    assert (done, "finished after 1 step" in out) == (code, True)
    assert read_settings(folder / "out.png").record.reason == "finished"
    assert not list(folder.glob(".*.part"))


@POSIX
@pytest.mark.parametrize(("name", "code"), SIGNALS)
def test_a_signal_before_the_run_ends_at_once(stylize, folder, monkeypatch, name, code):
    monkeypatch.setattr(cli, "forecast", lambda *_, **__: (send(name), ("", True))[1])
    handlers = [signal.getsignal(getattr(signal, each)) for each, _ in SIGNALS]
    done, out, err = stylize("--steps", "1")
    assert (done, out, (folder / "out.png").exists()) == (code, "", False)
    assert err.splitlines() == ["napari-nst: stopped at once; no result was written"]
    assert [signal.getsignal(getattr(signal, each)) for each, _ in SIGNALS] == handlers


@POSIX
def test_a_hangup_that_nohup_has_ignored_stays_ignored(stylize, at_step):
    at_step(2, lambda: send("SIGHUP"))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        code, out, _ = stylize("--steps", "3")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (code, "finished after 3 steps" in out) == (0, True)


def test_ctrl_c_in_other_commands_is_no_traceback(capsys, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_nst.weights.status", interrupted)
    assert cli.main(["weights", "status"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_a_result_whose_folder_is_gone_is_kept_elsewhere(stylize, at_step, folder, suffix):
    (folder / "results").mkdir()
    at_step(2, lambda: shutil.rmtree(folder / "results"))
    code, out, err = stylize("--steps", "2", out=f"results/out{suffix}")
    assert code == 1
    (kept,) = (folder / "temporary").rglob(f"result{suffix}")
    assert "there is no folder" in err
    assert f"is kept in {kept}" in " ".join(err.split())
    assert str(kept) in out
    assert read_settings(kept).record.steps_done == 2
    assert not list((folder / "temporary").rglob("*.part"))


def test_a_result_is_kept_in_the_cache_where_temporary_folders_refuse_too(
    stylize, folder, monkeypatch
):
    genuine = atomic.os.replace

    def full(source, target):
        if "cache" not in str(target):
            raise OSError(28, "No space left on device")
        genuine(source, target)

    (folder / "out.png").write_bytes(b"precious")
    monkeypatch.setattr(cli_run, "user_cache_path", lambda *_, **__: folder / "cache" / "nst")
    monkeypatch.setattr(atomic.os, "replace", full)
    code, _, err = stylize("--steps", "1")
    assert (code, "No space left on device" in err) == (1, True)
    (kept,) = (folder / "cache").rglob("result.png")
    assert str(kept) in err
    assert not list((folder / "temporary").iterdir())
    assert (folder / "out.png").read_bytes() == b"precious"


def test_a_result_that_no_place_takes_is_told_with_exit_code_1(stylize, folder, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli_run, "_rescue_folders", lambda: [folder / "temporary"])
    monkeypatch.setattr(atomic.os, "replace", full)
    code, _, err = stylize("--steps", "1")
    assert (code, "Nor can it be kept elsewhere" in err) == (1, True)


@pytest.mark.parametrize("error", [MemoryError(), ValueError("too long"), OSError("encoder error")])
def test_a_format_that_fails_at_the_end_gives_way_to_another(stylize, folder, monkeypatch, error):
    genuine = napari_nst.files.images._encode

    def refuse(image, kind, text):
        if kind == "webp":
            raise error
        return genuine(image, kind, text)

    monkeypatch.setattr(napari_nst.files.images, "_encode", refuse)
    code, _, _ = stylize("--steps", "1", out="out.webp")
    assert code == 1
    (kept,) = (folder / "temporary").rglob("result.tif")
    assert read_picture(kept).shape == (24, 32, 3)


def test_a_record_too_long_for_a_jpeg_does_not_cost_the_picture(folder):
    events = [SteeringEvent(step, "tv_weight", 0.5) for step in range(2000)]
    record = RunRecord(StyleConfig(), {}, {}, "untrained", tuple(events), 3, "finished")
    write_picture(folder / "a.jpg", np.zeros((9, 9, 3), np.uint8), record=record)
    assert read_picture(folder / "a.jpg").shape == (9, 9, 3)


def test_a_failing_save_every_is_a_warning_told_once_in_a_row(stylize, folder):
    for step in (1, 2):
        (folder / f"out-0000{step}.png").mkdir()
    code, out, err = stylize("--steps", "3", "--save-every", "1")
    assert (code, "finished after 3 steps" in out) == (0, True)
    assert err.count("The run goes on without it") == 1
    assert "out-00001.png is a folder" in err
    assert read_picture(folder / "out-00003.png").shape == (24, 32, 3)


def run_alone(folder, *arguments, **options):
    src = str(Path(cli.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": src} | options.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "napari_nst", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        timeout=120,
        **options,
    )


def test_a_pipe_that_cannot_hold_the_names_letters_gets_escapes(folder):
    write_picture(folder / "画.png", np.zeros((20, 20, 3), np.uint8))
    done = run_alone(
        folder,
        *("stylize", "画.png", "s.png", "-o", "无.gif"),
        env={"PYTHONIOENCODING": "cp1252:strict"},
    )
    assert done.returncode == 2
    assert b"\\u65e0.gif ends in '.gif'" in done.stderr
    assert b"Traceback" not in done.stderr


def test_names_are_escaped_where_the_streams_cannot_hold_them(folder, monkeypatch):
    done = run_alone(
        folder,
        "presets", "list",
        env={"PYTHONIOENCODING": "ascii:strict", "NAPARI_NST_PRESETS": str(folder / "画")},
    )  # fmt: skip
    assert (done.returncode, b"\\u753b" in done.stdout) == (0, True)


@POSIX
def test_lines_that_nobody_reads_do_not_end_a_run(stylize, folder, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        monkeypatch.setattr(sys, "stdout", gone)
        code = cli.main(["stylize", "c.png", "s.png", "-o", "out.png", "--steps", "2", *SHALLOW])
    assert code == 0
    assert read_settings(folder / "out.png").record.steps_done == 2


@POSIX
def test_a_disk_without_room_is_told_before_the_run(folder):
    import resource

    def lack_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = run_alone(
        folder, "stylize", "c.png", "s.png", "-o", "out.png", *SHALLOW, preexec_fn=lack_room
    )
    assert done.returncode == 2
    assert b"out.png cannot be written: File too large" in done.stderr
    assert sorted(os.listdir(folder)) == ["c.png", "s.png", "temporary"]


@POSIX
@pytest.mark.parametrize("module", ["napari_nst.cli.app", "tifffile", "typer"])
def test_ctrl_c_while_the_command_line_is_loaded_is_no_traceback(tmp_path, module):
    code = f"""
import builtins, os, signal, sys
load = builtins.__import__
def loads(name, *rest):
    if name == "{module}":
        os.kill(os.getpid(), signal.SIGINT)
    return load(name, *rest)
builtins.__import__ = loads
from napari_nst.__main__ import main
sys.exit(main())
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 130
    assert ended.stderr == "napari-nst: stopped before the start\n"
