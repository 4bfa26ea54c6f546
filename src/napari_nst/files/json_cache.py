"""Small caches on disk: one JSON table a file, shared by all processes of this machine's user.

A cache only saves time, so nothing that is wrong with it may stop a run: what cannot be read is
dropped and made anew, what cannot be written is measured again next time, and a lock that another
process holds (or a file system without locks) is waited for at most five seconds.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from napari_nst.errors import ConfigError
from napari_nst.files.disk import replace_file
from napari_nst.settings.json_reader import read_json_file

logger = logging.getLogger(__name__)

LOCK_WAIT_S = 5.0
"""Writing takes milliseconds: who holds a lock for longer hangs, or is stopped."""


def read_cache(file: Path) -> dict[str, Any]:
    """Read a cache; empty where there is no file, or none that can be read."""
    try:
        kept = read_json_file(file, "a cache")
    except FileNotFoundError:
        return {}
    except (OSError, ConfigError) as error:
        logger.info("the cache %s is made anew: %s", file, error)
        return {}
    return kept if isinstance(kept, dict) else {}


def write_cache(file: Path, key: str, value: dict[str, Any]) -> None:
    """Add an entry to a cache, keeping the others; raises OSError if the disk refuses."""
    update_cache(file, lambda kept: kept | {key: value})


def update_cache(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Replace a cache by what `change` makes of it, and return that; raises as `write_cache`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with _locked(file.with_suffix(".lock")):
        changed = change(read_cache(file))
        replace_file(file, json.dumps(changed, indent=2).encode())
    return changed


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock, or go on without it: at worst another process's entry is lost."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=LOCK_WAIT_S)
    except (OSError, NotImplementedError) as error:  # Timeout is an OSError
        logger.info("going on without the lock %s: %s", path, error)
    try:
        yield
    finally:
        lock.release()
