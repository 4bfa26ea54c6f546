"""Runs that were cut off, offered by the dock of a new process; the engine is real but shallow."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import napari_nst
from napari_nst.files.checkpoints import Entry, read_checkpoint, write_checkpoint
from napari_nst.files.images import write_picture
from napari_nst.files.unfinished import held, unfinished_runs
from napari_nst.plugin.layers.visible_picture import picture_of
from napari_nst.plugin.runs import run_file
from napari_nst.plugin.runs.plan import RunPlan
from napari_nst.runs.naming import RunName
from napari_nst.runs.progress import RunState
from napari_nst.runs.request import RunRequest
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.regions import Regions

pytestmark = pytest.mark.gui

CONFIG = StyleConfig(
    size=32,
    content_layers=("relu2_1",),
    style_layers=("relu1_1", "relu2_1"),
    precision="float32",
    pyramid="down_to",
    min_scale=20,
    scale_ratio=1.5,
    scale_steps=(6, 6),
)
STEPS, CUT_OFF_AT = 12, 8


def paint():
    """Return a content and a style, the same in each process."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((33, 44), (25, 35))]


def fill(dock, weights="builtin"):
    dock.form.set_weights(weights)
    dock.form.apply(CONFIG)
    dock.session.checkpoint_every_s = 1e-9


CUT_OFF = f"""
import os, signal, sys, time
import napari
from qtpy.QtWidgets import QApplication
from napari_nst.core.run import Run
from napari_nst.planning import device_speed
from napari_nst.plugin.layers.visible_picture import picture_of
from napari_nst.plugin.runs import run_file
from napari_nst.plugin.runs.plan import RunPlan
from napari_nst.runs.naming import RunName
from tests.plugin.dock.test_unfinished import fill, paint

device_speed.measure = lambda *_: device_speed.Speed(1e-11)
run_file.LONG_S = 0
step, reached = Run._step, []

def cut_off(run, descent):
    if run.done == {CUT_OFF_AT}:
        if sys.argv[1] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        reached.append(run)
        while not run._control.stopped:
            time.sleep(0.005)
    return step(run, descent)

Run._step = cut_off
viewer = napari.Viewer(show=False)
content, style = paint()
viewer.add_image(
    content, rgb=True, name="photo", scale=(2, 3), translate=(5, 7), units=("um", "um")
)
viewer.add_image(style, rgb=True, name="starry")
_, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
fill(dock)
dock.run()
while not reached:
    QApplication.processEvents()
    time.sleep(0.005)
viewer.close()
"""


def cut_off(how, folder):
    """Let a process begin a run and end in its middle; return the bytes of its checkpoint."""
    folder.mkdir(exist_ok=True)
    root = Path(__file__).parents[3]
    ours = {
        "PYTHONPATH": os.pathsep.join([str(Path(napari_nst.__file__).parents[1]), str(root)]),
        "NAPARI_CONFIG": str(folder / "settings.yaml"),
        "NAPARI_NST_STATE": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    ended = subprocess.run(
        [sys.executable, "-c", CUT_OFF, how],
        env=os.environ | ours,
        capture_output=True,
        text=True,
        timeout=300,
    )
    code = -signal.SIGKILL if how == "killed" else 0
    assert ended.returncode == code, ended.stdout + ended.stderr
    (path,) = (folder / "state").glob("*.checkpoint")
    return path.read_bytes()


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    return cut_off("killed", tmp_path_factory.mktemp("killed"))


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The folder of unfinished runs, of this test alone; all runs count as long."""
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv("NAPARI_NST_STATE", str(folder))
    monkeypatch.setattr(run_file, "LONG_S", 0)
    return folder


@pytest.fixture
def left(state, killed):
    """The checkpoint of a killed process, in the folder of unfinished runs."""
    path = state / "left.checkpoint"
    path.write_bytes(killed)
    return path


@pytest.fixture
def offered(docked, qtbot):
    """Let the dock look for unfinished runs, and return its notice."""

    def look():
        docked.unfinished.look()
        qtbot.waitUntil(lambda: bool(docked.unfinished.found))
        return docked.unfinished_note

    return look


@pytest.fixture
def ended(docked, qtbot):
    """Wait until the newest run is over, and return it."""

    def wait():
        runs = docked.session.runs
        qtbot.waitUntil(lambda: bool(runs) and runs[-1].state.over, timeout=60_000)
        qtbot.wait(20)
        return runs[-1]

    return wait


@pytest.fixture
def begun(docked, state, qtbot):
    """Start a run that would take for ever, and wait for its checkpoint; returns run and file."""

    def begin():
        fill(docked, weights="untrained")
        docked.form.apply(CONFIG.replace(scale_steps=(2, 100_000)))
        docked.run()
        qtbot.waitUntil(lambda: bool(list(state.glob("*.checkpoint"))), timeout=60_000)
        return docked.session.runs[-1], next(state.glob("*.checkpoint"))

    return begin


def add_pictures(viewer):
    for pixels, name in zip(paint(), ("my photo", "my style"), strict=True):
        viewer.add_image(pixels, rgb=True, name=name)


def corners(layer):
    """World positions of two opposite corners of a flat picture."""
    return [
        layer.data_to_world((-0.5, -0.5)),
        layer.data_to_world(np.array(layer.data.shape[:2]) - 0.5),
    ]


def names(viewer):
    return [layer.name for layer in viewer.layers]


@pytest.mark.parametrize("how", ["killed", "viewer closed"])
def test_a_run_that_was_cut_off_goes_on_to_the_same_picture(
    how, killed, state, docked, viewer, offered, ended, tmp_path
):
    data = killed if how == "killed" else cut_off(how, tmp_path / "process")
    (state / "left.checkpoint").write_bytes(data)
    note = docked.unfinished_note
    assert note.isHidden()
    offered()
    assert not note.isHidden()
    assert note.text.text().startswith("A run of today ")
    told = f"was not finished: photo in the manner of starry, step {CUT_OFF_AT} of {STEPS}."
    assert note.text.text().endswith(told)
    assert not note.picture.pixmap().isNull()
    note.resume.click()
    assert "Reading it" in note.text.text()
    resumed = ended()
    assert note.isHidden()
    assert names(viewer) == ["photo", "starry", "photo × starry · gatys"]
    photo, layer = viewer.layers["photo"], resumed.live.layer
    np.testing.assert_array_equal([photo.scale, photo.translate], [(2, 3), (5, 7)])
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    np.testing.assert_allclose(corners(layer), corners(photo))
    assert list(state.iterdir()) == []
    fill(docked)
    docked.run()
    whole = ended()
    assert whole is not resumed
    for each in ("image", "painted"):
        np.testing.assert_array_equal(getattr(resumed.result, each), getattr(whole.result, each))
    assert resumed.record.to_json() == whole.record.to_json()
    assert [(p.iteration, p.loss) for p in resumed.points] == [
        (p.iteration, p.loss) for p in whole.points
    ]


def test_pictures_that_are_open_are_not_opened_again(left, docked, viewer, offered, ended):
    add_pictures(viewer)
    viewer.layers["my photo"].translate = (100, 200)
    offered().resume.click()
    run = ended()
    assert names(viewer) == ["my photo", "my style", run.name]
    np.testing.assert_allclose(corners(run.live.layer), corners(viewer.layers["my photo"]))


def test_the_dock_looks_when_it_is_opened(left, make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    qtbot.waitUntil(dock.unfinished_note.isVisible)
    dock.unfinished_note.later.click()
    assert not dock.unfinished_note.isVisible()
    assert left.exists()


def test_a_run_that_is_stopped_leaves_no_checkpoint_and_its_result(
    state, docked, pictures, begun, ended
):
    run, _ = begun()
    assert run.goes_on_later
    run.stop()
    assert ended().result is not None
    assert not run.goes_on_later
    assert list(state.iterdir()) == []


@pytest.mark.parametrize(("every_s", "long_s"), [(0, 0), (1e-9, 1e9)], ids=["off", "short"])
def test_runs_without_checkpoints(every_s, long_s, state, docked, viewer, ended, monkeypatch):
    monkeypatch.setattr(run_file, "LONG_S", long_s)
    add_pictures(viewer)
    fill(docked, weights="untrained")
    docked.session.checkpoint_every_s = every_s
    written = []
    docked.session.changed.connect(lambda _: written.extend(state.iterdir()))
    docked.run()
    assert ended().state is RunState.DONE
    assert written == []


def test_a_disk_that_refuses_is_told_of_once_and_the_run_goes_on(
    docked, viewer, ended, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NAPARI_NST_STATE", str(tmp_path / "file" / "folder"))
    monkeypatch.setattr(run_file, "LONG_S", 0)
    told = []
    monkeypatch.setattr("napari_nst.plugin.runs.viewer_run.show_warning", told.append)
    add_pictures(viewer)
    fill(docked, weights="untrained")
    docked.run()
    assert ended().state is RunState.DONE
    (said,) = told
    assert "goes on, but without a checkpoint" in said
    assert "cannot be written" in said


def test_a_preview_has_no_checkpoint(state, docked, viewer, ended):
    add_pictures(viewer)
    fill(docked, weights="untrained")
    written = []
    docked.session.changed.connect(lambda _: written.extend(state.iterdir()))
    docked.panel.preview.click()
    assert ended().state is RunState.DONE
    assert written == []


def test_a_run_whose_layer_is_removed_is_offered_at_once(
    state, docked, viewer, pictures, begun, ended, qtbot
):
    run, path = begun()
    qtbot.waitUntil(lambda: run.live.layer is not None)
    run.pause()
    docked.unfinished.look()
    qtbot.wait(200)
    assert docked.unfinished.found == [], "it is running"
    viewer.layers.remove(run.live.layer)
    ended()
    qtbot.waitUntil(lambda: bool(docked.unfinished.found))
    (found,) = docked.unfinished.found
    assert found.path == path
    assert found.checkpoint.note["name"] == run.name


def test_steering_and_the_users_name_go_on(state, docked, viewer, pictures, begun, qtbot, took):
    run, _ = begun()
    qtbot.waitUntil(lambda: run.live.layer is not None)
    run.live.layer.name = "mine"
    run.steer(style_strength=4.0)
    took(run, "style_strength")
    step = run.points[-1].iteration
    qtbot.waitUntil(lambda: run.points[-1].iteration > step + 3, timeout=60_000)
    viewer.layers.remove(run.live.layer)
    qtbot.waitUntil(lambda: bool(docked.unfinished.found), timeout=60_000)
    docked.session.delete(run)
    docked.unfinished_note.resume.click()
    qtbot.waitUntil(lambda: docked.current is not None and docked.current.live.layer is not None)
    resumed = docked.current
    assert (resumed.name, resumed.config.style_strength) == ("mine", 4)
    steps = [point.iteration for point in resumed.points]
    assert steps == list(range(1, len(steps) + 1))
    assert resumed.points[0].loss == run.points[0].loss
    resumed.stop()
    qtbot.waitUntil(lambda: resumed.state.over, timeout=60_000)
    assert resumed.name == "mine"
    assert [event.field for event in resumed.record.events] == ["style_strength"]
    docked.actions_of_runs.again([resumed])
    assert docked.session.runs[-1].plan.resume is None


def test_several_styles_and_their_regions_go_on_to_the_same_picture(
    state, docked, viewer, pictures, ended, qtbot
):
    content, style = pictures
    taken = picture_of(content, viewer.dims)
    labels = np.ones((60, 80), np.uint8)
    labels[30:] = 2
    request = RunRequest(
        taken.pixels,
        (style.data, paint()[1]),
        CONFIG.replace(scale_steps=(6, 200)),
        "untrained",
        regions=Regions(labels, {1: 0, 2: 1}),
    )
    plan = RunPlan(request, RunName("two"), taken.placement)
    docked.session.checkpoint_every_s = 1e-9
    run = docked.session.start(plan)
    qtbot.waitUntil(lambda: run.live.layer is not None and run.goes_on_later, timeout=60_000)
    viewer.layers.remove(run.live.layer)
    qtbot.waitUntil(lambda: bool(docked.unfinished.found), timeout=60_000)
    assert docked.unfinished.found[0].checkpoint.record.steps_done < 200
    docked.unfinished_note.resume.click()
    qtbot.waitUntil(lambda: docked.session.runs[-1] is not run)
    resumed = ended()
    assert resumed.regions == request.regions
    whole = docked.session.start(plan)
    assert ended() is whole
    np.testing.assert_array_equal(resumed.result.painted, whole.result.painted)
    assert resumed.record.to_json() == whole.record.to_json()


def test_a_discarded_run_comes_back_or_is_deleted(left, docked, offered, qtbot):
    note = offered()
    note.discard.click()
    assert note.text.text() == "The run was discarded."
    assert note.resume.isHidden()
    assert left.exists()
    note.undo.click()
    assert not note.resume.isHidden()
    docked.unfinished._clock.setInterval(1)
    note.discard.click()
    qtbot.waitUntil(lambda: not left.exists())
    qtbot.waitUntil(note.isHidden)


def test_a_discarded_run_is_deleted_when_the_dock_closes(left, docked, offered):
    offered().discard.click()
    docked.unfinished.close()
    assert list(left.parent.iterdir()) == []


def test_of_several_the_newest_is_told_with_the_number_of_the_others(left, docked, offered):
    for age_s, name in ((1e4, "older"), (-1e3, "newer"), (2e4, "oldest")):
        path = left.with_name(f"{name}.checkpoint")
        path.write_bytes(left.read_bytes())
        os.utime(path, (time.time() - age_s,) * 2)
    note = offered()
    assert note.text.text().endswith("3 more are unfinished.")
    order = [each.path.stem for each in docked.unfinished.found]
    assert order == ["newer", "left", "older", "oldest"]
    for _ in range(3):
        note.discard.click()
    assert note.text.text().endswith("of 12.")


def damaged(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (damaged, "is damaged"),
        (lambda data: data.replace(b"placement", b"placemend"), "is damaged"),
        (lambda data: data[:-9], "is damaged"),
        (lambda _: b"my own notes", "is not a checkpoint of napari-nst"),
    ],
    ids=["in the data", "in the head", "cut", "foreign"],
)
def test_a_file_that_is_of_no_use_is_told_of_and_stays(change, said, left, docked, offered, qtbot):
    left.write_bytes(change(left.read_bytes()))
    before = left.read_bytes()
    note = offered()
    if not note.resume.isHidden():
        note.resume.click()
        qtbot.waitUntil(lambda: bool(docked.unfinished.found[0].problem))
    assert said in note.text.text()
    assert str(left) in note.text.text()
    assert docked.session.runs == []
    assert note.later.isEnabled()
    note.later.click()
    assert left.read_bytes() == before


def test_a_run_of_the_command_line_is_refused(left, docked, offered, qtbot):
    found = read_checkpoint(left)
    preview = Entry("preview", "U8", 1, (1, 1, 3), [memoryview(b"abc")])
    write_checkpoint(replace(found, note={}), [preview])
    note = offered()
    note.resume.click()
    qtbot.waitUntil(lambda: bool(docked.unfinished.found[0].problem))
    assert "is not of a run in the viewer" in note.text.text()


def test_a_run_that_goes_on_in_another_napari_is_not_offered(left, docked, offered, qtbot):
    note = offered()
    with held(left):
        assert unfinished_runs() == []
        note.resume.click()
        qtbot.waitUntil(lambda: bool(docked.unfinished.found[0].problem))
        assert "goes on in another window of napari" in note.text.text()
    note.resume.click()
    qtbot.waitUntil(lambda: bool(docked.session.runs))


def test_a_large_picture_is_found_by_its_file_or_among_the_layers(
    state, docked, viewer, begun, ended, tmp_path, qtbot, monkeypatch
):
    monkeypatch.setattr(run_file, "is_large", lambda shape: shape[0] == 33)
    photo = tmp_path / "photo.png"
    write_picture(photo, paint()[0])
    viewer.open(str(photo), plugin="napari")
    viewer.add_image(paint()[1], rgb=True, name="starry")
    _, path = begun()
    docked.current.abandon()
    ended()
    viewer.layers.clear()
    with safe_open(path, framework="np") as file:
        assert {"style", "preview"} <= set(file.keys())
        assert "content" not in file.keys()  # noqa: SIM118
    kept = photo.rename(tmp_path / "away.png")
    qtbot.waitUntil(lambda: bool(docked.unfinished.found))
    note = docked.unfinished_note
    note.resume.click()
    qtbot.waitUntil(lambda: bool(docked.unfinished.found[0].problem))
    assert "The content of this run, 'photo', is too large to be kept" in note.text.text()
    assert not note.resume.isHidden()
    kept.rename(photo)
    note.resume.click()
    qtbot.waitUntil(lambda: docked.session.runs[-1].state is RunState.RUNNING, timeout=60_000)
    assert names(viewer)[:2] == ["photo", "starry"]
