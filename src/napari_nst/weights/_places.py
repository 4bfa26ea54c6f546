"""The places on disk that are searched for weights, in order."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from napari_nst.settings.vgg_layers import WeightsName
from napari_nst.weights._files import InputKind

FOLDER_VARIABLE = "NAPARI_NST_WEIGHTS"
"""Environment variable with the folder that is searched first and downloaded into."""

CACHED_NAME = "vgg19-imagenet.safetensors"


@dataclass(frozen=True)
class Source:
    """A published weights file, pinned by its hash.

    Parameters
    ----------
    url
        Where it is downloaded from; https, or http on this machine.
    sha256
        Hash of the file.
    size_bytes
        Length of the file.
    input
        The input it expects.
    """

    url: str
    sha256: str
    size_bytes: int
    input: InputKind = "torchvision"

    @property
    def file_name(self) -> str:
        """The file's name in its URL and in torch hub's cache."""
        return PurePosixPath(urlsplit(self.url).path).name


# The constants of torchvision.models.VGG19_Weights.IMAGENET1K_V1, whose import costs seconds.
IMAGENET = Source(
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    size_bytes=574_673_361,
)


@dataclass(frozen=True)
class Place:
    """One place that is searched for weights.

    Parameters
    ----------
    label
        Description of the place for users.
    path
        The expected file.
    size_bytes
        The file's length; None if it is absent.
    usable
        Whether the file exists and, if its length is known, is complete.
    weights
        The weights in it.
    """

    label: str
    path: Path
    size_bytes: int | None
    usable: bool
    weights: WeightsName

    @property
    def present(self) -> bool:
        """Whether the file exists."""
        return self.size_bytes is not None


def configured_folder(folder: Path | None = None) -> Path | None:
    """Return the folder the user set: `folder`, else the environment variable's."""
    if folder is not None:
        return folder.expanduser()
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else None


def cache_folder() -> Path:
    """Return this package's own folder for downloaded weights."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-nst", appauthor=False) / "weights"


def hub_folder() -> Path:
    """Return torch hub's folder of checkpoints, by torch's own rule, without importing torch."""
    home = os.environ.get("TORCH_HOME")
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(home or Path(cache) / "torch").expanduser() / "hub" / "checkpoints"


def builtin_path() -> Path:
    """Return the path of the built-in features."""
    return Path(__file__).parent.parent / "builtin.safetensors"


def download_folder(folder: Path | None = None) -> Path:
    """Return the folder for downloads: the configured one, else the cache."""
    return configured_folder(folder) or cache_folder()


def part_path(folder: Path, source: Source = IMAGENET) -> Path:
    """Return the path of an unfinished download, which is resumed later."""
    return folder / f"{source.file_name}.part"


def status(*, folder: Path | None = None, source: Source = IMAGENET) -> tuple[Place, ...]:
    """List the places in search order; "auto" uses the first usable one.

    Parameters
    ----------
    folder
        A folder set by the user, in place of the environment variable's.
    source
        The published file that counts as ImageNet's.
    """
    configured = configured_folder(folder)
    places = _imagenet_in(configured, "configured folder", source) if configured else []
    places += _imagenet_in(cache_folder(), "cache of napari-nst", source)
    places.append(_original("cache of torch hub", hub_folder() / source.file_name, source))
    builtin = builtin_path()
    places.append(_place("built-in features", builtin, "builtin"))
    unfinished = part_path(download_folder(folder), source)
    if unfinished.is_file():
        size = unfinished.stat().st_size
        places.append(Place("unfinished download", unfinished, size, False, "imagenet"))
    return tuple(places)


def find_imagenet(*, folder: Path | None = None, source: Source = IMAGENET) -> Path | None:
    """Return the first usable file of ImageNet's weights on this disk, without downloading."""
    places = status(folder=folder, source=source)
    return next((at.path for at in places if at.usable and at.weights == "imagenet"), None)


def _imagenet_in(folder: Path, label: str, source: Source) -> list[Place]:
    return [
        _place(label, folder / CACHED_NAME, "imagenet"),
        _original(label, folder / source.file_name, source),
    ]


def _place(label: str, path: Path, weights: WeightsName) -> Place:
    size = path.stat().st_size if path.is_file() else None
    return Place(label, path, size, bool(size), weights)


def _original(label: str, path: Path, source: Source) -> Place:
    # A shorter file is an interrupted download. The hash is only checked when the file is read.
    size = path.stat().st_size if path.is_file() else None
    return Place(label, path, size, size == source.size_bytes, "imagenet")
