"""The places where weights may lie on disk, in the order in which they are looked at."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from napari_nst.weights._files import InputKind

FOLDER_VARIABLE = "NAPARI_NST_WEIGHTS"
"""Environment variable naming a folder of weights, looked at first and downloaded into."""

IMAGENET_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
CACHED_NAME = "vgg19-imagenet.safetensors"


@dataclass(frozen=True)
class Source:
    """A published file of weights, pinned by its hash.

    Parameters
    ----------
    url
        Where it is fetched from; https, or http on this machine.
    sha256
        Hash of the whole file.
    size_bytes
        Length of the whole file.
    input
        How it wants to be fed.
    """

    url: str
    sha256: str
    size_bytes: int
    input: InputKind = "torchvision"

    @property
    def file_name(self) -> str:
        """The file's name at its publisher's and in torch hub's cache."""
        return PurePosixPath(urlsplit(self.url).path).name


# The constants of torchvision.models.VGG19_Weights.IMAGENET1K_V1, whose import costs seconds.
IMAGENET = Source(
    url=IMAGENET_URL,
    sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    size_bytes=574_673_361,
)


@dataclass(frozen=True)
class Place:
    """One place looked at for weights.

    Parameters
    ----------
    label
        What the place is, in the user's words.
    path
        The file looked for.
    size_bytes
        The file's length; None if it is absent.
    usable
        Whether the file is there and, where its length is known, complete.
    weights
        The weights it holds: "imagenet" or "builtin".
    """

    label: str
    path: Path
    size_bytes: int | None
    usable: bool
    weights: str

    @property
    def present(self) -> bool:
        """Whether there is a file at all."""
        return self.size_bytes is not None


def configured_folder(folder: Path | None = None) -> Path | None:
    """Return the folder the user set: `folder`, else the environment variable's."""
    if folder is not None:
        return folder.expanduser()
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else None


def cache_folder() -> Path:
    """Return this package's own folder for fetched weights."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-nst", appauthor=False) / "weights"


def hub_folder() -> Path:
    """Return torch hub's folder of checkpoints, by torch's own rule, without importing torch."""
    home = os.environ.get("TORCH_HOME")
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(home or Path(cache) / "torch").expanduser() / "hub" / "checkpoints"


def builtin_path() -> Path:
    """Return where the package ships its own features, if it does."""
    return Path(__file__).parent.parent / "builtin.safetensors"


def download_folder(folder: Path | None = None) -> Path:
    """Return where fetched weights are kept: the configured folder, else the cache."""
    return configured_folder(folder) or cache_folder()


def part_path(folder: Path, source: Source = IMAGENET) -> Path:
    """Return where an unfinished download is kept to be resumed."""
    return folder / f"{source.file_name}.part"


def status(*, folder: Path | None = None, source: Source = IMAGENET) -> tuple[Place, ...]:
    """List the places looked at, in the order in which "auto" takes the first usable one.

    Parameters
    ----------
    folder
        A folder configured by the user, in place of the environment variable's.
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
    """Return the first usable file of ImageNet's weights on this disk, never fetching any."""
    places = status(folder=folder, source=source)
    return next((at.path for at in places if at.usable and at.weights == "imagenet"), None)


def _imagenet_in(folder: Path, label: str, source: Source) -> list[Place]:
    return [
        _place(label, folder / CACHED_NAME, "imagenet"),
        _original(label, folder / source.file_name, source),
    ]


def _place(label: str, path: Path, weights: str) -> Place:
    size = path.stat().st_size if path.is_file() else None
    return Place(label, path, size, bool(size), weights)


def _original(label: str, path: Path, source: Source) -> Place:
    # A shorter file is a download that broke off; its hash is checked when it is read.
    size = path.stat().st_size if path.is_file() else None
    return Place(label, path, size, size == source.size_bytes, "imagenet")
