"""Which room may know which: the table of arrows, a line a folder, and no circles."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import napari_nst

ROOT = Path(napari_nst.__file__).parent
GUI = {"napari", "magicgui", "qtpy", "superqt", "pyqtgraph"}
MOST_MODULES = 15

CORE = {
    f"core{room}"
    for room in ("", ".colours", ".flow", ".network", ".loss", ".optim", ".store", ".tiling")
}
ARROWS = {
    "": {"settings", "errors", "api", "planning", "core", "cli"},  # the public names, by demand
    "api": {*CORE, "planning", "weights", "files", "settings", "errors"},
    "settings": {"errors"},
    "files": {"files.decode", "files.slides", "settings", "errors"},
    "files.slides": {"files", "files.decode", "settings", "errors"},
    "files.decode": {"settings", "errors"},
    "files.sequences": {"files", "files.decode", "settings", "errors"},
    "weights": {"files", "settings", "errors"},
    "core": {*CORE, "settings", "errors"},
    "core.colours": {"core", "settings", "errors"},
    "core.flow": {"core", "settings", "errors"},
    "core.loss": {"core", "core.network", "core.store", "core.tiling", "settings", "errors"},
    "core.network": {"settings", "errors"},
    "core.optim": {"core.store", "settings", "errors"},
    "core.store": {"errors"},
    "core.tiling": {"core.network", "core.store"},
    "distributed": {*CORE, "planning", "settings", "errors"},
    "planning": {*CORE, "files", "settings", "errors"},
    "runs": {"api", "core", "files", "settings", "errors"},
    "runs.batch": {"runs", "api", *CORE, "files", "files.decode", "planning", "settings", "errors"},
    "runs.sequence": {
        *("runs.batch", "runs", "api", *CORE, "files", "files.sequences"),
        *("planning", "settings", "errors"),
    },
    "cli": {"api", "core", "files", "planning", "runs", "settings", "weights", "plugin", "errors"},
    "samples": set(),
}
ENGINE = {"api", "core", "files", "files.decode", "files.slides", "planning", "runs", "runs.batch"}
ENGINE |= {"settings", "weights"}
ARROWS["cli"] |= {"distributed", "runs.batch", "runs.sequence", "files.slides"}
ROOMS = ["common", "fields", "layers", "masks", "gallery", "form", "runs", "panels", "dock"]
"""Of the plugin: each knows those before it."""
for place, room in enumerate(ROOMS):
    earlier = {f"plugin.{name}" for name in ROOMS[:place]}
    ARROWS[f"plugin.{room}"] = {*earlier, *ENGINE, "samples", "errors"}
ARROWS["plugin"] = {*(f"plugin.{room}" for room in ROOMS), *ENGINE, "samples", "errors"}


def modules():
    return sorted(ROOT.rglob("*.py"))


def dotted(path):
    """Give a module's name below ours: "core.network.encoder"; a folder's is its own."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


NAMES = {dotted(path) for path in modules()}
FOLDERS = {dotted(path) for path in modules() if path.name == "__init__.py"}


def room_of(name):
    """Give the folder of a module; modules at the top are rooms of their own, but for main."""
    if name in FOLDERS:
        return name
    folder, _, base = name.rpartition(".")
    return folder or ("" if base == "__main__" else base)


def imported(path, *, types=False):
    """Yield the top names, and for our own modules the dotted ones, of what a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not types:
            skipped.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}".removeprefix("napari_nst.")
                is_ours = node.module.startswith("napari_nst")
                yield f"napari_nst.{inner}" if is_ours and inner in NAMES else node.module


def ours(path, **options):
    """Yield the rooms that a file imports from, its own left out."""
    own = room_of(dotted(path))
    for name in imported(path, **options):
        if name.startswith("napari_nst."):
            room = room_of(name.removeprefix("napari_nst."))
            if room != own:
                yield room


def test_importing_the_package_loads_neither_torch_nor_qt():
    code = "import sys, napari_nst; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "napari", "qtpy", "dask"} & set(out.stdout.split())


def test_the_command_line_starts_without_torch_or_napari():
    code = "import sys, napari_nst.cli.app; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "napari", "qtpy"} & set(out.stdout.split())


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_arrows(path):
    """Imports for types alone are free: they load nothing."""
    known = set(ours(path))
    assert known <= ARROWS.get(room_of(dotted(path)), set()) | {"", "errors"}


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_only_the_plugin_imports_napari_and_qt(path):
    name = dotted(path)
    if not name.startswith("plugin") and room_of(name) != "cli":
        assert not {each.split(".")[0] for each in imported(path, types=True)} & GUI


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_no_folder_is_crowded(folder):
    files = ROOT.joinpath(*folder.split(".")).glob("*.py") if folder else ROOT.glob("*.py")
    assert len(list(files)) <= MOST_MODULES


def test_modules_import_in_no_circle():
    graph = {
        dotted(path): {
            name.removeprefix("napari_nst.")
            for name in imported(path)
            if name.startswith("napari_nst.")
        }
        for path in modules()
        if path.name != "__init__.py"
    }
    done = set()

    def visit(name, trail):
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])
