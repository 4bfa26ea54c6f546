import subprocess
import sys

MODULES = [
    "queue",
    "sweep",
    "sweep_text",
    "wording",
    "history",
    "files",
    "export",
    "writers",
    "readers",
    "saved",
    "compare",
    "curves",
    "preferences",
    "keys",
    "scene.extents",
    "scene.reveal",
    "scene.staging",
    "gallery.shelf",
    "gallery.thumbnails",
    "gallery.open_styles",
]


def test_the_studios_logic_imports_neither_torch_nor_qt():
    imports = "; ".join(f"import napari_nst.plugin.{name}" for name in MODULES)
    code = f"import sys; {imports}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(out.stdout.split())
    assert not {"torch", "qtpy", "magicgui.widgets", "PyQt6", "PySide6"} & loaded
