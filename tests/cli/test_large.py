"""Large pictures on the command line: by pieces they give the picture that they give whole."""

import numpy as np
import pytest
import tifffile

import napari_nst.settings.pixels
from napari_nst.cli import app as cli
from napari_nst.files.images import read_picture, read_settings

RGB = np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8)
ARGUMENTS = ("--size", "40", "--steps", "2", "--weights", "untrained", "--seed", "3")
SHALLOW = ("--set", "style_layers=relu1_1", "--set", "content_layers=relu2_1")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    tifffile.imwrite(tmp_path / "c.tif", RGB, photometric="rgb", tile=(16, 16))
    tifffile.imwrite(tmp_path / "s.tif", RGB[::-1], photometric="rgb", compression="zlib")
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "NAPARI_NST_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))

    def call(content, output, *more):
        code = cli.main(["stylize", content, "s.tif", "-o", output, *ARGUMENTS, *SHALLOW, *more])
        return code, capsys.readouterr().err

    return call


def test_a_run_by_pieces_gives_the_picture_of_a_run_of_the_whole(run, tmp_path, monkeypatch):
    assert run("c.tif", "whole.tif")[0] == 0
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)
    monkeypatch.setattr(napari_nst.settings.pixels, "PIECE_PIXELS", 300)
    assert run("c.tif", "pieces.tif")[0] == 0
    whole, pieces = (read_settings(tmp_path / name).record for name in ("whole.tif", "pieces.tif"))
    assert pieces.hashes == whole.hashes
    np.testing.assert_array_equal(read_picture("pieces.tif"), read_picture("whole.tif"))


def test_the_content_may_be_a_zarr_folder(run, tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(tmp_path / "c.zarr"), data=RGB)
    assert run("c.tif", "a.tif")[0] == run("c.zarr", "b.tif")[0] == 0
    np.testing.assert_array_equal(read_picture("a.tif"), read_picture("b.tif"))


def test_a_plane_of_a_stack_is_painted(run, tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(tmp_path / "c.zarr"), data=np.stack([RGB[::-1, :, 0], RGB[..., 0]]))
    tifffile.imwrite(tmp_path / "plane.tif", RGB[..., 0])
    assert run("plane.tif", "a.tif")[0] == run("c.zarr", "b.tif", "--plane", "z=1")[0] == 0
    np.testing.assert_array_equal(read_picture("a.tif"), read_picture("b.tif"))
    for plane, told in {"z": "such as z=12", "z=2": "c.zarr has no place z=2; z is 0 to 1"}.items():
        code, error = run("c.zarr", "c.tif", "--plane", plane)
        assert (code, told in error) == (2, True)


def test_a_file_that_is_cut_short_ends_in_a_sentence(run, tmp_path, monkeypatch):
    monkeypatch.setattr(napari_nst.settings.pixels, "LARGE_PIXELS", 1000)
    with open(tmp_path / "c.tif", "r+b") as file:
        file.truncate(5000)
    code, error = run("c.tif", "out.tif")
    assert code == 2
    assert "c.tif cannot be read between its rows" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out.tif").exists()
