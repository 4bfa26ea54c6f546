"""What goes wrong for real in the middle of a run: memory, disks, folders and files give out.

Each ends in a sentence; what was there is still there, and nothing of ours is left.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_nst.cli import app as cli
from napari_nst.cli import run as cli_run
from napari_nst.core.run import Run
from napari_nst.files.checkpoints import checkpoint_path, lock_path, read_checkpoint
from napari_nst.files.images import read_settings
from napari_nst.planning import layout

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts of Linux")

BEFORE = b"the picture before"
SETTINGS = (
    *("--weights", "untrained", "--precision", "float32", "--size", "192"),
    *("--set", "content_layers=relu2_1", "--set", "style_layers=relu1_1,relu2_1"),
    *("--set", "pyramid=down_to", "--set", "min_scale=96", "--set", "scale_ratio=2"),
    *("--set", "scale_steps=3,3"),
)
CHECKPOINTS = ("--checkpoint-every", "1e-9")
WINDOWS = ("--tile", "64", *CHECKPOINTS)

FAILING = """
import json, os, resource, shutil, sys
from functools import partial

import psutil
import torch
from napari_nst.cli import app
from napari_nst.core.run import Run
from napari_nst.planning import device_speed, layout
from napari_nst.settings import pixels

device_speed.measure = lambda *_: device_speed.Speed(1e-11)
folder, options, *command = sys.argv[1:]
options = json.loads(options)

def before_scale(index, happen):
    genuine = Run.enter_scale
    def enter(run, entered):
        if entered == index and not run.picture.is_meta:
            happen()
        genuine(run, entered)
    Run.enter_scale = enter

def at_the_end(happen):
    genuine = Run.terms
    def terms(run):
        happen()
        return genuine(run)
    Run.terms = terms

def limit(kind, size):
    resource.setrlimit(kind, (size, resource.getrlimit(kind)[1]))

def no_more_memory():
    limit(resource.RLIMIT_DATA, psutil.Process().memory_info().data)

def arrays_in_files():
    genuine, scratch = layout._by_windows, layout.Scratch
    layout._by_windows = lambda plan, tile_px, **_: genuine(plan, tile_px, in_files=True)
    layout.Scratch = lambda folder: scratch(folder, block_bytes=20_000)

def arrange(moment):
    if "in files" in moment:
        arrays_in_files()
    if moment == "memory runs out before the run":
        genuine = app.open_picture
        opened = []
        def opening(*all, **more):
            opened.append(genuine(*all, **more))
            if len(opened) == 2:
                no_more_memory()
            return opened[-1]
        app.open_picture = opening
    elif moment.startswith("memory runs out"):
        before_scale(1, no_more_memory)
    elif moment == "disk full for arrays in files":
        before_scale(1, partial(limit, resource.RLIMIT_FSIZE, 100_000))
    elif moment == "disk full for the result":
        at_the_end(partial(limit, resource.RLIMIT_FSIZE, 40_000))
    elif moment == "folder removed with arrays in files":
        before_scale(1, partial(shutil.rmtree, "results"))
    elif moment == "content shrinks":
        pixels.LARGE_PIXELS = 1000
        before_scale(1, partial(os.truncate, "c.tif", 3000))

codes = {}
for moment in options:
    child = os.fork()
    if child == 0:
        os.chdir(os.path.join(folder, moment))
        said = os.open("../" + moment + ".txt", os.O_CREAT | os.O_WRONLY)
        os.dup2(said, 1), os.dup2(said, 2)
        arrange(moment)
        os._exit(app.main([*command, *options[moment]]))
    codes[moment] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(codes))
"""

OUT_OF_MEMORY = "memory ran out during the run of 192x192 px; its memory is free again"


@dataclass(frozen=True)
class Case:
    """Options, and how a run ends: its last line, exit code, and whether it can be resumed."""

    options: tuple[str, ...]
    says: str
    code: int = 1
    resumes: bool = True
    output: str = "out.png"


FILE = "scratch files for 1 MB cannot be written to .*: "
CASES = {
    "memory runs out before the run": Case(
        (), "memory ran out. Close other programs", resumes=False
    ),
    "memory runs out": Case(CHECKPOINTS, OUT_OF_MEMORY),
    "memory runs out in windows": Case(WINDOWS, OUT_OF_MEMORY),
    "memory runs out with arrays in files": Case(WINDOWS, OUT_OF_MEMORY),
    "disk full for arrays in files": Case(
        WINDOWS, FILE + "File too large. Choose a folder on a disk with more room", code=2
    ),
    "disk full for the result": Case(
        CHECKPOINTS,
        r"out\.png cannot be written: File too large\. .* Nor can it be kept elsewhere",
    ),
    "folder removed with arrays in files": Case(
        WINDOWS,
        FILE + "No such file or directory. Choose a folder that can be written",
        code=2,
        resumes=False,
        output="results/out.png",
    ),
    "content shrinks": Case(CHECKPOINTS, r"c\.tif cannot be read between its rows", code=2),
}


def paint(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (192, 192, 3), np.uint8)
    tifffile.imwrite(folder / "c.tif", noise, photometric="rgb")
    Image.fromarray(noise[::-1]).save(folder / "s.png")


def names_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} - {"c.tif", "s.png"}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """Folders of runs that failed, one for each case, and their exit codes; they share imports."""
    root, cache = tmp_path_factory.mktemp("failed"), tmp_path_factory.mktemp("cache")
    for moment, case in CASES.items():
        (root / moment).mkdir()
        paint(root / moment)
        (root / moment / case.output).parent.mkdir(exist_ok=True)
        (root / moment / case.output).write_bytes(BEFORE)
    options = {moment: ["-o", case.output, *case.options] for moment, case in CASES.items()}
    command = [FAILING, str(root), json.dumps(options), "stylize", "c.tif", "s.png", *SETTINGS]
    done = subprocess.run(
        [sys.executable, "-c", *command],
        env=os.environ
        | {"PYTHONPATH": str(Path(cli.__file__).parents[2]), "OMP_NUM_THREADS": "1"}
        | {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), "TMPDIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not [*cache.rglob("napari-nst-*")]
    return root, json.loads(done.stdout)


@pytest.mark.parametrize(("moment", "case"), CASES.items(), ids=CASES)
def test_a_fault_in_the_middle_ends_in_a_sentence_and_costs_nothing(failed, moment, case):
    root, codes = failed
    said, folder = (root / f"{moment}.txt").read_text(), root / moment
    last = said.splitlines()[-1]
    assert last.startswith("napari-nst: ")
    assert re.search(case.says, last)
    assert codes[moment] == case.code
    assert "Traceback" not in said
    if case.output == "out.png":
        assert (folder / case.output).read_bytes() == BEFORE
    if case.resumes:
        assert "the same command with --resume goes on" in said
        assert read_checkpoint(checkpoint_path(folder / "out.png")).record.steps_done >= 3
    checkpoint = {"out.png.checkpoint"} if case.resumes else set()
    assert names_in(folder) - {"out.png"} == checkpoint


@pytest.fixture
def stylize(tmp_path, monkeypatch, capsys):
    """Run the command line in a folder with two pictures, temporary files beside it."""
    (tmp_path / "work").mkdir()
    (tmp_path / "temporary").mkdir()
    paint(tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(cli_run.tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "NAPARI_NST_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))

    def call(*more: object) -> tuple[int, str]:
        code = cli.main(["stylize", "c.tif", "s.png", *SETTINGS, *map(str, more)])
        return code, " ".join(" ".join(capsys.readouterr()).split())

    return call


@pytest.fixture
def disk(tmp_path):
    """A file system of 200 kB with a picture on it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting takes root")
    (folder / "out.png").write_bytes(BEFORE)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def at_the_end(monkeypatch):
    """Let something happen after the last step of a run."""

    def arrange(happen: Callable[[], object]) -> None:
        genuine = Run.terms
        monkeypatch.setattr(Run, "terms", lambda run: (happen(), genuine(run))[1])

    return arrange


def fill(folder: Path) -> None:
    with suppress(OSError), open(folder / "somebody else's", "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_a_disk_that_is_full_at_the_end_has_the_result_kept_elsewhere(
    stylize, disk, at_the_end, tmp_path
):
    at_the_end(lambda: fill(disk))
    code, said = stylize("-o", disk / "out.png")
    assert code == 1
    assert "No space left on device. Choose another place, or make room." in said
    (kept,) = (tmp_path / "temporary").rglob("result.png")
    assert f"The result is kept in {kept}" in said
    assert read_settings(kept).record.reason == "finished"
    assert (disk / "out.png").read_bytes() == BEFORE
    assert names_in(disk) == {"out.png", "somebody else's"}


def test_a_read_only_folder_is_told_before_the_run(stylize, disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    code, said = stylize("-o", disk / "out.png")
    assert code == 2
    assert "is read-only for you (Read-only file system). Choose another place." in said
    assert "preparing" not in said


HOLDER = """
import sys
from pathlib import Path
from napari_nst.files.output_lock import reserved
with reserved(Path("out.png")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_until_the_first_one_is_dead(stylize):
    src = str(Path(cli.__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": src},
    ) as first:
        assert first.stdout.readline() == b"held\n"
        code, said = stylize("-o", "out.png")
        assert (code, "another run is about to write out.png" in said) == (2, True)
        first.kill()
    assert lock_path(Path("out.png")).exists(), "a dead process's lock"
    assert stylize("-o", "out.png")[0] == 0
    assert names_in(Path()) == {"out.png"}


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory here")
def test_scratch_files_in_memory_are_refused_before_the_run(stylize, monkeypatch):
    genuine = layout._by_windows
    in_files = lambda plan, tile_px, **_: genuine(plan, tile_px, in_files=True)  # noqa: E731
    monkeypatch.setattr(layout, "_by_windows", in_files)
    code, said = stylize("-o", "out.png", "--tile", 64, "--scratch", "/dev/shm")
    assert (code, "/dev/shm is not on a disk but in memory" in said) == (2, True)
    assert names_in(Path()) == set()
