"""Weights of VGG-19: find, download, verify, reduce to the convolutions, cache and load safely.

:func:`load` loads weights by name or path, :func:`status` lists the places on disk that it
searches, :func:`download` downloads ImageNet's and runs only when called. Files are
read by safetensors or by ``torch.load(weights_only=True)``: nothing is ever unpickled.
Importing this package does not import torch.
"""

from napari_nst.weights._download import download
from napari_nst.weights._files import InputKind, Weights, tensors_sha256, write
from napari_nst.weights._load import load
from napari_nst.weights._places import (
    FOLDER_VARIABLE,
    IMAGENET,
    Place,
    Source,
    find_imagenet,
    status,
)

__all__ = [
    "FOLDER_VARIABLE",
    "IMAGENET",
    "InputKind",
    "Place",
    "Source",
    "Weights",
    "download",
    "find_imagenet",
    "load",
    "status",
    "tensors_sha256",
    "write",
]
