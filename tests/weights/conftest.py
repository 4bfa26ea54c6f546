"""An empty disk for weights, small honest files of VGG-19's first layers, and a web server."""

import hashlib
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_nst.settings.vgg_layers import CONVS
from napari_nst.weights import Source, _load, _places

FEATURES_POSITION = dict(
    zip(CONVS, (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), strict=True)
)


def small_state(
    count: int = 2, *, keys: str = "features", dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Return the first `count` layers of a seeded VGG-19, under torchvision's or Caffe's keys."""
    generator = torch.Generator().manual_seed(7)
    state = {}
    for name, (inputs, outputs) in list(CONVS.items())[:count]:
        key = f"features.{FEATURES_POSITION[name]}" if keys == "features" else name
        state[f"{key}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator).to(dtype)
        state[f"{key}.bias"] = torch.randn(outputs, generator=generator).to(dtype)
    return state


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights anywhere: every place looked at lies in `tmp_path`."""
    monkeypatch.delenv(_places.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(_places, "cache_folder", lambda: tmp_path / "cache")
    for module in (_places, _load):
        monkeypatch.setattr(module, "builtin_path", lambda: tmp_path / "builtin.safetensors")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "*")
    return tmp_path


@dataclass
class Behaviour:
    """What the web server does, and what it was asked."""

    payload: bytes
    ranges: bool = True
    status: int = 200
    location: str | None = None
    content_type: str = "application/octet-stream"
    says_length: bool = True
    ends_at: int | None = None
    stalls_at: int | None = None
    asked: list[str | None] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)


def _handler(behaviour: Behaviour) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            behaviour.asked.append(wanted)
            if behaviour.status != 200:
                self.send_response(behaviour.status)
                if behaviour.location:
                    self.send_header("Location", behaviour.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start, total = 0, len(behaviour.payload)
            if wanted and behaviour.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            else:
                self.send_response(200)
            self.send_header("Content-Type", behaviour.content_type)
            if behaviour.says_length:
                self.send_header("Content-Length", str(total - start))
            self.end_headers()
            self._send_body(start)

        def _send_body(self, start: int) -> None:
            stop = behaviour.stalls_at if behaviour.stalls_at is not None else behaviour.ends_at
            try:
                self.wfile.write(behaviour.payload[start:stop])
                if behaviour.stalls_at is not None:
                    behaviour.release.wait(20)
            except ConnectionError:
                pass  # the client cancelled

    return Handler


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], str]]:
    """Start web servers on this machine; returns the URL of the file."""
    running = []

    def start(behaviour: Behaviour) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(behaviour))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        running.append((server, thread, behaviour))
        return f"http://127.0.0.1:{server.server_address[1]}/vgg19-test.pth"

    yield start
    for server, thread, behaviour in running:
        behaviour.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def published() -> bytes:
    """A whole published file: two layers and a classifier, 170 kB."""
    buffer = io.BytesIO()
    torch.save({**small_state(), "classifier.0.weight": torch.zeros(100, 30)}, buffer)
    return buffer.getvalue()


def source_of(payload: bytes, url: str = "https://example.org/vgg19-test.pth") -> Source:
    return Source(url, hashlib.sha256(payload).hexdigest(), len(payload))
