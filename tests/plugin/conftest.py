"""The widget in a real napari, as plugins really get it: behind napari's proxy."""

import os
import sys
from functools import partial

import numpy as np
import pytest

from napari_nst.plugin.common import preferences
from napari_nst.plugin.runs import run_file
from napari_nst.plugin.runs import worker as worker_module
from tests.plugin.fakes import fake_engine
from tests.plugin.rest import settle


def pytest_collection_modifyitems(items):
    displays = map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform == "linux" and not any(displays):
        for item in items:
            if "gui" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="no display; install Xvfb"))


@pytest.fixture(autouse=True)
def forget_last_settings():
    """Let no test start with the settings and styles that another one used last."""
    yield
    if "napari.settings" in sys.modules:
        for path in filter(None, (preferences.last_file(), preferences.styles_file())):
            path.unlink(missing_ok=True)


@pytest.fixture
def settings():
    """Napari's preferences of ours, as they were again after the test."""
    settings = preferences.plugin_settings()
    before = settings.model_dump()
    yield settings
    for group in ("runs", "history", "files"):
        for key, value in before[group].items():
            setattr(getattr(settings, group), key, value)


@pytest.fixture
def engine(monkeypatch):
    """Replace the engine: engine(total, wait_s=..., fail_at=..., error=..., closed=...)."""

    def put(*args, **kwargs):
        monkeypatch.setattr("napari_nst.api.iter_stylize", fake_engine(*args, **kwargs))
        monkeypatch.setattr(run_file, "is_long", lambda _: False)  # as the engine estimates too

    worker_module.import_torch()
    return put


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def pictures(viewer):
    """A content and a style of 60x80 and 50x70 px."""
    rng = np.random.default_rng(0)
    content = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    style = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    return (
        viewer.add_image(content, name="harbour", scale=(2, 3), translate=(5, 7)),
        viewer.add_image(style, name="waves"),
    )


@pytest.fixture
def docked(viewer, qtbot):
    """The dock widget, opened through the manifest; its run has ended when the test has."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-nst", "Neural Style Transfer")
    widget.form.set_weights("untrained")
    yield widget
    widget.session.cancel_all()
    for run in widget.session.runs:
        run.abandon()
    runs = widget.session.runs
    qtbot.waitUntil(lambda: not any(run.state.active for run in runs), timeout=20_000)


@pytest.fixture
def finished(qtbot):
    """Wait until the widget's run has ended: finished(widget)."""

    def wait(widget, timeout=60_000):
        qtbot.waitUntil(lambda: not widget.current.state.active, timeout=timeout)
        qtbot.wait(20)

    return wait


@pytest.fixture
def took(qtbot):
    """Wait until steps of a run are shown that took changes: took(run, "tv_weight", "regions").

    The run is ahead of what the dock shows of it, so a number of steps says nothing.
    """

    def wait(run, *fields):
        def are_taken():
            record = None if run.shown is None else run.shown.record
            return record is not None and set(fields) <= {each.field for each in record.events}

        qtbot.waitUntil(are_taken, timeout=60_000)

    return wait


@pytest.fixture
def settled(qtbot):
    """Wait until a widget's window has come to rest: settled(widget)."""
    return partial(settle, qtbot=qtbot)
