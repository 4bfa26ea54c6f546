"""Where the numbers of VGG-19 come from: find, fetch, verify, strip, cache, load safely.

:func:`load` answers "which numbers" for every front end, :func:`status` tells where they
were looked for, :func:`download` fetches ImageNet's and runs only when called. Files are
read by safetensors or by ``torch.load(weights_only=True)``: nothing is ever unpickled.
Importing this package does not import torch.
"""

from napari_nst.weights._download import download
from napari_nst.weights._files import InputKind, Weights, tensors_sha256, write
from napari_nst.weights._load import load
from napari_nst.weights._places import (
    FOLDER_VARIABLE,
    IMAGENET,
    IMAGENET_URL,
    Place,
    Source,
    find_imagenet,
    status,
)

__all__ = [
    "FOLDER_VARIABLE",
    "IMAGENET",
    "IMAGENET_URL",
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
