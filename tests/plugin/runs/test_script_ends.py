"""A script that ends, or closes its viewer, while a run computes ends as any other script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.gui

ROOT = Path(__file__).parents[3]

SCRIPT = """
import os, sys, time
import numpy as np
import napari
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_nst.plugin.runs import worker
from napari_nst.runs.frame_gate import frames
from tests.plugin.fakes import fake_engine

def run_request(request, control, gate, snapshots=None, file=None):
    run = fake_engine(10**6, wait_s=0.002, closed=closed)(None, None, None, control=control)
    return (yield from frames(run, gate, control, snapshots=snapshots))

def process_events(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)

closed = []
worker.run_request = run_request  # no torch, whose import takes longer than the test
viewer = napari.Viewer(show=False)
for name in ("content", "style"):
    viewer.add_image(np.zeros((20, 30, 3), np.uint8), name=name)
_, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
dock.form.set_weights("untrained")
dock.run()
while not dock.current.points:
    process_events(0.05)
"""

ENDS = {
    "falls off its end": ("", 0),
    "exits": ("raise SystemExit(3)", 3),
    "fails": ("raise ValueError('of the script')", 1),
    "closes its viewer": ("viewer.close()", 0),
    "closes its viewer and goes on": ("viewer.close(); process_events(0.2)", 0),
    "pauses the run": ("dock.current.pause(); process_events(0.1)", 0),
    "quits its application": (
        "viewer.show(); process_events(0.5); dock.guard.ask = lambda *_: os._exit(9); "
        "QTimer.singleShot(100, QApplication.quit); napari.run(force=True)",
        0,
    ),
    "forgets everything": ("del dock, _; viewer.close(); del viewer", 0),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_script_may_end_while_a_run_computes(end, tmp_path):
    last_lines, code = ENDS[end]
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + last_lines + "\n")
    ended = subprocess.run(
        [sys.executable, str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(["src", "."]),
            "NAPARI_CONFIG": str(tmp_path / "settings.yaml"),
        },
    )
    assert ended.returncode == code, ended.stderr[-2000:]
    for word in ("RuntimeError", "deleted", "Fatal", "QThread"):
        assert word not in ended.stderr
