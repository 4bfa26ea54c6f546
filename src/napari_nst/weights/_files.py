"""Read and write VGG-19 weights files, and determine the input that each expects.

Two layouts are read: torchvision's ``features.0.weight`` and Caffe's ``conv1_1.weight``.
With the wrong input a network still makes pictures, only poor ones. So the input follows
the strongest evidence: known hash, header, the user's setting, the style of the keys.
"""

from __future__ import annotations

import hashlib
import pickle
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_nst.errors import WeightsError
from napari_nst.files.disk import appearing_whole
from napari_nst.settings.vgg_layers import CONVS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor

InputKind = Literal["torchvision", "caffe"]
"""``torchvision``: RGB in [0, 1], mean and std normalised; ``caffe``: BGR in 0-255 minus mean."""

HASH_BLOCK_BYTES = 1 << 20
OWN_HEADER_KEY = "napari_nst"

# SHA-256 of a file, or its first digits if the publisher put them into the file's name.
KNOWN_FILES: dict[str, InputKind] = {
    "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44": "torchvision",
    # vgg19-d01eb7cb.pth, neural-style-pt's Caffe weights under torchvision's key names.
    "d01eb7cb": "caffe",
}

# Raised by torch.load(weights_only=True) on thousands of truncated, altered and random files.
_UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    EOFError,
    OSError,
    MemoryError,
)


@dataclass(frozen=True, eq=False)
class Weights:
    """VGG-19's convolution weights and the input that they expect.

    Parameters
    ----------
    name
        One of `WEIGHTS_NAMES`, or the stem of the file.
    tensors
        "conv1_1.weight", shape (out, in, 3, 3), and "conv1_1.bias", shape (out,), all
        float32 on the CPU; may end before conv5_4.
    input
        The input of the first convolution.
    sha256
        Hash of the tensors' bytes in the order of their sorted keys.
    note
        A message for the user, for example that `input` was guessed.
    """

    name: str
    tensors: Mapping[str, Tensor]
    input: InputKind
    sha256: str
    note: str | None = None


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hash the tensors' stored bytes in the order of their sorted keys."""
    import torch

    digest = hashlib.sha256()
    for key in sorted(tensors):
        flat = tensors[key].detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def file_sha256(path: Path, *, on_block: Callable[[], None] = lambda: None) -> str:
    """Hash a file, calling `on_block` once per block, which may raise to cancel."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
            on_block()
    return digest.hexdigest()


def read(
    path: Path,
    *,
    name: str | None = None,
    weights_input: InputKind | None = None,
    file_hash: str | None = None,
) -> Weights:
    """Read a VGG-19 weights file in either layout.

    Parameters
    ----------
    path
        A safetensors file (by its suffix) or a torch state dict.
    name
        Name of the weights; None uses the file's stem.
    weights_input
        The user's setting of the input; a known hash or a header overrules it.
    file_hash
        The file's SHA-256 if it is already known.

    Raises
    ------
    WeightsError
        If the file is missing, unreadable, damaged, or of another network.
    """
    if not path.exists():
        raise WeightsError(f"There is no file of weights at {path}. Check the path.")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no ordinary file"
        raise WeightsError(f"{path} is {kind}; expected a file of weights. Check the path.")
    header: Mapping[str, str] = {}
    if path.suffix.lower() == ".safetensors":
        raw, header = _read_safetensors(path)
    else:
        raw = _read_state_dict(path)
        file_hash = file_hash or file_sha256(path)
    _check_own_hash(path, raw, header)
    keys = _key_table(path, raw)
    tensors = _checked_layers(path, raw, keys)
    kind, note = _decide_input(path, keys, header, weights_input, file_hash or "")
    return Weights(name or path.stem, tensors, kind, tensors_sha256(tensors), note)


def write(path: Path, tensors: Mapping[str, Tensor], *, header: Mapping[str, str]) -> None:
    """Write `tensors` and their hash as safetensors, atomically.

    Parameters
    ----------
    path
        Where to write; an existing file is replaced.
    tensors
        "conv1_1.weight" and so on, in any floating-point dtype, stored unchanged.
    header
        Entries of the file's header, such as "name" and "input"; the tensors' hash is added.
    """
    from safetensors.torch import save_file

    contents = {key: tensor.contiguous() for key, tensor in tensors.items()}
    own = {OWN_HEADER_KEY: "1", "sha256": tensors_sha256(contents)}
    with appearing_whole(path) as part:
        save_file(contents, part, metadata={**header, **own})


def read_header(path: Path) -> dict[str, str]:
    """Read a safetensors file's metadata without its tensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, "safetensors", error) from error


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(path)
    try:
        return load_file(path), header
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, "safetensors", error) from error


def _read_state_dict(path: Path) -> dict[str, Any]:
    import torch

    try:
        raw = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise _unreadable(path, "a torch state dict", error) from error
    if not isinstance(raw, dict):
        raise WeightsError(
            f"{path} holds a {type(raw).__name__}; expected a state dict of VGG-19, "
            f"names to tensors. Save model.state_dict() instead."
        )
    return raw


def _unreadable(path: Path, kind: str, error: BaseException) -> WeightsError:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return WeightsError(
        f"{path} cannot be read as {kind}: it is damaged, cut short, or another kind of file "
        f"({reason}). Download it again, or choose other weights."
    )


def _check_own_hash(path: Path, raw: Mapping[str, Any], header: Mapping[str, str]) -> None:
    """Compare the tensors with the hash in the header of files that this package wrote."""
    expected = header.get("sha256")
    if OWN_HEADER_KEY not in header or expected is None:
        return
    came = tensors_sha256(raw)
    if came != expected:
        raise WeightsError(
            f"{path} is damaged: its header says SHA-256 {expected[:12]}..., but its tensors have "
            f"{came[:12]}.... Delete it and download it again."
        )


def _features_keys() -> dict[str, str]:
    """Return torchvision's key of every convolution; ReLUs and poolings count as positions."""
    keys, position, block = {}, 0, "1"
    for name in CONVS:
        if name[4] != block:
            position, block = position + 1, name[4]
        keys[name] = f"features.{position}"
        position += 2
    return keys


def _key_table(path: Path, raw: Mapping[str, Any]) -> dict[str, str]:
    """Map every convolution to its key in the file."""
    if "conv1_1.weight" in raw:
        return {name: name for name in CONVS}
    if "features.0.weight" in raw:
        return _features_keys()
    some = ", ".join(map(str, list(raw)[:4])) or "nothing"
    raise WeightsError(
        f"{path} is not a VGG-19: expected keys such as 'features.0.weight' or "
        f"'conv1_1.weight', but it has {some}. Give a VGG-19 state dict."
    )


def _checked_layers(
    path: Path, raw: Mapping[str, Any], keys: Mapping[str, str]
) -> dict[str, Tensor]:
    """Return the convolutions in `raw`, from conv1_1 to the deepest present."""
    present = [name for name in CONVS if f"{keys[name]}.weight" in raw]
    for expected, came in zip(CONVS, present, strict=False):
        if came != expected:
            raise WeightsError(
                f"{path} lacks {expected} ({keys[expected]}.weight) but has {came} after it"
                f"{_other_network(raw, expected)}. Give a VGG-19 state dict without gaps."
            )
    tensors = {}
    for name in present:
        outputs, inputs = CONVS[name][1], CONVS[name][0]
        for part, shape in (("weight", (outputs, inputs, 3, 3)), ("bias", (outputs,))):
            tensors[f"{name}.{part}"] = _checked(path, raw, f"{keys[name]}.{part}", shape)
    return tensors


def _other_network(raw: Mapping[str, Any], missing: str) -> str:
    if "features.1.weight" in raw:
        return ": it looks like a VGG with batch normalisation, which is not supported"
    return ": it looks like VGG-16" if missing == "conv3_4" else ""


def _checked(path: Path, raw: Mapping[str, Any], key: str, shape: tuple[int, ...]) -> Tensor:
    """Return one tensor as float32; raise WeightsError if it is not as expected."""
    import torch

    tensor = raw.get(key)
    if not isinstance(tensor, torch.Tensor):
        raise WeightsError(
            f"{path} lacks {key}; expected a tensor of shape {shape}. Give a complete VGG-19."
        )
    if tuple(tensor.shape) != shape or not tensor.is_floating_point():
        raise WeightsError(
            f"{path}: {key} is {tensor.dtype} of shape {tuple(tensor.shape)}; VGG-19 needs "
            f"floating point of shape {shape}. Give a VGG-19 state dict."
        )
    result = tensor.detach().to(torch.float32).contiguous()
    if not bool(torch.isfinite(result).all()):
        raise WeightsError(
            f"{path}: {key} contains NaN or infinity; expected finite numbers. "
            f"The file is damaged; download it again."
        )
    return result


def _decide_input(
    path: Path,
    keys: Mapping[str, str],
    header: Mapping[str, str],
    weights_input: InputKind | None,
    file_hash: str,
) -> tuple[InputKind, str | None]:
    """Return the input that the file expects, and a note if that is a guess."""
    for known, kind in KNOWN_FILES.items():
        if file_hash.startswith(known):
            return kind, None
    match header.get("input"):
        case "torchvision":
            return "torchvision", None
        case "caffe":
            return "caffe", None
    if weights_input is not None:
        return weights_input, None
    if keys["conv1_1"] == "conv1_1":
        return "caffe", None
    return "torchvision", (
        f"{path.name} does not say which input it expects; its keys look like torchvision's, "
        f"so RGB in [0, 1] with mean and std was assumed. Caffe's filters, which expect BGR in "
        f"0-255, are also distributed with such keys: if the result looks weak, set the weights' "
        f"input to 'caffe'."
    )
