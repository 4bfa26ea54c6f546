import pytest
from qtpy.QtWidgets import QFileDialog

from napari_nst.plugin.panels import loss_plot
from napari_nst.plugin.panels.curves import Curve, Mark
from napari_nst.plugin.panels.loss_plot import LossPlot
from napari_nst.settings.results import LossPoint

pytestmark = pytest.mark.gui


def points(*steps, scale=0):
    return [
        LossPoint(i, scale, 10.0 / i, {"content": 1 / i, "style": 9 / i, "tv": 0.0}, i)
        for i in steps
    ]


@pytest.fixture
def plot(qtbot):
    plot = LossPlot()
    qtbot.addWidget(plot)
    plot.resize(300, 250)
    plot.show()
    plot.expand(animate=False)
    return plot


def lines(plot):
    items = plot._plot.getPlotItem().listDataItems()
    return {line.name(): line.getOriginalDataset() for line in items}


def marks(plot):
    import pyqtgraph

    items = plot._plot.getPlotItem().items
    return [each.value() for each in items if isinstance(each, pyqtgraph.InfiniteLine)]


def test_total_and_weighty_terms_are_drawn(plot):
    plot.show_points(points(1, 2, 3))
    assert set(lines(plot)) == {"loss", "content", "style"}
    steps, losses = lines(plot)["loss"]
    assert list(steps) == [1, 2, 3]
    assert losses[1] == 5


def test_nothing_is_imported_or_drawn_while_folded(qtbot):
    plot = LossPlot()
    qtbot.addWidget(plot)
    plot.add(points(1, 2))
    assert plot._plot is None


def test_drawing_is_throttled(plot, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(loss_plot.time, "monotonic", lambda: now[0])
    plot.show_points([])
    plot.add(points(1))
    assert not lines(plot)
    now[0] += 1
    plot.add(points(2))
    assert list(lines(plot)["loss"][0]) == [1, 2]


def test_scales_and_changes_are_marked(plot):
    plot.add(points(1, 2))
    plot.add(points(3, scale=1))
    plot.mark_change("style strength 2")
    assert marks(plot) == [3, 4]
    plot.show_points([*points(1, 2), *points(3, scale=1)], [Mark(2, "tv 1", "change")])
    assert marks(plot) == [3, 2]
    plot.show_points([])
    assert not marks(plot)
    assert not lines(plot)


def test_other_runs_are_laid_over_this_one(plot):
    plot.compare_with(lambda: [Curve("harbour", points(1, 2)), Curve("nothing yet", [])])
    plot.show_points(points(1, 2, 3))
    plot.all_runs.click()
    assert set(lines(plot)) == {"this run", "1  harbour"}
    plot.all_runs.click()
    assert set(lines(plot)) == {"loss", "content", "style"}


def test_the_losses_are_saved_as_a_table(plot, tmp_path, monkeypatch):
    assert not plot.save.isEnabled()
    plot.show_points(points(1, 2))
    path = tmp_path / "loss.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    plot.save.click()
    assert path.read_text().splitlines()[0] == "step,loss,content,style,tv,seconds"


def test_an_unwritable_table_is_told(plot, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(loss_plot, "show_error", told.append)
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "loss.csv"), "")
    )
    plot.show_points(points(1))
    plot.save.click()
    assert "cannot be written" in told[0]


def test_the_text_follows_the_theme(plot):
    plot.show_points(points(1, 2))
    plot.setStyleSheet("QWidget { color: #102030 }")
    pen = plot._plot.getPlotItem().getAxis("left").textPen()
    assert pen.color().getRgb()[:3] == (16, 32, 48)
