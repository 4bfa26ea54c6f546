"""Which files were styles of runs, and which of them the user likes. No Qt here."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from napari_nst.files.json_cache import read_cache, update_cache

logger = logging.getLogger(__name__)

MOST_RECENT = 24
MOST_FAVOURITES = 48

_LONGEST_PATH = 4096
"""Characters; Linux and macOS allow no more."""

_RECENT, _FAVOURITES = "recent", "favourites"


@dataclass(frozen=True)
class Style:
    """A picture that can be chosen as a style.

    Parameters
    ----------
    kind
        Whether it is one of `napari_nst.samples` or a file.
    name
        The sample's name, or the file's absolute path.
    """

    kind: Literal["sample", "file"]
    name: str

    @classmethod
    def of_file(cls, path: str | Path) -> Self:
        """Return the style that a file is."""
        return cls("file", os.path.abspath(path))

    @property
    def title(self) -> str:
        """What it is called where there is room for a word or two."""
        return self.name if self.kind == "sample" else Path(self.name).stem


@dataclass(frozen=True)
class Shelf:
    """The files that the gallery shows; every change makes a new one.

    Parameters
    ----------
    recent, favourites
        Absolute paths without repetition, the newest first.
    """

    recent: tuple[str, ...] = ()
    favourites: tuple[str, ...] = ()

    def used(self, path: str) -> Self:
        """Put a file first among the recent ones."""
        return replace(self, recent=_put_first(path, self.recent, MOST_RECENT))

    def starred(self, path: str, *, on: bool) -> Self:
        """Make a file a favourite, or no longer one; it then becomes a recent one again."""
        others = _without(path, self.favourites)
        if not on:
            return replace(self, favourites=others).used(path)
        return replace(self, favourites=_put_first(path, others, MOST_FAVOURITES))

    def without(self, path: str) -> Self:
        """Forget a file."""
        return replace(
            self,
            recent=_without(path, self.recent),
            favourites=_without(path, self.favourites),
        )


def read_shelf(file: Path | None) -> Shelf:
    """Read what was kept; an empty shelf where there is no file, or none that can be read."""
    return Shelf() if file is None else _of_table(read_cache(file))


def change_shelf(file: Path | None, change: Callable[[Shelf], Shelf]) -> Shelf:
    """Change what is kept, be it changed by another napari meanwhile, and return it.

    A disk that refuses is no reason to disturb a run.

    Parameters
    ----------
    file
        Where the shelf is kept; None keeps nothing.
    change
        Makes the new shelf from the one that is kept.
    """
    if file is None:
        return change(Shelf())
    try:
        return _of_table(update_cache(file, lambda table: _to_table(change(_of_table(table)))))
    except OSError as error:
        logger.warning("recent styles and favourites were not kept in %s: %s", file, error)
        return change(read_shelf(file))


def _of_table(table: dict[str, Any]) -> Shelf:
    """Take from a table of unknown origin what can be a shelf."""
    return Shelf(
        _paths(table.get(_RECENT), MOST_RECENT),
        _paths(table.get(_FAVOURITES), MOST_FAVOURITES),
    )


def _to_table(shelf: Shelf) -> dict[str, Any]:
    return {_RECENT: list(shelf.recent), _FAVOURITES: list(shelf.favourites)}


def _paths(values: object, most: int) -> tuple[str, ...]:
    paths = values if isinstance(values, list) else []
    return tuple(dict.fromkeys(path for path in paths if _can_be_kept(path)))[:most]


def _can_be_kept(path: object) -> bool:
    """Whether a value is an absolute path that JSON can hold.

    A file's name on Linux may be no text at all; Python then has half of a character in it.
    """
    if not isinstance(path, str) or len(path) > _LONGEST_PATH or not os.path.isabs(path):
        return False
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in path


def _put_first(path: str, paths: tuple[str, ...], most: int) -> tuple[str, ...]:
    return (path, *_without(path, paths))[:most] if _can_be_kept(path) else paths


def _without(path: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(other for other in paths if other != path)
