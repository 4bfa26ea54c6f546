"""The folder run of the dock, on the real engine with untrained features and tiny pictures."""

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices

from napari_nst.plugin.commands import run_folder
from napari_nst.plugin.layers.extents import overlap, rectangle_of, union
from napari_nst.plugin.layers.records import record_in
from napari_nst.runs.progress import RunState
from tests.plugin.fakes import fake_engine

pytestmark = pytest.mark.gui

CONTENTS, STYLES = ("harbour", "street"), ("ink", "waves")
NAMES = [f"{content}-x-{style}" for content in CONTENTS for style in STYLES]


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for folder, names in (("content", CONTENTS), ("style", STYLES)):
        (tmp_path / folder).mkdir()
        for name in names:
            pixels = rng.integers(0, 256, (40, 52, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    return tmp_path


@pytest.fixture
def panel(docked, folders, qtbot):
    panel = docked.folder_panel
    panel.contents.value = folders / "content"
    panel.styles.value = folders / "style"
    docked.form.basic["size"].value = 32
    docked.form.basic["steps"].value = 2
    yield panel
    run = panel._run
    panel.close_run()
    qtbot.waitUntil(lambda: run is None or run._worker is None, timeout=30_000)


@pytest.fixture
def over(qtbot, panel):
    def wait():
        qtbot.waitUntil(lambda: not panel.running, timeout=120_000)

    return wait


def rows(panel):
    return [panel.list.item(row) for row in range(panel.list.count())]


def written(folders):
    return sorted(path.stem for path in (folders / "generated").glob("*-x-*.png"))


def test_every_content_in_every_style_becomes_a_file(panel, folders, over, viewer):
    names = []
    viewer.layers.events.inserted.connect(lambda event: names.append(event.value.name))
    panel.start.click()
    assert panel.stop.isVisibleTo(panel)
    over()
    assert written(folders) == NAMES
    assert [row.text().split()[:2] for row in rows(panel)] == [["✓", f"{n}.png"] for n in NAMES]
    assert panel.text.text() == "4 new results."
    assert len(names) == 1  # one layer for all pairs, gone at the end: the results are files
    assert not viewer.layers


def test_results_are_shown_as_layers_on_demand(panel, folders, over, viewer, docked):
    panel.start.click()
    over()
    panel.list.item(1).setSelected(True)
    panel.show_layers.click()
    assert [layer.name for layer in viewer.layers] == [NAMES[1]]
    record = record_in(viewer.layers[0].metadata)
    assert record is not None
    assert record.config.size == 32
    assert [run.name for run in docked.session.runs] == [NAMES[1]]
    panel.list.clearSelection()
    panel.show_layers.click()
    assert len(viewer.layers) == 5


def test_a_second_click_runs_only_what_is_missing(panel, folders, over):
    panel.start.click()
    over()
    (folders / "generated" / f"{NAMES[2]}.png").unlink()
    before = {n: (folders / "generated" / f"{n}.png").stat().st_mtime_ns for n in NAMES[:2]}
    panel.start.click()
    over()
    assert panel.text.text() == "1 new result, 3 of before kept."
    assert written(folders) == NAMES
    for name, time_ns in before.items():
        assert (folders / "generated" / f"{name}.png").stat().st_mtime_ns == time_ns
    panel.again.setChecked(True)
    panel.start.click()
    over()
    assert panel.text.text() == "4 new results."


def test_a_damaged_picture_costs_only_its_own_pairs(panel, folders, over):
    (folders / "content" / "harbour.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    panel.start.click()
    over()
    assert written(folders) == NAMES[2:]
    bad = [row for row in rows(panel) if row.text().startswith("✗")]
    assert len(bad) == 2
    assert all("harbour.png" in row.toolTip() for row in bad)
    assert bad[0].data(Qt.ItemDataRole.UserRole) is None


def test_stop_keeps_what_is_done(panel, folders, over, docked, qtbot):
    docked.form.basic["steps"].value = 2000
    panel.start.click()
    qtbot.waitUntil(lambda: panel.text.text().startswith("Pair 1 of 4"), timeout=60_000)
    panel.stop.click()
    over()
    assert panel.text.text() == ("Stopped. 0 new results, 4 not run. Run folder goes on from here.")
    assert written(folders) == []
    assert panel.start.isVisibleTo(panel)


@pytest.mark.parametrize("missing", ["contents", "styles", "results"])
def test_a_missing_folder_is_asked_for_by_name(panel, docked, missing):
    getattr(panel, missing).line_edit.value = ""
    panel.start.click()
    assert not panel.running
    assert panel.text.text() == f"Choose a folder for the {missing}."


def test_results_of_other_settings_are_counted_before_they_are_replaced(
    panel, folders, over, docked, qtbot
):
    panel.start.click()
    over()
    docked.form.basic["steps"].value = 2000
    said = []
    panel.start.click()
    qtbot.waitUntil(lambda: said.append(panel.text.text()) or "Pair 1" in said[-1], timeout=60_000)
    panel.stop.click()
    over()
    assert any("replaces 4 results of other settings" in text for text in said)
    assert written(folders) == NAMES, "nothing was replaced by the pair that was stopped"


def test_the_running_pair_stands_beside_what_is_open(panel, pictures, viewer, docked, qtbot, over):
    docked.form.basic["steps"].value = 2000
    chosen = docked.form.pickers.style.value
    panel.start.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=60_000)
    live = viewer.layers[-1]
    others = union(rectangle_of(layer, viewer.dims) for layer in pictures)
    assert overlap(rectangle_of(live, viewer.dims), others) == 0
    assert live not in docked.form.pickers.images()
    panel.stop.click()
    over()
    assert docked.form.pickers.style.value == chosen


def test_a_refused_run_leaves_the_list_of_the_last_one(panel, folders, over):
    panel.start.click()
    over()
    panel.results.value = folders / "content"
    panel.start.click()
    over()
    assert "holds the pictures that are read" in panel.text.text()
    assert panel.list.count() == 4
    assert panel.show_layers.isEnabled()


def test_an_empty_folder_is_a_sentence(panel, folders, over):
    for path in (folders / "style").iterdir():
        path.unlink()
    panel.start.click()
    over()
    assert "holds no picture" in panel.text.text()
    assert not (folders / "generated").exists()


def test_the_folder_of_results_is_suggested_beside_the_contents(panel, folders):
    assert panel.results.value == folders / "generated"
    panel.contents.value = folders / "style"
    assert panel.results.value == folders / "generated"


def test_runs_wait_for_a_folder_run_and_it_waits_for_them(
    panel, folders, over, docked, pictures, qtbot, monkeypatch
):
    monkeypatch.setattr("napari_nst.api.iter_stylize", fake_engine(100_000, wait_s=0.01))
    docked.run()
    first = docked.session.runs[0]
    qtbot.waitUntil(lambda: first.state is RunState.RUNNING)
    panel.start.click()
    assert panel.text.text() == "Starts when the current run has ended."
    docked.run()
    second = docked.session.runs[1]
    first.stop()
    qtbot.waitUntil(lambda: panel.list.count() == 4, timeout=60_000)
    assert second.state is RunState.WAITING
    over()
    assert written(folders) == NAMES
    qtbot.waitUntil(lambda: second.state is RunState.RUNNING)


def test_a_folder_run_that_waits_can_be_given_up(panel, folders, docked, pictures, engine, qtbot):
    engine(100_000, wait_s=0.01)
    docked.run()
    panel.start.click()
    panel.stop.click()
    assert not panel.running
    docked.run()
    first, second = docked.session.runs
    first.stop()
    qtbot.waitUntil(lambda: second.state.active)
    assert not (folders / "generated").exists()


def test_a_layer_that_the_user_removes_stays_away(panel, folders, over, viewer, docked, qtbot):
    docked.form.basic["steps"].value = 30
    panel.start.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=60_000)
    viewer.layers.clear()
    seen = []
    viewer.layers.events.inserted.connect(lambda event: seen.append(event.value))
    over()
    assert not seen
    assert written(folders) == NAMES


def test_the_contact_sheet_is_opened_from_the_results(panel, folders, over, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    assert not panel.sheet.isEnabled()
    panel.start.click()
    over()
    panel.sheet.click()
    assert opened[0].toLocalFile() == str(folders / "generated" / "index.html")


def test_the_command_unfolds_the_section(viewer, docked):
    assert not docked.folder_section.isExpanded()
    run_folder(viewer)
    assert docked.folder_section.isExpanded()


def test_closing_the_viewer_ends_a_folder_run(panel, folders, viewer, docked, qtbot):
    docked.form.basic["steps"].value = 2000
    panel.start.click()
    qtbot.waitUntil(lambda: panel.text.text().startswith("Pair 1 of 4"), timeout=60_000)
    worker = panel._run._worker
    viewer.close()
    qtbot.waitUntil(lambda: not worker.is_running, timeout=30_000)
    assert written(folders) == []
