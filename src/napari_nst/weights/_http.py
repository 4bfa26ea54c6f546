"""Read one response of a web server such that reading can be cancelled at any time."""

import http.client
import ipaddress
import queue
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import IO
from urllib.parse import urlsplit

from napari_nst.errors import DownloadError

CHUNK_BYTES = 1 << 16
QUEUED_CHUNKS = 16
POLL_S = 0.1


class NetworkError(Exception):
    """The connection failed; the message is a sentence for the user."""


@dataclass(frozen=True)
class Head:
    """Status and headers of a response.

    Parameters
    ----------
    status, reason
        The HTTP status, 206 and "Partial Content".
    content_type
        "application/octet-stream" or the like.
    total_bytes
        Length of the whole file; None if the server does not say.
    range_start
        First byte of a partial response; None for a whole one.
    """

    status: int
    reason: str
    content_type: str
    total_bytes: int | None
    range_start: int | None

    @property
    def is_page(self) -> bool:
        """Whether this is a web page, which proxies and sign-ins send with status 200."""
        return self.content_type == "text/html"


def check_url(url: str) -> None:
    """Accept only https, and http from this machine.

    Raises
    ------
    DownloadError
        For any other URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise DownloadError(f"Weights are downloaded over https only; got {url}. Use an https URL.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to https only."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            check_url(newurl)
        except DownloadError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Stream:
    """One GET, read by a thread of its own, so that a blocked socket does not block the caller.

    On exit the thread ends at the next byte or at the socket's timeout; until then it
    is a daemon and holds a few chunks.

    Parameters
    ----------
    url
        The URL.
    start
        First byte; 0 requests the whole file.
    stall_s
        Longest time without data, seconds.
    """

    def __init__(self, url: str, *, start: int, stall_s: float) -> None:
        headers = {"User-Agent": "napari-nst", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        self._request = urllib.request.Request(url, headers=headers)
        self._stall_s = stall_s
        self._items: queue.Queue[Head | bytes | Exception] = queue.Queue(QUEUED_CHUNKS)
        self._closed = threading.Event()
        threading.Thread(target=self._produce, name="napari-nst-download", daemon=True).start()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()

    def head(self, check: Callable[[], None]) -> Head:
        """Wait for the status and headers, calling `check` meanwhile.

        Raises
        ------
        NetworkError
            If there is no response.
        """
        item = self._next(check)
        assert isinstance(item, Head)
        return item

    def chunks(self, check: Callable[[], None]) -> Iterator[bytes]:
        """Yield the body as it arrives, calling `check` meanwhile.

        Raises
        ------
        NetworkError
            If the connection breaks or stalls; the caller must check for an early end.
        """
        while chunk := self._next(check):
            assert isinstance(chunk, bytes)
            yield chunk

    def _next(self, check: Callable[[], None]) -> Head | bytes:
        deadline = time.monotonic() + self._stall_s
        while True:
            check()
            try:
                item = self._items.get(timeout=POLL_S)
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise NetworkError(_stalled(self._stall_s)) from None
                continue
            if isinstance(item, DownloadError):
                raise item
            if isinstance(item, Exception):
                raise NetworkError(_in_words(item, self._stall_s)) from item
            return item

    def _produce(self) -> None:
        opener = urllib.request.build_opener(_SafeRedirects)
        try:
            with opener.open(self._request, timeout=self._stall_s) as response:
                self._put(_head(response.status, response.reason, response.headers))
                while not self._closed.is_set() and (chunk := response.read1(CHUNK_BYTES)):
                    self._put(chunk)
                self._put(b"")
        except urllib.error.HTTPError as error:
            self._put(_head(error.code, error.reason, error.headers))
            error.close()
        except (OSError, http.client.HTTPException, DownloadError) as error:
            self._put(error)

    def _put(self, item: Head | bytes | Exception) -> None:
        while not self._closed.is_set():
            try:
                return self._items.put(item, timeout=POLL_S)
            except queue.Full:
                continue


def _head(status: int, reason: str, headers: Message) -> Head:
    content_range = headers.get("Content-Range", "")
    span, _, total = content_range.removeprefix("bytes ").partition("/")
    first = span.partition("-")[0].strip()
    length = total if status == 206 else headers.get("Content-Length", "")
    return Head(
        status,
        reason,
        headers.get_content_type(),
        int(length) if length.isdecimal() else None,
        int(first) if status == 206 and first.isdecimal() else None,
    )


def _stalled(stall_s: float) -> str:
    return f"the server has sent nothing for {stall_s:g} s."


def _in_words(error: Exception, stall_s: float) -> str:
    """Return a sentence that says why a connection failed."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    match reason:
        case TimeoutError():
            return _stalled(stall_s)
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not trusted ({reason.verify_message})."
        case OSError():
            return f"no connection ({reason.strerror or reason})."
    return f"the server's response is invalid ({reason or type(error).__name__})."
