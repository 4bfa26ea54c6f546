import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.gui

CODE = """
import napari

viewer = napari.Viewer()
viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
viewer.close()
"""


def test_closing_napari_while_the_badge_still_looks_ends_well(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=os.environ | {"NAPARI_CONFIG": str(tmp_path / "napari.yaml")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
