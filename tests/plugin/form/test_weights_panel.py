import threading
from types import SimpleNamespace

import pytest
from filelock import FileLock

from napari_nst import weights
from napari_nst.errors import DownloadCancelled, DownloadError
from napari_nst.plugin.form.weights_panel import WeightsPanel, falls_back_on_builtin, lacks_weights

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot):
    panel = WeightsPanel()
    qtbot.addWidget(panel)
    panel.answers = []
    panel.ready.connect(lambda: panel.answers.append("ready"))
    panel.refused.connect(panel.answers.append)
    return panel


def places(monkeypatch, *names):
    usable = [SimpleNamespace(usable=True, weights=name) for name in names]
    monkeypatch.setattr(weights, "status", lambda: usable)


def test_only_weights_that_are_absent_are_asked_for(monkeypatch):
    places(monkeypatch)
    assert lacks_weights("imagenet")
    assert lacks_weights("auto")
    assert not lacks_weights("untrained")
    assert not lacks_weights("/some/file.pth")
    places(monkeypatch, "builtin")
    assert lacks_weights("imagenet")
    assert not lacks_weights("auto")
    places(monkeypatch, "imagenet")
    assert not lacks_weights("imagenet")


def test_only_auto_falls_back_on_the_builtin_features(monkeypatch):
    places(monkeypatch, "builtin")
    assert falls_back_on_builtin("auto")
    assert not falls_back_on_builtin("builtin")
    places(monkeypatch, "builtin", "imagenet")
    assert not falls_back_on_builtin("auto")


def test_the_builtin_features_are_mentioned_once_and_refusing_is_quiet(panel):
    panel.suggest()
    assert "built-in" in panel.text.text()
    assert not panel.isHidden()
    panel.no.click()
    assert panel.isHidden()
    panel.suggest()
    assert panel.isHidden()
    assert panel.answers == []


def test_a_suggested_download_starts_no_run(panel, monkeypatch, qtbot):
    monkeypatch.setattr(weights, "download", lambda **_: None)
    panel.suggest()
    panel.yes.click()
    qtbot.waitUntil(panel.isHidden, timeout=10_000)
    assert panel.answers == []


def test_nothing_is_downloaded_unasked(panel, monkeypatch):
    called = []
    monkeypatch.setattr(weights, "download", lambda **_: called.append(True))
    panel.ask()
    panel.no.click()
    assert panel.isHidden()
    assert not called
    assert "Nothing was downloaded" in panel.answers[0]


def test_a_download_shows_progress_and_then_is_ready(panel, monkeypatch, qtbot):
    go = threading.Event()

    def download(*, progress, cancelled, waiting):
        progress(100_000_000, 500_000_000)
        go.wait(10)

    monkeypatch.setattr(weights, "download", download)
    panel.show()
    panel.ask()
    panel.yes.click()
    qtbot.waitUntil(lambda: "100 of 500 MB" in panel.text.text())
    assert panel.bar.value() / panel.bar.maximum() == pytest.approx(0.2)
    go.set()
    qtbot.waitUntil(lambda: panel.answers == ["ready"])
    assert panel.isHidden()


def test_a_download_can_be_cancelled(panel, monkeypatch, qtbot):
    def download(*, progress, cancelled, waiting):
        while not cancelled():
            threading.Event().wait(0.01)
        raise DownloadCancelled("cancelled")

    monkeypatch.setattr(weights, "download", download)
    panel.ask()
    panel.yes.click()
    panel.no.click()
    qtbot.waitUntil(lambda: len(panel.answers) == 1)
    assert "cancelled" in panel.answers[0]
    panel.ask()
    assert panel.yes.isVisibleTo(panel)


def test_another_programs_download_is_waited_for_in_words_and_can_be_cancelled(
    panel, monkeypatch, qtbot, tmp_path
):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with FileLock(tmp_path / "download.lock"):
        panel.ask()
        panel.yes.click()
        qtbot.waitUntil(lambda: panel.text.text().startswith("Another download is running"))
        assert panel.no.text() == "Cancel"
        panel.no.click()
        qtbot.waitUntil(lambda: len(panel.answers) == 1)
    assert "cancelled" in panel.answers[0]
    assert panel.isHidden()


def test_a_failed_download_says_what_to_do(panel, monkeypatch, qtbot):
    def download(**_):
        raise DownloadError("The server refused. Try again later.")

    monkeypatch.setattr(weights, "download", download)
    panel.ask()
    panel.yes.click()
    qtbot.waitUntil(lambda: panel.answers == ["The server refused. Try again later."])


def test_run_asks_before_it_downloads_and_runs_afterwards(
    docked, pictures, engine, monkeypatch, qtbot, finished
):
    engine(3)
    places(monkeypatch)
    docked.form.set_weights("imagenet")
    docked.panel.run.click()
    assert docked.current is None
    assert not docked.weights_panel.isHidden()

    def download(**_):
        places(monkeypatch, "imagenet")

    monkeypatch.setattr(weights, "download", download)
    docked.weights_panel.yes.click()
    qtbot.waitUntil(lambda: docked.current is not None)
    finished(docked)
    assert docked.panel.text.text().startswith("Finished")


def test_a_run_on_the_builtin_features_says_so_in_the_dock(
    docked, pictures, engine, finished, monkeypatch
):
    places(monkeypatch, "builtin")
    docked.form.set_weights("auto")
    engine(2)
    docked.panel.run.click()
    finished(docked)
    assert not docked.weights_panel.isHidden()
    assert "built-in" in docked.weights_panel.text.text()
