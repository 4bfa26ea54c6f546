"""Small caches on disk: one JSON object per file, shared by all processes of a user.

A cache only saves time, so a fault in it must not stop a run: an unreadable cache is
replaced, a failed write only costs another measurement, and a lock that another
process holds is waited for at most five seconds.
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
"""Writing takes milliseconds, so a process that holds the lock for longer hangs."""


def read_cache(file: Path) -> dict[str, Any]:
    """Read a cache; empty if the file is missing or unreadable."""
    try:
        kept = read_json_file(file, "a cache")
    except FileNotFoundError:
        return {}
    except (OSError, ConfigError) as error:
        logger.info("the cache %s is unreadable and will be replaced: %s", file, error)
        return {}
    return kept if isinstance(kept, dict) else {}


def write_cache(file: Path, key: str, value: dict[str, Any]) -> None:
    """Add an entry to a cache, keeping the others; raises OSError if the disk refuses."""
    update_cache(file, lambda kept: kept | {key: value})


def update_cache(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Replace a cache by `change` of it, and return that; raises as `write_cache`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with _locked(file.with_suffix(".lock")):
        changed = change(read_cache(file))
        replace_file(file, json.dumps(changed, indent=2).encode())
    return changed


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock, or continue without it: at worst another process's entry is lost."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=LOCK_WAIT_S)
    except (OSError, NotImplementedError) as error:  # Timeout is an OSError
        logger.info("continuing without the lock %s: %s", path, error)
    try:
        yield
    finally:
        lock.release()
