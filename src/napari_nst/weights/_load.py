"""Load checked weights by name or path."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from napari_nst.errors import WeightsError, shown
from napari_nst.settings.vgg_layers import CONVS, WEIGHTS_NAMES
from napari_nst.weights._files import (
    InputKind,
    Weights,
    file_sha256,
    read,
    tensors_sha256,
)
from napari_nst.weights._places import IMAGENET, Source, builtin_path, find_imagenet

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

_CHOICES = ", ".join(map(repr, ("auto", *WEIGHTS_NAMES)))

_REMEDIES = (
    "Download ImageNet's once with `napari-nst weights download` (575 MB, 80 MB stay on disk), "
    "give the path of a VGG-19 file, or choose 'builtin' (in the package) or 'untrained' (random)."
)


def load(
    spec: str | Path = "auto",
    *,
    weights_input: InputKind | None = None,
    seed: int = 0,
    folder: Path | None = None,
    source: Source = IMAGENET,
) -> Weights:
    """Load VGG-19's weights from this disk, without downloading.

    Parameters
    ----------
    spec
        "auto" (ImageNet's if on disk, else the built-in ones), one of `WEIGHTS_NAMES`, or the
        path of a file: torchvision's or Caffe's state dict, or safetensors.
    weights_input
        The input that a file expects, if the file does not say so itself.
    seed
        Seed of the "untrained" weights.
    folder
        A folder set by the user, in place of the environment variable's.
    source
        The published file that counts as ImageNet's.

    Raises
    ------
    WeightsError
        If the weights are missing, damaged, or not VGG-19's; says what to do.
    """
    if weights_input is not None and weights_input not in get_args(InputKind):
        raise WeightsError(
            f"The weights' input is {weights_input!r}; expected 'torchvision' (RGB in [0, 1]) "
            f"or 'caffe' (BGR in 0-255). Choose one of the two, or leave it out."
        )
    if not isinstance(spec, (str, os.PathLike)):
        raise WeightsError(
            f"Weights are {_CHOICES}, a file's path or loaded weights; got {shown(spec)}."
        )
    weights = _load(spec, weights_input, seed=seed, folder=folder, source=source)
    if weights_input is not None and weights.input != weights_input:
        overruled = (
            f"The weights {weights.name!r} are known to expect {weights.input!r} input; "
            f"{weights_input!r} was ignored."
        )
        weights = replace(weights, note=overruled)
    log.info("weights %s, input %s, sha256 %s", weights.name, weights.input, weights.sha256[:12])
    return weights


def _load(
    spec: str | Path,
    weights_input: InputKind | None,
    *,
    seed: int,
    folder: Path | None,
    source: Source,
) -> Weights:
    match spec:
        case "auto":
            return _auto(folder, source)
        case "imagenet":
            return _imagenet(find_imagenet(folder=folder, source=source), source)
        case "builtin":
            return _builtin()
        case "untrained":
            return _untrained(seed)
    path = Path(spec).expanduser()
    if isinstance(spec, str) and not path.exists():
        raise WeightsError(
            f"{spec!r} is neither a file nor one of {_CHOICES}. "
            f"Check the path or choose one of those."
        )
    return read(path, weights_input=weights_input)


def _auto(folder: Path | None, source: Source) -> Weights:
    found = find_imagenet(folder=folder, source=source)
    if found is not None:
        return _imagenet(found, source)
    if builtin_path().is_file():
        return _builtin()
    raise WeightsError(f"There are no VGG-19 weights on this disk. {_REMEDIES}")


def _imagenet(path: Path | None, source: Source) -> Weights:
    if path is None:
        raise WeightsError(f"ImageNet's VGG-19 weights are not on this disk. {_REMEDIES}")
    if path.suffix == ".safetensors":
        return read(path, name="imagenet")
    file_hash = file_sha256(path)
    if file_hash != source.sha256:
        raise WeightsError(
            f"{path} is damaged: expected SHA-256 {source.sha256[:12]}..., but it has "
            f"{file_hash[:12]}.... Delete it and download it again, or give another file's path."
        )
    return read(path, name="imagenet", weights_input=source.input, file_hash=file_hash)


def _builtin() -> Weights:
    path = builtin_path()
    if not path.is_file():
        raise WeightsError(f"This copy of napari-nst ships no built-in features. {_REMEDIES}")
    return read(path, name="builtin")


def _untrained(seed: int) -> Weights:
    """Draw He-normal filters (He et al. 2015): std = sqrt(2 / fan-in), zero bias."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, (inputs, outputs) in CONVS.items():
        std = math.sqrt(2 / (inputs * 9))
        noise = torch.randn(outputs, inputs, 3, 3, generator=generator)
        tensors[f"{name}.weight"] = noise * std
        tensors[f"{name}.bias"] = torch.zeros(outputs)
    return Weights("untrained", tensors, "torchvision", tensors_sha256(tensors))
