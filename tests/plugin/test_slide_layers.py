"""OME-Zarr opens in napari as multiscale layers, where it is and with its colours."""

import numpy as np
import pytest
from napari.components import Dims
from napari.layers import Image

from napari_nst.errors import ImageError
from napari_nst.files.images import write_picture
from napari_nst.files.slides import zarr_writing
from napari_nst.files.slides.extent import Extent
from napari_nst.plugin.layers.visible_picture import picture_of
from napari_nst.plugin.readers import get_reader
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import METADATA_KEY, RunRecord

zarr = pytest.importorskip("zarr")

RGB = np.random.default_rng(0).integers(0, 256, (75, 50, 3), np.uint8)
RECORD = RunRecord(StyleConfig(seed=7), {}, {}, "builtin")


@pytest.fixture
def result(tmp_path, monkeypatch):
    """A result of ours in three sizes, in 2 x 1 micrometres a pixel."""
    monkeypatch.setattr(zarr_writing, "CHUNK_PX", 20)
    path = tmp_path / "a.zarr"
    write_picture(path, RGB, record=RECORD, extent=Extent(150, 50, 10, 20, "micrometer"))
    return path


def layers_of(path):
    return [Image(data, **arguments) for data, arguments, _ in get_reader(str(path))(str(path))]


def test_a_result_opens_as_a_multiscale_layer_of_its_colours(result):
    (layer,) = layers_of(result)
    assert (layer.multiscale, layer.rgb, layer.name) == (True, True, "a")
    assert [level.shape for level in layer.data] == [(75, 50, 3), (38, 25, 3), (19, 13, 3)]
    np.testing.assert_array_equal(np.asarray(layer.data[0]), RGB)
    assert RunRecord.from_dict(layer.metadata[METADATA_KEY]) == RECORD
    np.testing.assert_array_equal(layer.scale, [2, 1])
    np.testing.assert_array_equal(layer.translate, [11, 20.5])  # the first pixel's centre
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    assert tuple(layer.contrast_limits) == (0, 255)


def test_of_a_slide_s_layer_the_level_nearest_to_the_size_is_stylised(result):
    (layer,) = layers_of(result)
    for least_px, shape in ((None, (75, 50, 3)), (25, (38, 25, 3)), (13, (19, 13, 3))):
        assert picture_of(layer, Dims(ndim=2), least_px=least_px).pixels.shape == shape


def test_napari_opens_it(result, make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    (layer,) = viewer.open(str(result), plugin="napari-nst")
    assert (layer.multiscale, layer.rgb) == (True, True)


def test_channels_open_as_layers_in_their_colours(result):
    group = zarr.open_group(str(result))
    ome = group.attrs["ome"]
    window = {"start": 5, "end": 90}
    channels = [{"color": "00FF00", "window": window}, {"color": "FF00FF", "active": False}]
    group.attrs["ome"] = ome | {"omero": {"channels": [*channels, channels[0]]}}
    layers = layers_of(result)
    assert [layer.visible for layer in layers] == [True, False, True]
    np.testing.assert_array_equal(np.asarray(layers[1].data[0]), RGB[..., 1])
    np.testing.assert_allclose(layers[0].colormap.map(np.array([1.0]))[0, :3], [0, 1, 0])
    assert tuple(layers[0].contrast_limits) == (5, 90)
    assert {layer.blending for layer in layers} == {"additive"}


def test_what_is_no_result_of_ours_opens_too(tmp_path):
    stack = np.stack([RGB[..., 0], RGB[..., 1]])
    zarr.create_array(str(tmp_path / "stack.zarr"), data=stack)
    (layer,) = layers_of(tmp_path / "stack.zarr")
    assert (layer.multiscale, layer.data.shape) == (False, stack.shape)
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    group.create_array("0", data=stack)
    axes = [{"name": "c"}, {"name": "y", "unit": "furlongs per bushel"}, {"name": "x"}]
    scale = {"type": "scale", "scale": [1, 2, 3]}
    datasets = [{"path": "0", "coordinateTransformations": [scale]}]
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    first, second = layers_of(tmp_path / "g.zarr")  # of whose colours nothing is said
    np.testing.assert_array_equal(np.asarray(second.data), stack[1])
    np.testing.assert_array_equal(first.scale, [2, 3])


def test_a_damaged_folder_is_a_sentence(result):
    (result / "zarr.json").write_text("{")
    with pytest.raises(ImageError, match=r"a\.zarr cannot be read as zarr"):
        layers_of(result)
