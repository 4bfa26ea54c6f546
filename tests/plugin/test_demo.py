import os
import subprocess
import sys

import pytest

from napari_nst.files.images import read_picture, read_settings

pytestmark = [pytest.mark.gui, pytest.mark.slow]

CODE = """
import sys
from napari_nst.cli import app as cli
from napari_nst.plugin import demo

demo.SIZE_PX, demo.STEPS = 48, 4
sys.exit(cli.main(["demo", "--save", "out"]))
"""


def test_the_demo_leaves_its_result_and_a_screenshot_and_names_the_weights(tmp_path):
    folders = dict.fromkeys(("XDG_CACHE_HOME", "TORCH_HOME"), str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env=os.environ | folders | {"NAPARI_CONFIG": str(tmp_path / "napari.yaml")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "weights: builtin" in done.stdout
    assert str(tmp_path / "out" / "screenshot.png") in done.stdout
    picture = read_picture(tmp_path / "out" / "result.png")
    assert max(picture.shape) == 48
    assert read_settings(tmp_path / "out" / "result.png").record.reason == "finished"
    screenshot = read_picture(tmp_path / "out" / "screenshot.png")
    assert min(screenshot.shape[:2]) > 400
    assert screenshot[..., :3].std() > 20
