"""Unfinished runs of the command line: killed at any moment, refused, gone on with."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_nst import api
from napari_nst.cli import app as cli
from napari_nst.files.checkpoints import checkpoint_path, lock_path, read_checkpoint
from napari_nst.files.images import read_picture, read_settings
from napari_nst.files.output_lock import reserved

SETTINGS = (
    *("--weights", "untrained", "--precision", "float32", "--size", "32"),
    *("--set", "content_layers=relu2_1", "--set", "style_layers=relu1_1,relu2_1"),
    *("--set", "pyramid=down_to", "--set", "min_scale=20", "--set", "scale_ratio=1.5"),
    *("--set", "scale_steps=4,4"),
)
STEPS = 8
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")


def paint(folder: Path) -> None:
    y, x = np.mgrid[:30, :40]
    Image.fromarray(np.stack([x * 6, y * 8, x + y], 2).astype(np.uint8)).save(folder / "c.png")
    Image.fromarray(np.stack([y * 8, x * 6, x], 2).astype(np.uint8)).save(folder / "s.png")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures in it."""
    paint(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "NAPARI_NST_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path


@pytest.fixture
def stylize(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*more: object, out: str = "out.png") -> tuple[int, str]:
        code = cli.main(["stylize", "c.png", "s.png", "-o", out, *SETTINGS, *map(str, more)])
        return code, " ".join(" ".join(capsys.readouterr()).split())

    return call


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], None]:
    """Let something happen once, when a run gives a certain step."""

    def arrange(number: int, happen: Callable[[], object]) -> None:
        genuine = api.iter_stylize

        def interrupted(*pictures: object, **options: object) -> Iterator[api.Step]:
            steps = genuine(*pictures, **options)
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    monkeypatch.setattr(api, "iter_stylize", genuine)
                    return end.value
                if step.iteration == number:
                    happen()
                yield step

        monkeypatch.setattr(api, "iter_stylize", interrupted)

    return arrange


def send(name: str) -> None:
    os.kill(os.getpid(), getattr(signal, name))


def ours_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} - {"c.png", "s.png", "cache"}


@POSIX
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_stopped_run_keeps_a_checkpoint_and_goes_on_to_the_same_picture(
    stylize, at_step, folder, name, code
):
    stylize(out="whole.png")
    at_step(3, lambda: send(name))
    done, said = stylize("--checkpoint-every", 60)
    assert (done, "stopped after 3 steps" in said) == (code, True)
    assert "the same command with --resume goes on" in said
    assert read_checkpoint(checkpoint_path(Path("out.png"))).record.steps_done == 3
    done, said = stylize("--resume")
    assert (done, "finished after 8 steps" in said) == (0, True)
    np.testing.assert_array_equal(read_picture(Path("out.png")), read_picture(Path("whole.png")))
    records = [read_settings(Path(name)).record.to_json() for name in ("out.png", "whole.png")]
    assert records[0] == records[1]
    assert ours_in(folder) == {"out.png", "whole.png"}


@pytest.fixture
def stopped(stylize, at_step, folder):
    """A run that was stopped after its third step, and its checkpoint."""
    at_step(3, lambda: send("SIGTERM"))
    assert stylize("--checkpoint-every", 60)[0] == 143
    return checkpoint_path(Path("out.png"))


@POSIX
def test_a_run_in_the_place_of_an_unfinished_one_is_refused(stylize, stopped, folder):
    before = stopped.read_bytes()
    picture = (folder / "out.png").read_bytes()
    code, said = stylize()
    assert code == 2
    assert "an unfinished run beside it: step 3 of 8" in said
    assert "--resume goes on with it, --restart starts anew" in said
    assert (stopped.read_bytes(), (folder / "out.png").read_bytes()) == (before, picture)
    assert stylize("--dry-run")[0] == 0
    assert stylize("--restart", "--device", "cuda:9")[0] == 2
    assert stopped.read_bytes() == before, "a run that does not start costs nothing"
    code, said = stylize("--restart")
    assert (code, "finished after 8 steps" in said) == (0, True)
    assert ours_in(folder) == {"out.png"}


@POSIX
def test_settings_that_differ_from_the_checkpoints_are_refused(stylize, stopped, folder):
    before = stopped.read_bytes()
    code, said = stylize("--resume", "--seed", 7)
    assert code == 2
    assert "is of a run with seed 0, and 7 was asked for" in said
    code, said = stylize("--resume", "--preset", "gatys")
    assert code == 2
    assert "was asked for" in said
    assert cli.main(["stylize", "s.png", "s.png", "-o", "out.png", "--resume"]) == 2
    assert stopped.read_bytes() == before
    assert cli.main(["stylize", "c.png", "s.png", "-o", "out.png", "--resume"]) == 0


def test_without_a_checkpoint_there_is_nothing_to_resume(stylize, folder):
    code, said = stylize("--resume")
    assert code == 2
    assert "there is no checkpoint to go on from" in said
    assert "out.png.checkpoint does not exist" in said
    assert ours_in(folder) == set()


@pytest.mark.parametrize("option", ["--resume", "--restart", "--size=33"])
def test_what_is_no_checkpoint_is_left_where_it_is(stylize, folder, option):
    (folder / "out.png.checkpoint").write_bytes(b"my own notes")
    code, said = stylize(option)
    assert (code, "is not a checkpoint of napari-nst" in said) == (2, True)
    assert (folder / "out.png.checkpoint").read_bytes() == b"my own notes"


def test_short_runs_write_none_and_a_zero_writes_none(stylize, at_step, folder, monkeypatch):
    seen = []
    for arguments in ((), ("--checkpoint-every", 0)):
        at_step(STEPS, lambda: seen.append((folder / "out.png.checkpoint").exists()))
        assert stylize(*arguments)[0] == 0
    monkeypatch.setattr("napari_nst.cli.resume.LONG_S", 0)
    monkeypatch.setattr("napari_nst.cli.resume.EVERY_S", 1e-9)
    at_step(STEPS, lambda: seen.append((folder / "out.png.checkpoint").exists()))
    assert stylize()[0] == 0
    assert seen == [False, False, True]
    assert ours_in(folder) == {"out.png"}


def test_two_outputs_with_one_stem_and_long_names_have_checkpoints_of_their_own(tmp_path):
    longest = "x" * 251
    names = ["out.png", "out.tif", f"{longest}.png", f"{longest}.tif"]
    paths = {checkpoint_path(tmp_path / name) for name in names}
    assert len(paths) == 4
    for path in (*paths, *(lock_path(tmp_path / name) for name in names)):
        path.touch()


def test_a_second_run_with_the_same_output_is_refused(stylize, folder):
    with reserved(folder / "out.png"):
        code, said = stylize()
        assert stylize(out="other.png")[0] == 0
    assert code == 2
    assert "another run is about to write out.png" in said
    assert stylize()[0] == 0
    assert ours_in(folder) == {"out.png", "other.png"}


@POSIX
def test_a_full_disk_for_checkpoints_costs_a_warning(stylize, folder):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        code, said = stylize("--checkpoint-every", "1e-9")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (code, "finished after 8 steps" in said) == (0, True)
    assert said.count("cannot be written: File too large") == 1
    assert ours_in(folder) == {"out.png"}


KILLING = """
import os, signal, sys
import torch
from napari_nst.api import stylizer
from napari_nst.cli.app import main
from napari_nst.core.run import Run
from napari_nst.files import checkpoints, disk
from napari_nst.planning import device_speed

device_speed.measure = lambda *_: device_speed.Speed(1e-11)
folder, *command = sys.argv[1:]

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def killed_if(owner, name, condition):
    genuine = getattr(owner, name)
    setattr(owner, name, lambda *all: kill() if condition(*all) else genuine(*all))

def half_written(header, entries):
    yield header
    if b'steps_done\\\\":6,' in header:
        kill()
    yield from (piece for entry in entries for piece in entry.pieces)

def is_dry(run):
    return run.picture.is_meta

def arrange(moment):
    if moment == "preparing":
        stylizer.network_for = kill
    elif moment == "first step":
        killed_if(Run, "_step", lambda run, _: not is_dry(run))
    elif moment == "scale change":
        killed_if(Run, "enter_scale", lambda run, index: index == 1 and not is_dry(run))
    elif moment == "checkpoint being written":
        checkpoints._pieces = half_written
    elif moment == "result being written":
        killed_if(disk.os, "replace", lambda _, target: str(target).endswith(".png"))

for moment in sorted(os.listdir(folder)):
    child = os.fork()
    if child == 0:
        os.chdir(os.path.join(folder, moment))
        arrange(moment)
        os._exit(main(command))
    print(moment, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

MOMENTS = {
    "preparing": None,
    "first step": None,
    "scale change": 4,
    "checkpoint being written": 5,
    "result being written": STEPS,
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of processes that were killed, one for each moment; they share the imports."""
    root = tmp_path_factory.mktemp("killed")
    for moment in MOMENTS:
        (root / moment).mkdir()
        paint(root / moment)
        (root / moment / "out.png").write_bytes(b"the picture before")
    command = ["stylize", "c.png", "s.png", "-o", "out.png", *SETTINGS]
    src, cache = str(Path(cli.__file__).parents[2]), str(tmp_path_factory.mktemp("cache"))
    done = subprocess.run(
        [sys.executable, "-c", KILLING, root, *command, "--checkpoint-every", "1e-9"],
        env=os.environ | {"PYTHONPATH": src, "XDG_CACHE_HOME": cache, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    ends = [f"{moment} {-signal.SIGKILL}" for moment in sorted(MOMENTS)]
    assert done.stdout.splitlines() == ends, done.stderr
    return root


@POSIX
@pytest.mark.parametrize(("moment", "steps"), MOMENTS.items(), ids=MOMENTS)
def test_a_killed_run_goes_on_to_the_same_picture(stylize, killed, monkeypatch, moment, steps):
    folder = killed / moment
    monkeypatch.chdir(folder)
    assert (folder / "out.png").read_bytes() == b"the picture before"
    stylize(out="whole.png")
    checkpoint = checkpoint_path(folder / "out.png")
    assert (read_checkpoint(checkpoint).record.steps_done if checkpoint.exists() else None) == steps
    code, said = stylize("--resume")
    if steps is None:
        assert (code, "there is no checkpoint" in said) == (2, True)
        code, said = stylize()
    assert (code, f"finished after {STEPS} steps" in said) == (0, True)
    np.testing.assert_array_equal(read_picture(Path("out.png")), read_picture(Path("whole.png")))
    left = ours_in(folder) - {"out.png", "whole.png"}
    # The half-written picture has a unique name and is cleared after a day, see files.disk.
    assert len(left) == (moment == "result being written")
