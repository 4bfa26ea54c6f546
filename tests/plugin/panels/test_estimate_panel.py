import numpy as np
import pytest
import torch

from napari_nst.core.network.encoder import Encoder
from napari_nst.planning import estimate as estimate_module
from napari_nst.planning import layout as layout_module
from napari_nst.planning import remedies as remedies_module
from napari_nst.plugin.layers.visible_picture import picture_of, picture_size
from napari_nst.plugin.panels import estimate_panel
from napari_nst.plugin.panels.estimate_panel import Answer, Estimator
from napari_nst.runs.progress import RunState

pytestmark = pytest.mark.gui

SHALLOW = {
    "style_layers": ("relu1_1", "relu2_1"),
    "content_layers": ("relu2_2",),
    "steps": 6,
    "precision": "float32",
}


def ask(widget, **changes):
    widget.estimate_panel._timer.start()  # as if it were seen: the test's window is hidden
    widget.form.apply(widget.form.config().replace(**(SHALLOW | changes)))


def little(monkeypatch, free):
    for module in (layout_module, remedies_module):
        monkeypatch.setattr(module, "free_bytes", lambda _: free)


def test_time_and_memory_stand_above_run_and_follow_the_form(docked, pictures, qtbot):
    panel = docked.estimate_panel
    ask(docked, size=64)
    qtbot.waitUntil(lambda: "about" in panel.text.text(), timeout=60_000)
    before = panel.text.text()
    assert "MB" in before
    assert panel.buttons == []
    ask(docked, size=1024)
    qtbot.waitUntil(lambda: panel.text.text() != before)
    assert "Estimating" in panel.text.text(), "what stood there is no longer true"
    qtbot.waitUntil(lambda: "about" in panel.text.text(), timeout=60_000)
    assert panel.text.text() != before


def test_how_many_style_pixels_make_one_of_the_result_stands_beside_the_scale(
    docked, pictures, qtbot
):
    docked.form.style_list.adjust.click()
    ask(docked, size=64)  # the style has 50x70 px
    (row,) = docked.form.style_list.rows
    px = row.adjustment.px
    qtbot.waitUntil(lambda: px.text() == "1.09 style px per px", timeout=60_000)
    row.adjustment.scale.setValue(0.5)
    qtbot.waitUntil(lambda: px.text() == "2.19 style px per px", timeout=60_000)
    docked.form.style_list.adjust.click()
    docked.form.style_list.adjust.click()
    assert docked.form.style_list.rows[0].adjustment.px.text() == "2.19 style px per px"


def test_what_does_not_fit_says_so_and_a_button_makes_it_fit(docked, pictures, qtbot, monkeypatch):
    little(monkeypatch, 500_000_000)
    panel = docked.estimate_panel
    ask(docked, size=4096, tile=0)
    qtbot.waitUntil(lambda: bool(panel.buttons), timeout=60_000)
    assert "does not fit" in panel.text.text()
    button = panel.buttons[-1]
    assert button.text().endswith(" px")
    button.click()
    assert docked.form.config().size < 4096
    qtbot.waitUntil(lambda: "does not fit" not in panel.text.text())
    assert panel.buttons == []
    qtbot.waitUntil(lambda: "about" in panel.text.text(), timeout=60_000)
    assert "does not fit" not in panel.text.text()
    assert panel.buttons == []


def test_when_memory_runs_out_the_run_can_be_taken_up_with_what_fits(
    docked, pictures, qtbot, finished, monkeypatch
):
    honest, passes = Encoder.forward, []

    def forward(self, picture, *rest):
        if not picture.is_meta:
            passes.append(1)
            if len(passes) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return honest(self, picture, *rest)

    monkeypatch.setattr(Encoder, "forward", forward)
    ask(docked, size=640, steps=3)
    docked.run()
    finished(docked)
    assert docked.current.state is RunState.FAILED
    assert "memory ran out" in docked.current.text
    panel = docked.estimate_panel
    assert panel.buttons, panel.text.text()
    failed = docked.current
    panel.buttons[-1].click()
    finished(docked, timeout=180_000)
    assert docked.current is not failed
    assert docked.current.state is RunState.DONE
    assert docked.current.config.size < 640


def test_a_pictures_size_is_known_without_taking_it(viewer):
    stack = viewer.add_image(np.zeros((4, 30, 50), np.uint8))
    colour = viewer.add_image(np.zeros((20, 40, 3), np.uint8), rgb=True)
    for layer in (stack, colour):
        taken = picture_of(layer, viewer.dims).pixels.shape[:2]
        assert picture_size(layer, viewer.dims) == taken


def test_the_next_estimate_is_what_the_last_runs_took(
    docked, pictures, qtbot, finished, monkeypatch
):
    monkeypatch.setattr(estimate_module, "LEAST_S", 0.0)
    panel = docked.estimate_panel
    ask(docked, size=64)
    qtbot.waitUntil(lambda: "about" in panel.text.text(), timeout=60_000)
    assert "your last runs" not in panel.text.toolTip()
    docked.run()
    finished(docked)
    qtbot.waitUntil(lambda: "from your last runs" in panel.text.toolTip(), timeout=60_000)
    estimate = panel.estimator.answer.estimate
    assert estimate.runs_seen == 1
    assert estimate.seconds == pytest.approx(docked.current.result.seconds, rel=0.5)


@pytest.mark.parametrize("questions", [("a",), ("a", "b", "c")])
def test_the_newest_question_is_answered(qtbot, monkeypatch, questions):
    monkeypatch.setattr(estimate_panel, "answered", Answer)
    estimator = Estimator()
    for question in questions:
        estimator.ask(question)
    qtbot.waitUntil(lambda: estimator.answer == Answer(questions[-1]), timeout=5000)
