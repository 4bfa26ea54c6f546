"""The result of a content of any kind: its size, dtype, alpha, and its place in the world."""

import importlib.util

import dask.array
import numpy as np
import pytest

from napari_nst.plugin.layers.visible_picture import whole_range
from tests.plugin.layers.test_placement import outer_corners

pytestmark = pytest.mark.gui

RNG = np.random.default_rng(0)
GREY = RNG.uniform(0, 1, (20, 28))
RGB = RNG.uniform(0, 1, (20, 28, 3))
RGBA = np.dstack([RGB, np.linspace(0.01, 1, 20 * 28).reshape(20, 28)])
STACK = RNG.uniform(0, 1, (5, 20, 28))
WHERE = {"scale": (-2, 3), "translate": (4, -5), "rotate": 30, "shear": [0.4]}
UNITS = {"units": ("um", "nm"), "axis_labels": ("up", "along")}

CONTENTS = {
    "8 bits turned, sheared, mirrored": ((RGB * 255).astype("uint8"), {"rgb": True} | WHERE),
    "16 bits of 12, grey, in units": ((GREY * 4095).astype("uint16"), UNITS | {"scale": (2, 9)}),
    "16 bits with alpha": ((RGBA * 65535).astype("uint16"), {"rgb": True} | WHERE | UNITS),
    "64-bit floats with alpha": (RGBA, {"rgb": True}),
    "16-bit floats": (RGB.astype("float16"), {"rgb": True, "gamma": 0.7}),
    "black and white": (GREY > 0.5, WHERE),
    "signed": ((GREY * 4000 - 1000).astype("int16"), {"contrast_limits": (-500, 2000)}),
    "NaN": (np.where(GREY < 0.2, np.nan, GREY), {"colormap": "viridis"}),
    "constant": (np.full((20, 28), 7.0), {}),
    "plane of a stack": (STACK, {"scale": (7, 2, 3), "axis_labels": ("z", "y", "x")}),
    "multiscale": ([RGB, RGB[::2, ::2]], {"rgb": True, "multiscale": True} | WHERE),
    "dask": (dask.array.from_array(STACK, chunks=7), {}),
}
if importlib.util.find_spec("zarr"):
    import zarr

    CONTENTS["zarr"] = (zarr.array((RGB * 255).astype("uint8")), {"rgb": True})
SAME = {"uint8", "uint16", "float16", "float32", "float64"}


@pytest.fixture
def original(docked):
    """The dock, set to two steps at the content's own size."""
    form = docked.form
    form.basic["size"].value = None
    form.basic["steps"].value = 2
    form.advanced["content_layers"].value = ("relu1_2",)
    form.advanced["style_layers"].value = ("relu1_1", "relu2_1")
    for kind in ("content", "style"):
        form.advanced[f"{kind}_layer_weights"].value = ()
    form.advanced["precision"].value = "float32"
    return docked


def test_a_result_is_of_its_content_s_kind_and_lies_over_it(viewer, original, finished):
    style = viewer.add_image((RGB * 255).astype(np.uint8), rgb=True, name="style")
    original.form.pickers.style.value = style
    for name, (data, look) in CONTENTS.items():
        content = viewer.add_image(data, name=name, **look)
        if content.ndim == 3:
            viewer.dims.set_point(0, 2 * content.scale[0])
        original.form.pickers.content.value = content
        original.panel.run.click()
        finished(original)
        run = original.current
        assert run.result is not None, (name, run.text)
        layer, ahead = run.live.layer, (0,) * (content.ndim - 2)
        finest = data[0] if content.multiscale else data
        dtype = str(finest.dtype)
        wanted = dtype if dtype in SAME else "uint8" if dtype == "bool" else "float32"
        assert layer.data.dtype == wanted, name
        assert layer.data.shape[-3:-1] == (20, 28), name
        assert tuple(layer.contrast_limits) == whole_range(wanted), name
        at = tuple(2 for _ in ahead)
        goal = outer_corners(content, (20, 28), ahead=at)
        np.testing.assert_allclose(outer_corners(layer, (20, 28), ahead=ahead), goal, atol=1e-6)
        assert (layer.units, layer.axis_labels) == (content.units, content.axis_labels), name
        if finest.shape[-1] == 4:
            np.testing.assert_array_equal(layer.data[..., 3], finest[..., 3], name)
        assert (layer.data.shape[-1] == 4) == (finest.shape[-1] == 4 or name == "NaN"), name
        viewer.layers.remove(content)


@pytest.mark.parametrize(
    ("data", "look", "sentence"),
    [
        (GREY[:, :1], {}, "too small"),
        (np.full((20, 28), np.nan), {}, "fully transparent"),
        (RGBA * (1, 1, 1, 0), {"rgb": True}, "fully transparent"),
    ],
    ids=["1 px wide", "NaN only", "transparent"],
)
def test_of_what_cannot_be_painted_the_dock_says_why(viewer, original, qtbot, data, look, sentence):
    viewer.add_image(data, **look)
    viewer.add_image((RGB * 255).astype(np.uint8), rgb=True, name="style")
    original.panel.run.click()
    qtbot.waitUntil(lambda: not any(run.state.active for run in original.session.runs))
    qtbot.wait(20)
    said = [run.text for run in original.session.runs] + [original.panel.text.text()]
    assert any(sentence in text for text in said), said
