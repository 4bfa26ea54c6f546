"""What callers may hand to the API, and the sentences that refuse the rest."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import torch
import zarr
from PIL import Image

from napari_nst import RunControl, RunRecord, StyleConfig, estimate, iter_stylize, stylize
from napari_nst.core.arrays import as_array
from napari_nst.errors import ConfigError, DeviceError, ImageError, NstError, WeightsError
from napari_nst.settings.record import SteeringEvent
from napari_nst.weights import Weights
from tests.core.textbook import thin_vgg

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
CONFIG = StyleConfig(
    size=None,
    steps=1,
    precision="float32",
    balance="published",
    style_layers=("relu1_1", "relu2_1"),
    content_layers=("relu2_2",),
)
THIN = Weights(
    "thin",
    {name: tensor.float() for name, tensor in thin_vgg(16).items()},
    "torchvision",
    "0",
)


class Lazy:
    """Anything with __array__, which numpy must be given a chance to convert."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return PIXELS


KINDS: dict[str, Callable[[], Any]] = {
    "dask": lambda: dask.array.from_array(PIXELS, chunks=7),
    "zarr": lambda: zarr.array(PIXELS),
    "torch": lambda: torch.from_numpy(PIXELS),
    "torch with a gradient": lambda: torch.from_numpy(PIXELS / 255).requires_grad_(),
    "PIL": lambda: Image.fromarray(PIXELS),
    "own": Lazy,
    "read-only": lambda: np.frombuffer(PIXELS.tobytes(), np.uint8).reshape(PIXELS.shape),
    "big-endian": lambda: PIXELS.astype(">u2") * np.uint16(257),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_every_kind_of_array_is_a_picture_wherever_one_is_asked_for(
    make: Callable[[], Any],
) -> None:
    plain = stylize(PIXELS, PIXELS, CONFIG, weights=THIN, init=PIXELS)
    given = stylize(make(), make(), CONFIG, weights=THIN, init=make())
    several = stylize(make(), [make(), make()], CONFIG, weights=THIN)
    assert given.history[0].loss == pytest.approx(plain.history[0].loss, abs=1e-6)
    assert len(several.record.hashes["styles"]) == 2
    assert RunRecord.from_json(given.record.to_json()) == given.record


def test_the_hash_is_that_of_the_pixels_whatever_holds_them() -> None:
    plain = stylize(PIXELS, PIXELS, CONFIG, weights=THIN)
    held = stylize(KINDS["dask"](), KINDS["zarr"](), CONFIG, weights=THIN)
    assert held.record.hashes == plain.record.hashes


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pictures_of_pil_are_read_as_they_look(mode: str) -> None:
    picture = Image.fromarray(PIXELS).convert(mode)
    array = as_array(picture, "style")
    looks = np.asarray(picture.convert("RGBA"))
    expected = looks if mode.endswith("A") else looks[..., :3]
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, 2)
    np.testing.assert_array_equal(array, expected)


def test_a_palette_with_a_transparent_colour_has_opacity() -> None:
    picture = Image.new("P", (2, 2), 1)
    picture.putpalette([0, 0, 0, 9, 8, 7])
    picture.info["transparency"] = 1
    assert as_array(picture, "style").tolist() == [[[9, 8, 7, 0]] * 2] * 2


def test_a_tensor_of_bfloat16_is_converted_and_one_without_data_refused() -> None:
    assert as_array(torch.ones(2, 2, dtype=torch.bfloat16), "style").dtype == np.float32
    with pytest.raises(ImageError, match="style is a tensor"):
        as_array(torch.ones(2, 2, device="meta"), "style")


class Failing:
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise RuntimeError("the file is gone")


class Unwilling:
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("implicit conversion is not allowed")


@pytest.mark.parametrize(
    ("style", "message"),
    [
        (None, "style is a NoneType"),
        (5, "style is a int"),
        ("style.png", "read_picture"),
        (Path("style.png"), "read_picture"),
        (b"abc", "style is a bytes"),
        ({"a": PIXELS}, "style is a dict"),
        ([PIXELS, None], "style 2 is a NoneType"),
        ([[1, 2], [3, 4]], "style 1 is a list"),
        ([], "there is no style"),
        (np.ndarray, "style is a type"),
        (Unwilling(), "style is a Unwilling that numpy cannot convert: implicit"),
        (Failing(), "style is a Failing that numpy cannot convert: the file is gone"),
        (np.array([PIXELS, "a"], object), "style has shape"),
        (np.float64(3), r"style has shape \(\)"),
        (torch.from_numpy(PIXELS).permute(2, 0, 1), "moveaxis"),
        ([PIXELS, PIXELS[0, 0]], "style 2 has shape"),
    ],
)
def test_what_is_no_picture_is_refused_at_once_by_a_sentence(style: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        iter_stylize(PIXELS, style, CONFIG, weights=THIN)
    assert len(str(caught.value)) < 400
    if not isinstance(style, list):
        with pytest.raises(ImageError, match=message.replace("style", "content", 1)):
            iter_stylize(style, PIXELS, CONFIG, weights=THIN)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"config": {}}, ConfigError, "config is a StyleConfig; got {}"),
        ({"config": "default"}, ConfigError, "config is a StyleConfig"),
        ({"device": None}, DeviceError, "a device is auto"),
        ({"device": 5}, DeviceError, "a device is auto"),
        ({"device": ["cpu"]}, DeviceError, "a device is auto"),
        ({"device": ""}, DeviceError, "no device"),
        ({"weights": 5}, WeightsError, "Weights are 'auto'"),
        ({"weights": None}, WeightsError, "Weights are 'auto'"),
        ({"weights": {}}, WeightsError, "Weights are 'auto'"),
        ({"weights": "auto", "weights_input": 5}, WeightsError, "input is 5"),
        ({"control": 5}, ConfigError, "control is a RunControl"),
        ({"events": None}, ConfigError, "events is a list"),
        ({"events": [5]}, ConfigError, "steering is a list"),
        ({"events": [SteeringEvent(1, "size", 64)]}, ConfigError, "'size' cannot be steered"),
        ({"events": [SteeringEvent(1, "style_strength", -1)]}, ConfigError, "at least 0"),
        ({"events": [SteeringEvent(-1, "style_strength", 1)]}, ConfigError, "is a count"),
        ({"init": 5}, ImageError, "the picture to start from is a int"),
    ],
    ids=str,
)
def test_options_of_another_kind_are_refused_by_a_sentence(
    options: dict[str, Any], error: type[NstError], message: str
) -> None:
    given = {"config": CONFIG, "weights": THIN} | options
    with pytest.raises(error, match=re.escape(message)):
        stylize(PIXELS, PIXELS, given.pop("config"), **given)


def test_an_estimate_refuses_them_too() -> None:
    with pytest.raises(ConfigError, match="config is a StyleConfig"):
        estimate({}, (20, 20), (20, 20))  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="a device is auto"):
        estimate(CONFIG, (20, 20), (20, 20), None)  # type: ignore[arg-type]


def test_steering_with_numpys_numbers_is_recorded_as_json() -> None:
    control = RunControl()
    control.steer(style_strength=np.float32(2), content_weight=np.int64(3))
    record = stylize(PIXELS, PIXELS, CONFIG, weights=THIN, control=control).record
    assert RunRecord.from_json(record.to_json()) == record
    assert [event.value for event in record.events] == [2.0, 3]
