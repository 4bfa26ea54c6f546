import subprocess
import sys
from pathlib import Path

import napari_nst.runs

RUNS = [path.stem for path in Path(napari_nst.runs.__path__[0]).glob("[a-z]*.py")]
PLUGIN = [
    "common.keys",
    "common.preferences",
    "gallery.open_styles",
    "gallery.shelf",
    "gallery.thumbnails",
    "layers.captions",
    "layers.compare",
    "layers.extents",
    "layers.placement",
    "layers.reveal",
    "layers.slicing",
    "layers.staging",
    "layers.viewer_state",
    "layers.visible_picture",
    "panels.curves",
    "readers",
    "runs.plan",
    "writers",
]


def test_runs_and_the_viewers_logic_import_neither_torch_nor_qt():
    names = [f"runs.{name}" for name in RUNS] + [f"plugin.{name}" for name in PLUGIN]
    imports = "; ".join(f"import napari_nst.{name}" for name in names)
    code = f"import sys; {imports}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(out.stdout.split())
    assert not {"torch", "qtpy", "magicgui.widgets", "PyQt6", "PySide6"} & loaded
