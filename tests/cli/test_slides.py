"""OME-Zarr in and out on the command line: stopped, gone on with, and never lost."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_nst import api
from napari_nst.cli import app as cli
from napari_nst.files.checkpoints import checkpoint_path
from napari_nst.files.images import open_picture, read_picture, read_settings, write_picture
from napari_nst.files.slides.extent import Extent
from napari_nst.files.slides.pixel_size import extent_of

zarr = pytest.importorskip("zarr")

RGB = np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8)
SETTINGS = (
    *("--size", "40", "--steps", "4", "--weights", "untrained", "--precision", "float32"),
    *("--set", "style_layers=relu1_1", "--set", "content_layers=relu2_1"),
)


@pytest.fixture
def stylize(tmp_path, monkeypatch, capsys):
    write_picture(tmp_path / "c.zarr", RGB, extent=Extent(120, 100, 5, 6, "micrometer"))
    tifffile.imwrite(tmp_path / "s.tif", RGB[::-1], photometric="rgb")
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "NAPARI_NST_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))

    def call(*more, out="out.zarr"):
        code = cli.main(["stylize", "c.zarr", "s.tif", "-o", out, *SETTINGS, *more])
        return code, " ".join(" ".join(capsys.readouterr()).split())

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
                    monkeypatch.setattr(api, "iter_stylize", genuine)
                    return end.value
                if step.iteration == number:
                    happen()
                yield step

        monkeypatch.setattr(api, "iter_stylize", interrupted)

    return arrange


def test_a_slide_becomes_a_slide_with_its_pixel_size_and_record(stylize, tmp_path):
    code, said = stylize("--save-every", "2")
    assert (code, "the result takes up to 10 MB" in said) == (0, True)
    assert stylize(out="out.tif")[0] == 0
    picture = open_picture("out.zarr")
    np.testing.assert_array_equal(picture, read_picture("out.tif"))
    assert picture.shape == (40, 33, 3)
    covered = Extent(120, 100, 5, 6, "micrometer")
    assert extent_of(Path("out.zarr")) == extent_of(Path("out-00002.zarr")) == covered
    records = [read_settings(name).record for name in ("out.zarr", "out.tif")]
    assert records[0] == records[1]
    assert stylize("--config", "out.zarr", out="again.tif")[0] == 0
    np.testing.assert_array_equal(read_picture("again.tif"), picture)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
def test_a_stopped_run_keeps_its_picture_and_goes_on_to_that_of_a_whole_run(stylize, at_step):
    stylize(out="whole.zarr")
    at_step(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    code, said = stylize("--checkpoint-every", "60")
    assert (code, "the same command with --resume goes on" in said) == (143, True)
    assert read_settings("out.zarr").record.steps_done == 2
    code, said = stylize()
    assert (code, "unfinished run beside it" in said) == (2, True)
    assert read_settings("out.zarr").record.steps_done == 2
    assert stylize("--resume")[0] == 0
    np.testing.assert_array_equal(open_picture("out.zarr"), open_picture("whole.zarr"))
    assert not checkpoint_path(Path("out.zarr")).exists()


def test_folders_of_others_and_inputs_are_never_replaced(stylize):
    zarr.create_array("mine.zarr", data=RGB)
    code, said = stylize(out="mine.zarr")
    assert (code, "mine.zarr exists and was not written by napari-nst" in said) == (2, True)
    np.testing.assert_array_equal(open_picture("mine.zarr"), RGB)
    for out in ("c.zarr", "c.zarr/out.zarr"):
        code, said = stylize(out=out)
        assert (code, f"{out} is an input" in said) == (2, True)
    np.testing.assert_array_equal(open_picture("c.zarr"), RGB)


def test_a_result_whose_folder_is_gone_is_kept_elsewhere(stylize, at_step, tmp_path):
    Path("results").mkdir()
    at_step(2, lambda: shutil.rmtree("results"))
    code, said = stylize(out="results/out.zarr")
    (kept,) = (tmp_path / "temporary").rglob("result.zarr")
    assert (code, f"is kept in {kept}" in said) == (1, True)
    assert read_settings(kept).record.steps_done == 4


def test_bad_slides_end_in_sentences(stylize, tmp_path):
    (tmp_path / "c.zarr" / "0" / "c" / "0" / "0" / "0").write_bytes(b"damaged")
    code, said = stylize()
    assert (code, "c.zarr cannot be read: it is damaged" in said) == (2, True)
    (tmp_path / "c.zarr" / "zarr.json").write_text("{")
    code, said = stylize()
    assert (code, "c.zarr cannot be read as zarr" in said) == (2, True)
    assert not Path("out.zarr").exists()
