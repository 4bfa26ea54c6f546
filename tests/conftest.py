"""Fixtures for the whole suite."""

import gc
import os
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

# Before napari is imported: neither read nor write the user's settings, nor another worker's.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="napari-nst-")) / "settings.yaml")
os.environ["NAPARI_NST_PRESETS"] = tempfile.mkdtemp(prefix="napari-nst-presets-")
os.environ["NAPARI_NST_STATE"] = tempfile.mkdtemp(prefix="napari-nst-state-")

# The virtual display that each process has of its own is X11's.
if sys.platform == "linux":
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    # A test that draws, then one that loads triton in the same process: see `torch_import`.
    sys.modules.setdefault("triton", None)
# Before torch is: two processes whose threads want the same cores take ten times as long.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

import pytest

from napari_nst.planning import device_speed as speed
from napari_nst.planning import past_runs


def pytest_collection_finish():
    """Keep what the modules hold out of every garbage collection; tests leak none of it.

    napari collects whenever a layer is removed, which took a third of the time of a viewer's test.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def speed_of_a_usual_machine(tmp_path_factory, monkeypatch):
    """Let no test time this machine, nor read or write the user's cache of such timings."""
    folder = tmp_path_factory.getbasetemp()
    monkeypatch.setattr(speed, "cache_file", lambda: folder / "speed.json")
    monkeypatch.setattr(speed, "measure", lambda *_: speed.Speed(1e-11))
    # One of its own for each test, so that none is corrected by another's runs.
    own = folder / f"lessons-{uuid4()}.json"
    monkeypatch.setattr(past_runs, "cache_file", lambda: own)


@pytest.fixture
def own_presets_folder(tmp_path, monkeypatch):
    """Give a folder of own presets, empty as yet, that is only this test's."""
    folder = tmp_path / "presets"
    monkeypatch.setenv("NAPARI_NST_PRESETS", str(folder))
    return folder
