"""Download ImageNet's weights once: resumable, verified, reduced to the convolutions.

The published file is pinned by its SHA-256. So a resume sends a plain Range and no If-Range:
mirrors have different ETags, so If-Range would discard valid bytes when another mirror answers;
the hash detects a file that did change.
"""

from __future__ import annotations

import errno
import logging
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from napari_nst.errors import DownloadCancelled, DownloadError, WeightsError
from napari_nst.settings.vgg_layers import CONVS
from napari_nst.weights import _http
from napari_nst.weights._files import file_sha256, read, read_header, write
from napari_nst.weights._places import (
    CACHED_NAME,
    IMAGENET,
    Source,
    download_folder,
    part_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

LOCK_POLL_S = 0.1
STALL_S = 30.0


def download(
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    waiting: Callable[[], None] | None = None,
    source: Source = IMAGENET,
    folder: Path | None = None,
    stall_s: float = STALL_S,
) -> Path:
    """Download ImageNet's weights into the cache unless they are there.

    Blocks until done. Two downloads into one folder take turns, also across processes.

    Parameters
    ----------
    progress
        Called often, on this thread, with the bytes received and the total.
    cancelled
        Polled about ten times a second, on this thread; True cancels the download.
    waiting
        Called as often, on this thread, during another download into the same folder.
    source
        The published file to download.
    folder
        Where to store the result; else the folder set by the user, else the cache.
    stall_s
        Longest time without data, seconds.

    Returns
    -------
    Path
        A safetensors file of the convolutions, with the source's hash in its header.

    Raises
    ------
    DownloadCancelled
        If `cancelled` returned True; the received part is kept for a resume.
    DownloadError
        If the file could not be downloaded, verified or stored; says what to do.
    """
    _http.check_url(source.url)
    folder = download_folder(folder)
    part = part_path(folder, source)
    job = _Job(source, part, progress or (lambda done, total: None), cancelled or (lambda: False))
    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _exclusive(folder, job, waiting or (lambda: None)):
            target = folder / CACHED_NAME
            if not _is_good(target, source):
                _fetch(job, stall_s)
                _verify(job)
                _store(job, target)
            return target


class _Job:
    """One download with its source, its partial file and its callbacks."""

    def __init__(
        self,
        source: Source,
        part: Path,
        progress: Callable[[int, int], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self.source = source
        self.part = part
        self.done_bytes = 0
        self._progress = progress
        self._cancelled = cancelled

    def advance(self, done_bytes: int) -> None:
        """Report the bytes received."""
        self.done_bytes = done_bytes
        self._progress(done_bytes, self.source.size_bytes)

    def check(self) -> None:
        """Raise DownloadCancelled if the caller has cancelled."""
        if self._cancelled():
            raise DownloadCancelled(
                f"Download cancelled at {self.so_far}. The received part is kept as {self.part} "
                f"and resumed next time; delete it if you do not need it."
            )

    def fail(self, what: str) -> NoReturn:
        """Raise DownloadError with what happened and what to do."""
        raise DownloadError(
            f"{what} Try again (it resumes), or download {self.source.url} with a browser "
            f"and put it into {self.part.parent}, or choose other weights."
        )

    @property
    def so_far(self) -> str:
        """The progress as text."""
        return f"{self.done_bytes / 1e6:.1f} of {self.source.size_bytes / 1e6:.1f} MB"


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Translate errors of the disk; network errors are translated where they occur."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "The disk is full" if full else f"The disk refused: {error.strerror or error}"
        raise DownloadError(
            f"{what}, in {folder}. The download needs a writable folder with room for the file. "
            f"Free some space or choose another folder for the weights, then try again."
        ) from error


@contextmanager
def _exclusive(folder: Path, job: _Job, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock for downloads into `folder`; waiting can be cancelled."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "download.lock")
    while not lock.is_locked:
        job.check()
        try:
            lock.acquire(timeout=LOCK_POLL_S)
        except Timeout:
            waiting()
    try:
        yield
    finally:
        lock.release()


def _is_good(target: Path, source: Source) -> bool:
    """Return whether `target` is an intact earlier result."""
    try:
        if read_header(target).get("source_sha256") != source.sha256:
            return False
        read(target)
    except WeightsError:
        return False
    return True


def _fetch(job: _Job, stall_s: float) -> None:
    """Download the rest of the partial file."""
    part, size_bytes = job.part, job.source.size_bytes
    job.done_bytes = part.stat().st_size if part.exists() else 0
    if job.done_bytes > size_bytes:
        part.unlink()
        job.done_bytes = 0
    if job.done_bytes == size_bytes:
        return
    _check_space(job)
    with _http.Stream(job.source.url, start=job.done_bytes, stall_s=stall_s) as stream:
        try:
            _receive(job, stream)
        except _http.NetworkError as error:
            job.fail(f"The download was interrupted at {job.so_far}: {error}")
    if job.done_bytes < size_bytes:
        job.fail(f"The server ended the download at {job.so_far}.")


def _check_space(job: _Job) -> None:
    stripped_bytes = 4 * sum(outputs * (inputs * 9 + 1) for inputs, outputs in CONVS.values())
    needed_bytes = job.source.size_bytes - job.done_bytes + stripped_bytes
    free_bytes = shutil.disk_usage(job.part.parent).free
    if free_bytes < needed_bytes:
        raise DownloadError(
            f"The disk has {free_bytes / 1e6:.0f} MB free in {job.part.parent}; the download "
            f"needs {needed_bytes / 1e6:.0f} MB, most of it temporarily. Free some space "
            f"or choose another folder for the weights, then try again."
        )


def _receive(job: _Job, stream: _http.Stream) -> None:
    """Append the body to the partial file, or start over if the server ignores ranges."""
    head = stream.head(job.check)
    start = _accepted_start(job, head)
    with job.part.open("ab" if start else "wb") as file:
        job.advance(start)
        for chunk in stream.chunks(job.check):
            file.write(chunk)
            job.advance(job.done_bytes + len(chunk))
            if job.done_bytes >= job.source.size_bytes:
                return


def _accepted_start(job: _Job, head: _http.Head) -> int:
    """Return the offset at which the response starts; check that it is the expected file."""
    if head.status == 416 or (head.status == 206 and head.range_start != job.done_bytes):
        job.part.unlink(missing_ok=True)
        job.fail("The server could not resume the last download; the partial file was deleted.")
    if head.status not in (200, 206):
        job.fail(f"The server refused: HTTP {head.status} {head.reason}.")
    if head.is_page or head.total_bytes not in (None, job.source.size_bytes):
        job.fail(
            f"The server offers {head.total_bytes or 'an unknown number of'} bytes of "
            f"{head.content_type}, expected {job.source.size_bytes}: this is not the file, "
            f"but perhaps the page of a proxy or a sign-in."
        )
    return job.done_bytes if head.status == 206 else 0


def _verify(job: _Job) -> None:
    """Compare the file with the published hash; delete it if they differ."""
    came = file_sha256(job.part, on_block=job.check)
    if came == job.source.sha256:
        return
    job.part.unlink()
    raise DownloadError(
        f"The downloaded file is corrupt: expected SHA-256 {job.source.sha256[:12]}..., got "
        f"{came[:12]}...; it was deleted. Try again, on another network if it happens twice, or "
        f"choose other weights."
    )


def _store(job: _Job, target: Path) -> None:
    """Store the convolutions, then delete the published file."""
    source = job.source
    try:
        weights = read(job.part, weights_input=source.input, file_hash=source.sha256)
    except WeightsError as error:
        job.part.unlink()
        raise DownloadError(f"The downloaded file was deleted: {error}") from error
    header = {
        "name": "imagenet",
        "input": weights.input,
        "source_url": source.url,
        "source_sha256": source.sha256,
    }
    write(target, weights.tensors, header=header)
    job.part.unlink()
    log.info("weights stored at %s", target)
