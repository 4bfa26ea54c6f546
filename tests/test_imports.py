import ast
import subprocess
import sys
from pathlib import Path

import pytest

import napari_nst

ROOT = Path(napari_nst.__file__).parent
GUI = {"napari", "magicgui", "qtpy", "superqt", "pyqtgraph"}


def imported(node):
    """Yield the top name, or for our own modules the dotted one, of what a node imports."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            names = [child.module]
        else:
            continue
        for name in names:
            yield name if name.startswith("napari_nst") else name.split(".")[0]


def modules(pattern):
    return [path for path in ROOT.glob(pattern) if path.is_file()]


def test_importing_the_package_loads_neither_torch_nor_qt():
    code = "import sys, napari_nst; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "napari", "qtpy", "dask"} & set(out.stdout.split())


@pytest.mark.parametrize("path", modules("core/**/*.py"), ids=lambda path: path.name)
def test_core_imports_only_leaves_and_core(path):
    names = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    assert not names & (GUI | {"dask", "distributed"})
    leaves = tuple(f"napari_nst.{name}" for name in ("core", "settings", "errors"))
    assert all(name.startswith(leaves) for name in names if name.startswith("napari_nst"))


@pytest.mark.parametrize("path", modules("**/*.py"), ids=lambda path: path.name)
def test_only_the_plugin_imports_napari_and_qt(path):
    if path.is_relative_to(ROOT / "plugin"):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path == ROOT / "cli/app.py":  # the command line starts napari from within functions
        tree.body = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    names = set(imported(tree))
    assert not names & GUI
    assert not [name for name in names if name.startswith("napari_nst.plugin")]


def test_the_command_line_starts_without_torch_or_napari():
    code = "import sys, napari_nst.cli.app; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "napari", "qtpy"} & set(out.stdout.split())
