"""One run an output: a lock beside the picture, which a program that died does not hold."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from napari_nst.errors import ImageError
from napari_nst.files.checkpoints import lock_path

logger = logging.getLogger(__name__)


@contextmanager
def reserved(output: Path) -> Iterator[None]:
    """Keep other runs away from an output, and from its checkpoint, during the block.

    Raises
    ------
    ImageError
        If another run holds it.
    """
    path = lock_path(output)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ImageError(
            f"another run is about to write {output}; wait for its end, or name another file"
        ) from error
    except (OSError, NotImplementedError) as error:  # a file system without locks
        logger.info("running without the lock %s: %s", path, error)
    try:
        yield
    finally:
        # Deleted while it is held: deleted later, it could be the next run's.
        if lock.is_locked:
            with suppress(OSError):  # Windows deletes no open file, and filelock does it there
                path.unlink()
        with suppress(OSError):
            lock.release()
