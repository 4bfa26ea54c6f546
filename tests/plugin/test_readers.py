import os
from types import SimpleNamespace

import npe2
import numpy as np
import pytest
from napari.layers import Image
from PIL import Image as PillowImage

from napari_nst.files import names
from napari_nst.files.images import read_picture, write_picture
from napari_nst.files.names import record_of, save_picture
from napari_nst.plugin.layers import records
from napari_nst.plugin.layers.records import adopt_record, read_file
from napari_nst.plugin.readers import PATTERNS, get_reader
from napari_nst.runs.export import export_run
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import METADATA_KEY, RunRecord, SteeringEvent

IMAGE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
EVENTS = tuple(SteeringEvent(step, "tv_weight", 0.5) for step in range(5))
RECORD = RunRecord(StyleConfig(seed=7), {}, {}, "untrained", EVENTS, 9, "finished")
SUFFIXES = [".png", ".tif", ".jpg", ".jpeg", ".webp", ".PNG"]


def layer_from(path, **metadata):
    return SimpleNamespace(source=SimpleNamespace(path=path), metadata=metadata, ndim=2)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_of_ours_opens_with_its_record(tmp_path, suffix):
    path = tmp_path / f"cat × ink{suffix}"
    save_picture(path, IMAGE, RECORD)
    ((pixels, arguments, kind),) = get_reader(str(path))(str(path))
    assert kind == "image"
    np.testing.assert_array_equal(pixels, read_picture(path))
    layer = Image(pixels, **arguments)
    assert layer.name == "cat × ink"
    assert RunRecord.from_dict(layer.metadata[METADATA_KEY]) == RECORD


def test_an_exported_run_opens_by_its_record(tmp_path):
    folder = export_run(tmp_path, "my run", IMAGE, RECORD)
    path = str(folder / "record.json")
    ((pixels, arguments, _),) = get_reader(path)(path)
    np.testing.assert_array_equal(pixels, IMAGE)
    assert arguments["name"] == "my run"
    assert arguments["metadata"][METADATA_KEY] == RECORD.to_dict()


def test_the_json_beside_a_jpeg_opens_the_jpeg(tmp_path):
    save_picture(tmp_path / "a.jpg", IMAGE, RECORD)
    ((pixels, arguments, _),) = read_file(str(tmp_path / "a.jpg.json"))
    assert pixels.shape == IMAGE.shape
    assert arguments["metadata"][METADATA_KEY] == RECORD.to_dict()


def test_a_jpeg_whose_tags_were_stripped_gets_its_record_from_the_json_beside_it(tmp_path):
    save_picture(tmp_path / "a.jpg", IMAGE, RECORD)
    (tmp_path / "a.jpg").unlink()
    write_picture(tmp_path / "a.jpg", IMAGE)
    assert record_of(tmp_path / "a.jpg") == RECORD


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures_of_no_run_are_declined(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_picture(path, IMAGE)
    assert get_reader(str(path)) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("record.json", b'{"mine": 1}'),
        ("record.json", b"{}"),
        ("record.json", b"[1, 2"),
        ("a.jpg.json", StyleConfig().to_json().encode()),
        ("a.png", b"no picture; napari-nst is only mentioned"),
        ("a.csv", b"step,loss\n"),
        ("a.txt", RECORD.to_json().encode()),
    ],
)
def test_files_of_others_are_declined(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert get_reader(str(tmp_path / name)) is None


def test_what_is_missing_a_folder_or_a_list_is_declined(tmp_path):
    save_picture(tmp_path / "a.png", IMAGE, RECORD)
    (tmp_path / "b.png").mkdir()
    assert get_reader(str(tmp_path / "none.png")) is None
    assert get_reader(str(tmp_path / "b.png")) is None
    assert get_reader([str(tmp_path / "a.png")]) is None


def test_a_damaged_colour_profile_is_said_in_the_window(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(records, "show_warning", shown.append)
    save_picture(tmp_path / "a.jpg", IMAGE, RECORD)
    with PillowImage.open(tmp_path / "a.jpg") as picture:
        picture.save(tmp_path / "a.jpg", exif=picture.getexif(), icc_profile=b"none", quality=95)
    read_file(str(tmp_path / "a.jpg"))
    assert len(shown) == 1
    assert "a.jpg: the colour profile was ignored" in shown[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_is_declined_and_not_waited_for(tmp_path):
    for name in ("record.json", "a.jpg.json", "a.png"):
        os.mkfifo(tmp_path / name)
        assert get_reader(str(tmp_path / name)) is None
        assert record_of(tmp_path / name) is None


def test_a_record_whose_picture_is_gone_is_declined(tmp_path):
    folder = export_run(tmp_path, "run", IMAGE, RECORD)
    (folder / "result.png").unlink()
    assert get_reader(str(folder / "record.json")) is None


def test_a_file_of_others_is_not_read_whole(tmp_path, monkeypatch):
    def refuse(path):
        raise AssertionError(f"{path} was read whole")

    path = tmp_path / "huge.tif"
    with path.open("wb") as file:
        file.truncate(1 << 34)
    monkeypatch.setattr(names, "_read_record", lambda p: refuse(p) if p.exists() else None)
    assert record_of(path) is None


def test_a_layer_opened_by_any_reader_gets_the_record_of_its_file(tmp_path):
    save_picture(tmp_path / "a.png", IMAGE, RECORD)
    layer = layer_from(str(tmp_path / "a.png"), mine=1)
    assert adopt_record(layer) == RECORD
    assert layer.metadata == {"mine": 1, METADATA_KEY: RECORD.to_dict()}


def test_a_layer_keeps_the_record_that_it_has(tmp_path):
    save_picture(tmp_path / "a.png", IMAGE, RECORD)
    other = RECORD.replace(steps_done=1)
    layer = layer_from(str(tmp_path / "a.png"), **{METADATA_KEY: other.to_dict()})
    assert adopt_record(layer) == other


@pytest.mark.parametrize("path", [None, "nowhere.png", "/folder/of.zarr"])
def test_a_layer_of_no_file_of_ours_is_left_as_it_is(path):
    layer = layer_from(path, mine=1)
    assert adopt_record(layer) is None
    assert layer.metadata == {"mine": 1}


def test_a_stack_is_of_no_single_file_and_adopts_nothing(tmp_path):
    save_picture(tmp_path / "a.png", IMAGE, RECORD)
    layer = layer_from(str(tmp_path / "a.png"))
    layer.ndim = 3
    assert adopt_record(layer) is None


def test_adopting_works_on_napari_s_own_layers():
    assert adopt_record(Image(IMAGE, rgb=True)) is None


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("record.json", True),
        ("cat × ink · v1.2.jpg.json", True),
        ("a.JPEG.json", True),
        *((f"a{suffix}", False) for suffix in SUFFIXES),
        ("other.json", False),
        ("a.nst.png", False),
    ],
)
def test_the_patterns_leave_all_but_our_json_to_other_readers(tmp_path, name, ours):
    command = {
        "id": "nst-try.read",
        "title": "Read",
        "python_name": "napari_nst.plugin.readers:get_reader",
    }
    reader = {"command": "nst-try.read", "filename_patterns": list(PATTERNS)}
    manager = npe2.PluginManager()
    manager.register(
        npe2.PluginManifest(
            name="nst-try",
            display_name="Try",
            schema_version="0.3.0",
            contributions={"commands": [command], "readers": [reader]},
        )
    )
    assert bool(list(manager.iter_compatible_readers(str(tmp_path / name)))) == ours
