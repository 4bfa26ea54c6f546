from pathlib import Path

import npe2
import numpy as np
import pytest
from napari.layers import Image

from napari_nst.errors import ImageError
from napari_nst.files.images import read_picture, read_settings
from napari_nst.plugin.layers.records import record_in
from napari_nst.plugin.writers import write_jpeg, write_png, write_tiff
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import METADATA_KEY, RunRecord

RECORD = RunRecord(StyleConfig(seed=7), {}, {}, "untrained", (), 3, "finished")
WRITERS = {".png": write_png, ".tif": write_tiff, ".jpg": write_jpeg}


def noise(shape=(9, 11, 3), dtype=np.uint8):
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def saved(tmp_path, layer, suffix):
    data, meta, _ = layer.as_layer_data_tuple()
    written = WRITERS[suffix](str(tmp_path / f"a{suffix}"), data, meta)
    assert written[0] == str(tmp_path / f"a{suffix}")
    return tmp_path / f"a{suffix}"


def result_layer(data=None, **kwargs):
    metadata = {METADATA_KEY: RECORD.to_dict()}
    return Image(noise() if data is None else data, rgb=True, metadata=metadata, **kwargs)


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_holds_the_record_of_the_layers_run(tmp_path, suffix):
    assert read_settings(saved(tmp_path, result_layer(), suffix)).record == RECORD


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [3, 4])
def test_png_and_tiff_hold_8_and_16_bits_exactly(tmp_path, suffix, dtype, channels):
    pixels = noise((9, 11, channels), dtype)
    again = read_picture(saved(tmp_path, result_layer(pixels), suffix))
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_float_colours_become_16_bits(tmp_path, suffix):
    pixels = noise(dtype=np.float32)
    again = read_picture(saved(tmp_path, result_layer(pixels), suffix))
    assert again.dtype == np.uint16
    np.testing.assert_allclose(again / 65535, pixels, atol=1e-5)


def test_grey_values_beyond_colours_are_written_by_their_contrast_limits(tmp_path):
    values = np.array([[-50.0, 0.0], [50.0, 200.0]])
    again = read_picture(saved(tmp_path, Image(values, contrast_limits=(0, 100)), ".png"))
    np.testing.assert_array_equal(again, [[0, 0], [32768, 65535]])


def test_of_a_multiscale_layer_the_finest_level_is_written(tmp_path):
    fine = noise((8, 12, 3))
    layer = Image([fine, fine[::2, ::2]], rgb=True, multiscale=True)
    np.testing.assert_array_equal(read_picture(saved(tmp_path, layer, ".png")), fine)


def test_a_result_in_a_stacks_plane_is_one_picture(tmp_path):
    pixels = noise((1, 1, 9, 11, 3))
    np.testing.assert_array_equal(
        read_picture(saved(tmp_path, result_layer(pixels), ".png")), pixels[0, 0]
    )


def test_a_stack_is_refused_with_a_remedy(tmp_path):
    with pytest.raises(ImageError, match=r"stack of 5 pictures.*Pin"):
        saved(tmp_path, result_layer(noise((5, 9, 11, 3))), ".png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["holiday", "holiday.v2", "holiday.bmp"])
def test_a_name_without_the_formats_ending_gets_it_and_overwrites_nothing(tmp_path, name):
    (tmp_path / f"{name}.jpg").write_bytes(b"another picture")
    data, meta, _ = result_layer().as_layer_data_tuple()
    picture, _ = write_jpeg(str(tmp_path / name), data, meta)
    assert Path(picture).name == f"{name} 2.jpg"
    assert (tmp_path / f"{name}.jpg").read_bytes() == b"another picture"


def test_a_layer_of_no_run_is_written_without_record(tmp_path):
    path = saved(tmp_path, Image(noise(), rgb=True), ".jpg")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_record_that_cannot_be_read_does_not_keep_the_picture_from_being_saved(tmp_path):
    layer = result_layer()
    layer.metadata[METADATA_KEY] = {"config": "of another version"}
    assert saved(tmp_path, layer, ".png").exists()
    assert record_in(layer.metadata) is None


def test_a_record_in_metadata_is_read_as_a_table_or_as_itself():
    assert record_in({METADATA_KEY: RECORD}) == RECORD
    assert record_in({METADATA_KEY: RECORD.to_dict()}) == RECORD
    assert record_in({}) is None


@pytest.mark.parametrize("suffix", WRITERS)
def test_npe2_saves_a_layer_through_the_writers(tmp_path, suffix):
    manager = npe2.PluginManager()
    manager.register(manifest())
    manager.activate("nst-try")
    path = str(tmp_path / f"a{suffix}")
    writer, chosen = manager.get_writer(path, ["image"])
    assert chosen == path
    data, meta, _ = result_layer().as_layer_data_tuple()
    written = writer.exec(args=(path, data, meta), _registry=manager.commands)
    assert written[0] == path
    assert read_settings(path).record == RECORD


def manifest():
    """What napari.yaml is to contribute."""
    kinds = {"png": [".png"], "tiff": [".tif", ".tiff"], "jpeg": [".jpg", ".jpeg"]}
    commands = [
        {
            "id": f"nst-try.write_{kind}",
            "title": f"Save {kind}",
            "python_name": f"napari_nst.plugin.writers:write_{kind}",
        }
        for kind in kinds
    ]
    writers = [
        {
            "command": f"nst-try.write_{kind}",
            "layer_types": ["image"],
            "filename_extensions": endings,
        }
        for kind, endings in kinds.items()
    ]
    contributions = {"commands": commands, "writers": writers}
    return npe2.PluginManifest(
        name="nst-try", display_name="Try", schema_version="0.3.0", contributions=contributions
    )
