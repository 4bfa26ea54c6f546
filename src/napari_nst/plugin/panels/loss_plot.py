"""The live loss curve, folded away until it is asked for."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_nst.errors import ImageError
from napari_nst.plugin.common.style import Fold
from napari_nst.plugin.panels.curves import (
    Curve,
    Line,
    Mark,
    decades_of,
    scale_marks,
    term_lines,
    total_line,
)
from napari_nst.runs.export import LOSS_FILE, write_loss_csv
from napari_nst.settings.results import LossPoint

if TYPE_CHECKING:
    from pyqtgraph import PlotWidget

_HEIGHT_PX = 160
_LEGEND_COLUMNS = 4
_INTERVAL_S = 1.0
_TERM_COLOURS = {
    "content": (86, 180, 233),
    "style": (230, 159, 0),
    "tv": (0, 158, 115),
}
"""Okabe and Ito's palette, which colour-blind people can tell apart."""

_RUN_COLOURS = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0))
"""Of the other runs; no more of them are laid over."""
_MARK_COLOURS = {"scale": (138, 145, 155), "change": (240, 180, 41)}
_LABEL_AT = (0.03, 0.13)
"""Heights of marks' labels, in turn, so that neighbours can be read."""


class LossPlot(Fold):
    """Total and terms over steps on a logarithmic axis, or the totals of several runs.

    Scale changes and steering are marked by vertical lines. pyqtgraph is imported when the
    curve is unfolded for the first time; nothing is drawn while it is folded.
    """

    def __init__(self) -> None:
        super().__init__("Loss curve")
        self._points: list[LossPoint] = []
        self._marks: list[Mark] = []
        self._others: Callable[[], Sequence[Curve]] = tuple
        self._plot: PlotWidget | None = None
        self._drawn_at = 0.0
        self._drawn_marks: tuple[Mark, ...] = ()
        self.all_runs = QCheckBox("All runs")
        self.all_runs.setToolTip("Lay the losses of the viewer's other runs over this one's")
        self.save = QPushButton("Save CSV…")
        self.save.setToolTip("Write step, loss, its terms and seconds of this run into a table")
        self._place = QWidget()
        self._lay_out()
        self.toggled.connect(self._on_toggled)
        self.all_runs.toggled.connect(self._draw)
        self.save.clicked.connect(self._save)

    def add(self, points: Iterable[LossPoint]) -> None:
        """Append the steps since the last call; draw at most once a second, while unfolded."""
        added = list(points)
        self._marks += scale_marks([*self._points[-1:], *added])
        self._points += added
        if time.monotonic() - self._drawn_at >= _INTERVAL_S:
            self._draw()

    def mark_change(self, text: str) -> None:
        """Mark that the user changed something now."""
        step = self._points[-1].iteration + 1 if self._points else 1
        self._marks.append(Mark(step, text, "change"))
        self._draw()

    def show_points(self, points: Iterable[LossPoint], marks: Iterable[Mark] = ()) -> None:
        """Show all steps of a run, its changes of scale, and other marks."""
        self._points = list(points)
        self._marks = [*scale_marks(self._points), *marks]
        self._draw()

    def compare_with(self, others: Callable[[], Sequence[Curve]]) -> None:
        """Tell where the curves of the other runs come from."""
        self._others = others

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.StyleChange and self._plot:
            _colour_text(self._plot, self._text_rgb())
            self._draw()

    def _on_toggled(self, unfolded: bool) -> None:
        if unfolded and self._plot is None:
            self._plot = _make_plot(self._text_rgb())
            layout = self._place.layout()
            assert layout is not None
            layout.addWidget(self._plot)
        self._draw()

    def _draw(self) -> None:
        self.save.setEnabled(bool(self._points))
        if self._plot is None or not self.isExpanded():
            return
        self._drawn_at = time.monotonic()
        item = self._plot.getPlotItem()
        lines = self._overlaid() if self.all_runs.isChecked() else self._terms()
        item.legend.setColumnCount(1 if self.all_runs.isChecked() else _LEGEND_COLUMNS)
        for line in list(item.listDataItems()):
            if line.name() not in lines:
                item.removeItem(line)
        there = {line.name(): line for line in item.listDataItems()}
        for name, (colour, (steps, losses)) in lines.items():
            line = there.get(name) or item.plot(name=name)
            line.setPen(colour)
            line.setData(steps, losses)
        if (decades := decades_of(losses for _, (_, losses) in lines.values())) is not None:
            item.setYRange(*decades, padding=0)
        if self._drawn_marks != tuple(self._marks):
            self._drawn_marks = tuple(self._marks)
            _draw_marks(self._plot, self._drawn_marks)

    def _terms(self) -> dict[str, tuple[tuple[int, ...], Line]]:
        colours = {"loss": self._text_rgb()} | _TERM_COLOURS
        return {
            name: (colours.get(name, _TERM_COLOURS["tv"]), line)
            for name, line in term_lines(self._points).items()
        }

    def _overlaid(self) -> dict[str, tuple[tuple[int, ...], Line]]:
        others = {
            f"{place}  {curve.short_name}": (
                _RUN_COLOURS[place - 1],
                total_line(curve.points),
            )
            for place, curve in enumerate(self._latest(), start=1)
        }
        this = {"this run": (self._text_rgb(), total_line(self._points))} if self._points else {}
        return this | others

    def _latest(self) -> Sequence[Curve]:
        return [curve for curve in self._others() if curve.points][-len(_RUN_COLOURS) :]

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save losses", LOSS_FILE, "Table (*.csv)")
        if not path:
            return
        try:
            write_loss_csv(Path(path), self._points)
        except ImageError as error:
            show_error(str(error))

    def _text_rgb(self) -> tuple[int, ...]:
        rgb: tuple[int, ...] = self.palette().windowText().color().getRgb()[:3]
        return rgb

    def _lay_out(self) -> None:
        column = QVBoxLayout(self._place)
        column.setContentsMargins(0, 0, 0, 0)
        self._place.setFixedHeight(_HEIGHT_PX)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.all_runs)
        row.addStretch(1)
        row.addWidget(self.save)
        buttons = QWidget()
        buttons.setLayout(row)
        self.addWidget(self._place)
        self.addWidget(buttons)


def _make_plot(text_rgb: tuple[int, ...]) -> "PlotWidget":
    import pyqtgraph

    plot = pyqtgraph.PlotWidget(background=None)
    item = plot.getPlotItem()
    item.setLogMode(y=True)
    item.addLegend(offset=(-1, 1), colCount=_LEGEND_COLUMNS, labelTextSize="8pt")
    item.setMenuEnabled(False)
    item.hideButtons()
    item.setMouseEnabled(x=False, y=False)
    item.getAxis("left").setStyle(maxTextLevel=0)  # decades; those between would overlap
    item.showGrid(y=True, alpha=0.2)
    _colour_text(plot, text_rgb)
    return plot


def _colour_text(plot: "PlotWidget", text_rgb: tuple[int, ...]) -> None:
    item = plot.getPlotItem()
    item.legend.setLabelTextColor(text_rgb)
    for side in ("left", "bottom"):
        item.getAxis(side).setPen(text_rgb)
        item.getAxis(side).setTextPen(text_rgb)


def _draw_marks(plot: "PlotWidget", marks: Sequence[Mark]) -> None:
    import pyqtgraph
    from qtpy.QtCore import Qt

    item = plot.getPlotItem()
    for old in [each for each in item.items if isinstance(each, pyqtgraph.InfiniteLine)]:
        item.removeItem(old)
    last = max((line.xData[-1] for line in item.listDataItems()), default=0)
    for place, mark in enumerate(marks):
        colour, beyond = _MARK_COLOURS[mark.kind], float(mark.step > last / 2)
        item.addItem(
            pyqtgraph.InfiniteLine(
                mark.step,
                pen=pyqtgraph.mkPen(colour, style=Qt.PenStyle.DashLine),
                label=mark.text,
                labelOpts={
                    "color": colour,
                    "position": _LABEL_AT[place % len(_LABEL_AT)],
                    "anchors": [(beyond, 1), (beyond, 1)],
                },
            )
        )
