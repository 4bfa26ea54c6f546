"""Fetching: a real web server on this machine that truncates, corrupts, stalls and refuses."""

import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from napari_nst.errors import DownloadCancelled, DownloadError
from napari_nst.weights import Source, download, find_imagenet, load, status
from napari_nst.weights._download import _is_good
from tests.weights.conftest import Behaviour, source_of

Serve = Callable[[Behaviour], str]
NAME = "vgg19-test.pth"


@pytest.fixture
def web(serve: Serve, published: bytes) -> tuple[Behaviour, Source]:
    """A well-behaved server of the published file."""
    behaviour = Behaviour(published)
    return behaviour, source_of(published, serve(behaviour))


def left_in(folder: Path) -> set[str]:
    """Names in `folder`; the lock file may stay or go."""
    return {path.name for path in folder.iterdir()} - {"download.lock"}


def test_download_verifies_strips_caches_and_deletes_the_rest(
    web: tuple[Behaviour, Source], disk: Path
) -> None:
    _, source = web
    seen: list[tuple[int, int]] = []
    path = download(source=source, progress=lambda *now: seen.append(now))
    assert left_in(disk / "cache") == {path.name}
    assert seen[-1] == (source.size_bytes, source.size_bytes)
    assert seen == sorted(seen)
    assert find_imagenet(source=source) == path
    weights = load("imagenet", source=source)
    assert (weights.name, weights.input, weights.note) == ("imagenet", "torchvision", None)
    assert list(weights.tensors) == [
        "conv1_1.weight", "conv1_1.bias", "conv1_2.weight", "conv1_2.bias",
    ]  # fmt: skip


def test_second_download_asks_nobody(web: tuple[Behaviour, Source]) -> None:
    behaviour, source = web
    assert download(source=source) == download(source=source)
    assert behaviour.asked == [None]


def test_damaged_result_is_fetched_anew(web: tuple[Behaviour, Source]) -> None:
    behaviour, source = web
    path = download(source=source)
    good = path.read_bytes()
    for bad in (good[:-1] + bytes([good[-1] ^ 1]), good[:1000], b""):
        path.write_bytes(bad)
        assert not _is_good(path, source)
        assert _is_good(download(source=source), source)
    assert len(behaviour.asked) == 4


def test_configured_folder_receives_the_result(
    web: tuple[Behaviour, Source], disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, source = web
    monkeypatch.setenv("NAPARI_NST_WEIGHTS", str(disk / "mine"))
    assert download(source=source).parent == disk / "mine"
    assert download(source=source, folder=disk / "given").parent == disk / "given"


def test_truncated_download_is_resumed_where_it_ended(
    web: tuple[Behaviour, Source], disk: Path
) -> None:
    behaviour, source = web
    behaviour.ends_at = 100_000
    with pytest.raises(DownloadError, match=r"0\.1 of 0\.2 MB.*Try again.*browser"):
        download(source=source)
    assert left_in(disk / "cache") == {f"{NAME}.part"}
    assert status(source=source)[-1].size_bytes == 100_000
    behaviour.ends_at = None
    seen: list[int] = []
    download(source=source, progress=lambda done, total: seen.append(done))
    assert behaviour.asked == [None, "bytes=100000-"]
    assert seen[0] == 100_000
    assert load("imagenet", source=source).name == "imagenet"


def test_server_that_ignores_ranges_starts_anew(web: tuple[Behaviour, Source], disk: Path) -> None:
    behaviour, source = web
    behaviour.ends_at, behaviour.ranges = 100_000, False
    with pytest.raises(DownloadError):
        download(source=source)
    behaviour.ends_at = None
    assert _is_good(download(source=source), source)


def test_server_that_says_no_length_is_read_to_its_end(web: tuple[Behaviour, Source]) -> None:
    behaviour, source = web
    behaviour.says_length = False
    assert _is_good(download(source=source), source)


def test_corrupt_download_is_deleted(web: tuple[Behaviour, Source], disk: Path) -> None:
    behaviour, source = web
    good = behaviour.payload
    behaviour.payload = good[:5000] + b"?" + good[5001:]
    with pytest.raises(DownloadError, match=r"corrupt: expected SHA-256.*deleted\. Try again"):
        download(source=source)
    assert left_in(disk / "cache") == set()
    behaviour.payload = good
    assert _is_good(download(source=source), source)


def test_published_file_that_is_no_vgg_is_deleted(serve: Serve, disk: Path) -> None:
    source = source_of(b"no network", serve(Behaviour(b"no network")))
    with pytest.raises(DownloadError, match=r"deleted: .*cannot be read"):
        download(source=source)
    assert left_in(disk / "cache") == set()


def test_stalled_download_gives_up_and_keeps_its_part(
    web: tuple[Behaviour, Source], disk: Path
) -> None:
    behaviour, source = web
    behaviour.stalls_at = 70_000
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"sent nothing for 0\.5 s.*Try again"):
        download(source=source, stall_s=0.5)
    assert time.monotonic() - began < 5
    assert (disk / "cache" / f"{NAME}.part").stat().st_size == 70_000


@pytest.mark.parametrize("status_code", [403, 404, 503])
def test_refused_download_names_the_status(
    web: tuple[Behaviour, Source], disk: Path, status_code: int
) -> None:
    behaviour, source = web
    behaviour.status = status_code
    with pytest.raises(DownloadError, match=rf"HTTP {status_code} .*other weights"):
        download(source=source)
    assert left_in(disk / "cache") == set()


def test_unsatisfiable_range_drops_the_part(web: tuple[Behaviour, Source], disk: Path) -> None:
    behaviour, source = web
    (disk / "cache").mkdir()
    (disk / "cache" / f"{NAME}.part").write_bytes(b"123")
    behaviour.status = 416
    with pytest.raises(DownloadError, match="could not resume"):
        download(source=source)
    assert left_in(disk / "cache") == set()


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream"])
def test_web_page_of_a_proxy_is_not_taken_for_the_file(
    web: tuple[Behaviour, Source], disk: Path, content_type: str
) -> None:
    behaviour, source = web
    part = disk / "cache" / f"{NAME}.part"
    part.parent.mkdir()
    part.write_bytes(behaviour.payload[:3000])
    behaviour.payload, behaviour.ranges = b"<html>please sign in</html>", False
    behaviour.content_type = content_type
    with pytest.raises(DownloadError, match="this is not the file"):
        download(source=source)
    assert part.stat().st_size == 3000


def test_no_network_is_said(published: bytes, serve: Serve) -> None:
    url = "https://127.0.0.1:9/vgg19-test.pth"  # the discard port: nobody listens
    with pytest.raises(DownloadError, match=r"no connection \(.*other weights"):
        download(source=source_of(published, url))


def test_server_that_speaks_no_http_is_said(serve: Serve, published: bytes) -> None:
    url = serve(Behaviour(published)).replace("http:", "https:")
    with pytest.raises(DownloadError, match="no connection"):
        download(source=source_of(published, url))


@pytest.mark.parametrize(
    "url", ["http://example.org/a.pth", "ftp://example.org/a.pth", "file:///etc/passwd", "a.pth"]
)
def test_other_than_https_is_refused(published: bytes, url: str) -> None:
    with pytest.raises(DownloadError, match="https only"):
        download(source=source_of(published, url))


def test_redirect_away_from_https_is_refused(web: tuple[Behaviour, Source]) -> None:
    behaviour, source = web
    behaviour.status, behaviour.location = 302, "http://example.org/vgg19-test.pth"
    with pytest.raises(DownloadError, match=r"https only.*example\.org"):
        download(source=source)


def test_redirect_is_followed(web: tuple[Behaviour, Source], serve: Serve) -> None:
    behaviour, source = web
    moved = Behaviour(b"", status=302, location=source.url)
    assert _is_good(download(source=source_of(behaviour.payload, serve(moved))), source)


def test_cancel_is_prompt_while_the_server_stalls_and_keeps_the_part(
    web: tuple[Behaviour, Source], disk: Path
) -> None:
    behaviour, source = web
    behaviour.stalls_at = 70_000
    cancelled_at: list[float] = []
    reached = threading.Event()

    def cancelled() -> bool:
        if reached.is_set() and not cancelled_at:
            cancelled_at.append(time.monotonic())
        return bool(cancelled_at)

    def progress(done: int, total: int) -> None:
        if done == 70_000:
            reached.set()

    with pytest.raises(DownloadCancelled, match=r"kept as .*\.part"):
        download(source=source, progress=progress, cancelled=cancelled)
    assert time.monotonic() - cancelled_at[0] < 0.5
    assert (disk / "cache" / f"{NAME}.part").stat().st_size == 70_000


def test_cancel_before_the_first_byte_asks_nobody(web: tuple[Behaviour, Source]) -> None:
    behaviour, source = web
    with pytest.raises(DownloadCancelled):
        download(source=source, cancelled=lambda: True)
    assert behaviour.asked == []


def test_complete_part_needs_no_server(published: bytes, disk: Path) -> None:
    source = source_of(published)
    (disk / "cache").mkdir()
    (disk / "cache" / f"{NAME}.part").write_bytes(published)
    path = download(source=source)
    assert left_in(disk / "cache") == {path.name}


def test_part_that_is_too_long_is_thrown_away(web: tuple[Behaviour, Source], disk: Path) -> None:
    behaviour, source = web
    (disk / "cache").mkdir()
    (disk / "cache" / f"{NAME}.part").write_bytes(bytes(source.size_bytes + 1))
    assert _is_good(download(source=source), source)
    assert behaviour.asked == [None]


def test_disk_without_room_is_said_before_fetching(
    web: tuple[Behaviour, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, source = web
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(DownloadError, match=r"1 MB free.*needs 80 MB.*Free some space"):
        download(source=source)
    assert behaviour.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's always full device")
def test_disk_that_fills_up_meanwhile_is_said(web: tuple[Behaviour, Source], disk: Path) -> None:
    _, source = web
    (disk / "cache").mkdir()
    (disk / "cache" / f"{NAME}.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"The disk is full.*Free some space"):
        download(source=source)


@pytest.mark.skipif(sys.platform == "win32", reason="a file's place cannot be a folder anywhere")
def test_folder_that_cannot_be_written_is_said(
    web: tuple[Behaviour, Source], tmp_path: Path
) -> None:
    _, source = web
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DownloadError, match=r"disk refused.*choose another folder"):
        download(source=source, folder=tmp_path / "file" / "below")


def test_whoever_waits_for_another_download_is_told_and_then_goes_on(
    web: tuple[Behaviour, Source], disk: Path
) -> None:
    _, source = web
    told = threading.Event()
    (disk / "cache").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        with FileLock(disk / "cache" / "download.lock"):
            waits = pool.submit(download, source=source, waiting=told.set)
            assert told.wait(30)
            assert not waits.done()
        assert _is_good(waits.result(30), source)


def test_two_downloads_at_once_take_turns_and_fetch_once(
    web: tuple[Behaviour, Source], disk: Path
) -> None:
    behaviour, source = web
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: download(source=source), range(2)))
    assert paths[0] == paths[1]
    assert behaviour.asked == [None]
    assert _is_good(paths[0], source)


def test_waiting_for_another_download_can_be_cancelled(
    web: tuple[Behaviour, Source], disk: Path
) -> None:
    behaviour, source = web
    behaviour.stalls_at = 70_000
    stop = threading.Event()
    reached = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(
            download,
            source=source,
            progress=lambda done, total: reached.set(),
            cancelled=stop.is_set,
        )
        assert reached.wait(10)
        polls = iter([False, False, True])
        with pytest.raises(DownloadCancelled):
            download(source=source, cancelled=lambda: next(polls))
        stop.set()
        assert isinstance(first.exception(timeout=10), DownloadCancelled)
    assert len(behaviour.asked) == 1
