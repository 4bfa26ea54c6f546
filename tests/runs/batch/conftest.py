"""Two contents and two styles on disk, and settings of runs that take milliseconds."""

from pathlib import Path

import numpy as np
import pytest

from napari_nst import StyleConfig
from napari_nst.files.images import write_picture


@pytest.fixture
def config() -> StyleConfig:
    return StyleConfig(
        name="gatys",
        size=64,
        steps=2,
        precision="float32",
        content_layers=("relu2_1",),
        style_layers=("relu1_1", "relu2_1"),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    random = np.random.default_rng(0)
    for name in ("content/a.png", "content/b.jpg", "style/s.png", "style/t.tif"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        write_picture(path, random.integers(0, 256, (48, 64, 3), np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path
