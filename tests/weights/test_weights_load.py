"""Which numbers: names, places and files in, checked weights out."""

import hashlib
import math
import os
import pickle
import random
import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_nst.errors import WeightsError
from napari_nst.settings.vgg_layers import CONVS
from napari_nst.weights import IMAGENET, _files, find_imagenet, load, status, tensors_sha256
from tests.weights.conftest import FEATURES_POSITION, small_state, source_of


def saved(path: Path, state: object, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path, **options)
    return path


def test_importing_weights_does_not_import_torch() -> None:
    code = "import sys, napari_nst.weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- untrained


def test_untrained_weights_are_he_normal_with_zero_bias() -> None:
    weights = load("untrained", seed=3)
    assert (weights.name, weights.input, weights.note) == ("untrained", "torchvision", None)
    assert list(weights.tensors) == [f"{n}.{p}" for n in CONVS for p in ("weight", "bias")]
    for name, (inputs, outputs) in CONVS.items():
        weight = weights.tensors[f"{name}.weight"]
        assert weight.shape == (outputs, inputs, 3, 3)
        assert weight.dtype == torch.float32
        assert weight.std().item() == pytest.approx(math.sqrt(2 / (9 * inputs)), rel=0.05)
        assert not weights.tensors[f"{name}.bias"].any()


def test_untrained_weights_repeat_with_their_seed_and_differ_without() -> None:
    assert load("untrained", seed=1).sha256 == load("untrained", seed=1).sha256
    assert load("untrained", seed=1).sha256 != load("untrained", seed=2).sha256


def test_hash_is_that_of_the_bytes_in_sorted_key_order() -> None:
    state = small_state(keys="conv")
    bytes_in_order = b"".join(state[key].numpy().tobytes() for key in sorted(state))
    assert tensors_sha256(state) == hashlib.sha256(bytes_in_order).hexdigest()


# --- names and places


@pytest.mark.parametrize("spec", ["auto", "imagenet", "builtin"])
def test_absent_weights_name_the_remedies(spec: str) -> None:
    with pytest.raises(WeightsError, match=r"weights download.*path.*'untrained'"):
        load(spec)


def test_unknown_name_lists_the_names() -> None:
    with pytest.raises(WeightsError, match=r"'imagnet' is neither a file.*'imagenet'"):
        load("imagnet")


def test_unknown_input_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"'rgb'; expected 'torchvision'"):
        load("untrained", weights_input="rgb")  # type: ignore[arg-type]


def test_auto_prefers_imagenet_and_falls_back_to_builtin(disk: Path, published: bytes) -> None:
    builtin = small_state(keys="conv", dtype=torch.float16)
    _files.write(disk / "builtin.safetensors", builtin, header={"input": "torchvision"})
    assert load("auto").name == "builtin"
    original = disk / "torch/hub/checkpoints/vgg19-test.pth"
    original.parent.mkdir(parents=True)
    original.write_bytes(published)
    assert load("auto", source=source_of(published)).name == "imagenet"


def test_builtin_halves_become_float32_and_are_checked(disk: Path) -> None:
    halves = small_state(keys="conv", dtype=torch.float16)
    path = disk / "builtin.safetensors"
    _files.write(path, halves, header={"input": "torchvision", "name": "builtin"})
    weights = load("builtin")
    assert all(tensor.dtype == torch.float32 for tensor in weights.tensors.values())
    assert torch.equal(weights.tensors["conv1_1.bias"], halves["conv1_1.bias"].float())
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(WeightsError, match="damaged"):
        load("builtin")


def test_places_are_looked_at_in_order(
    disk: Path, published: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(published)
    assert find_imagenet(source=source) is None
    monkeypatch.setenv("NAPARI_NST_WEIGHTS", str(disk / "mine"))
    expected = None
    for folder in ("torch/hub/checkpoints", "cache", "mine"):
        expected = disk / folder / source.file_name
        expected.parent.mkdir(parents=True)
        expected.write_bytes(published)
        assert find_imagenet(source=source) == expected
    given = disk / "given"
    given.mkdir()
    (given / source.file_name).write_bytes(published)
    assert find_imagenet(folder=given, source=source) == given / source.file_name
    assert load("imagenet", source=source).input == "torchvision"


def test_status_tells_each_place_and_an_unfinished_download(disk: Path) -> None:
    assert not any(place.present for place in status())
    hub = disk / "torch/hub/checkpoints/vgg19-dcbb9e9d.pth"
    hub.parent.mkdir(parents=True)
    hub.write_bytes(b"cut short")
    (disk / "cache").mkdir()
    (disk / "cache/vgg19-dcbb9e9d.pth.part").write_bytes(b"12345")
    places = {place.label: place for place in status()}
    in_hub = places["cache of torch hub"]
    assert (in_hub.path, in_hub.size_bytes, in_hub.usable) == (hub, 9, False)
    assert places["unfinished download"].size_bytes == 5
    assert find_imagenet() is None


def test_damaged_original_of_right_length_is_refused(disk: Path, published: bytes) -> None:
    path = disk / "torch/hub/checkpoints/vgg19-test.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(published[:-1] + b"?")
    with pytest.raises(WeightsError, match=r"damaged: expected SHA-256"):
        load("imagenet", source=source_of(published))


# --- files


@pytest.mark.parametrize("zipped", [True, False])
def test_torchvision_state_dict_is_read_and_the_guess_said_aloud(
    tmp_path: Path, zipped: bool
) -> None:
    state = small_state(5)
    path = saved(tmp_path / "my.pth", state, _use_new_zipfile_serialization=zipped)
    weights = load(path)
    assert (weights.name, weights.input) == ("my", "torchvision")
    assert weights.note is not None
    assert "caffe" in weights.note
    assert list(weights.tensors)[-1] == "conv3_1.bias"
    assert torch.equal(weights.tensors["conv3_1.weight"], state["features.10.weight"])


def test_whole_vgg19_is_read_from_torchvision_positions(tmp_path: Path) -> None:
    untrained = load("untrained")
    state = {
        f"features.{FEATURES_POSITION[name]}.{part}": untrained.tensors[f"{name}.{part}"]
        for name in CONVS
        for part in ("weight", "bias")
    }
    assert load(saved(tmp_path / "whole.pth", state)).sha256 == untrained.sha256


@pytest.mark.parametrize("word", ["torchvision", "caffe"])
def test_users_word_decides_without_a_note(tmp_path: Path, word: _files.InputKind) -> None:
    weights = load(str(saved(tmp_path / "my.pth", small_state())), weights_input=word)
    assert (weights.input, weights.note) == (word, None)


def test_conv_keys_mean_caffe(tmp_path: Path) -> None:
    weights = load(saved(tmp_path / "vgg_conv.pth", small_state(keys="conv")))
    assert (weights.name, weights.input, weights.note) == ("vgg_conv", "caffe", None)


@pytest.mark.parametrize("digits", [64, 8])
def test_known_hash_overrules_the_users_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: int
) -> None:
    path = saved(tmp_path / "spread.pth", small_state())
    known = hashlib.sha256(path.read_bytes()).hexdigest()[:digits]
    monkeypatch.setitem(_files.KNOWN_FILES, known, "caffe")
    assert load(path).input == "caffe"
    assert load(path).note is None
    overruled = load(path, weights_input="torchvision")
    assert overruled.input == "caffe"
    assert overruled.note is not None
    assert "ignored" in overruled.note


@pytest.mark.parametrize("keys", ["features", "conv"])
@pytest.mark.parametrize("kind", ["torchvision", "caffe"])
def test_safetensors_header_is_honoured(tmp_path: Path, keys: str, kind: str) -> None:
    path = tmp_path / "my.safetensors"
    save_file(small_state(keys=keys), path, metadata={"input": kind})
    weights = load(path)
    assert (weights.input, weights.note) == (kind, None)


def test_safetensors_without_a_header_goes_by_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "my.SAFETENSORS"
    save_file(small_state(), path)
    assert load(path).input == "torchvision"
    assert load(path).note is not None


# --- what is refused


def test_a_folder_for_a_file_of_weights_is_called_a_folder(tmp_path):
    with pytest.raises(WeightsError, match="is a folder; expected a file of weights"):
        load(str(tmp_path))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no file of weights at .*gone\.pth"):
        load(tmp_path / "gone.pth")


@pytest.mark.parametrize("keys", ["features", "conv"])
def test_vgg16_is_recognised(tmp_path: Path, keys: str) -> None:
    state = small_state(7, keys=keys)
    later = "features.19" if keys == "features" else "conv4_1"
    state[f"{later}.weight"] = torch.zeros(512, 512, 3, 3)
    with pytest.raises(WeightsError, match=r"lacks conv3_4.*VGG-16"):
        load(saved(tmp_path / "vgg16.pth", state))


def test_batch_normalised_vgg_is_recognised(tmp_path: Path) -> None:
    state = {**small_state(1), "features.1.weight": torch.ones(64)}
    state["features.7.weight"] = torch.zeros(128, 64, 3, 3)
    with pytest.raises(WeightsError, match="batch normalisation"):
        load(saved(tmp_path / "vgg19_bn.pth", state))


def test_another_network_is_refused_by_its_keys(tmp_path: Path) -> None:
    path = saved(tmp_path / "resnet.pth", {"layer1.0.conv1.weight": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"expected keys such as.*has layer1\.0\.conv1\.weight"):
        load(path)


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {}])
def test_a_file_that_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(WeightsError, match="expected"):
        load(saved(tmp_path / "other.pth", content))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("features.0.weight", torch.zeros(64, 3, 5, 5), r"shape \(64, 3, 5, 5\).*\(64, 3, 3, 3\)"),
        ("features.2.weight", torch.zeros(64, 64, 3, 3, dtype=torch.int64), "int64"),
        ("features.2.bias", torch.full((64,), float("nan")), "NaN"),
        ("features.2.bias", torch.full((64,), float("inf")), "infinity"),
        ("features.2.bias", None, r"lacks features\.2\.bias"),
    ],
)
def test_bad_tensors_are_named(tmp_path: Path, key: str, value: object, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load(saved(tmp_path / "bad.pth", {**small_state(), key: value}))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_truncated_altered_and_random_files_are_refused_readably(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"my{suffix}"
    if suffix == ".pth":
        saved(path, small_state(1), _use_new_zipfile_serialization=False)
    else:
        save_file(small_state(1), path)
    whole, dice = path.read_bytes(), random.Random(0)
    samples = [b"", b"<html>", dice.randbytes(300)]
    samples += [whole[: dice.randrange(len(whole) - 1)] for _ in range(40)]
    for _ in range(80):
        altered = bytearray(whole)
        altered[dice.randrange(200)] ^= dice.randrange(1, 256)
        samples.append(bytes(altered))
    for sample in samples:
        path.write_bytes(sample)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of odd pickle protocols
            with suppress(WeightsError):  # an altered byte may also leave good weights
                load(path)


class Intruder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_never_runs(tmp_path: Path, zipped: bool) -> None:
    mark = tmp_path / "ran"
    bomb = {**small_state(1), "extra": Intruder(mark)}
    with pytest.raises(WeightsError, match="cannot be read"):
        load(saved(tmp_path / "bomb.pth", bomb, _use_new_zipfile_serialization=zipped))
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Intruder(mark), protocol=2))
    with pytest.raises(WeightsError, match="cannot be read"):
        load(tmp_path / "raw.pth")
    assert not mark.exists()


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.safetensors"
    _files.write(path, small_state(1, keys="conv"), header={})
    before = path.read_bytes()

    def refuse(*paths: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"):
        _files.write(path, small_state(2, keys="conv"), header={})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_constants_are_torchvisions_own() -> None:
    models = pytest.importorskip("torchvision.models")
    theirs = models.VGG19_Weights.IMAGENET1K_V1
    assert theirs.url == IMAGENET.url
    assert IMAGENET.file_name == f"vgg19-{IMAGENET.sha256[:8]}.pth"
    assert theirs.meta["_file_size"] == pytest.approx(IMAGENET.size_bytes / 2**20, abs=1e-3)
    assert _files.KNOWN_FILES[IMAGENET.sha256] == "torchvision"
