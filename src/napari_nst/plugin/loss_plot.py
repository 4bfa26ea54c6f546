"""The live loss curve, folded away until it is asked for."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_nst.plugin.frames import Point
from napari_nst.plugin.looks import quiet

if TYPE_CHECKING:
    from pyqtgraph import PlotWidget

_HEIGHT_PX = 150
_INTERVAL_S = 0.5
_COLOURS = {
    "loss": (240, 240, 240),
    "content": (86, 180, 233),
    "style": (230, 159, 0),
    "tv": (0, 158, 115),
}
"""Okabe and Ito's palette, which colour-blind people can tell apart."""


class LossPlot(QCollapsible):
    """Total and terms over steps, the loss on a logarithmic axis.

    pyqtgraph is imported when the curve is unfolded for the first time.
    """

    def __init__(self) -> None:
        super().__init__("Loss curve")
        quiet(self)
        self._points: list[Point] = []
        self._plot: PlotWidget | None = None
        self._drawn_at = 0.0
        self._place = QWidget()
        layout = QVBoxLayout(self._place)
        layout.setContentsMargins(0, 0, 0, 0)
        self._place.setFixedHeight(_HEIGHT_PX)
        self.addWidget(self._place)
        self.toggled.connect(self._on_toggled)

    def clear(self) -> None:
        """Forget the curve, for a new run."""
        self._points.clear()
        self._draw()

    def add(self, points: Iterable[Point]) -> None:
        """Take note of steps; draws at most twice a second, and only while unfolded."""
        self._points.extend(points)
        if time.monotonic() - self._drawn_at >= _INTERVAL_S:
            self._draw()

    def show_history(self, points: Iterable[Point]) -> None:
        """Show the whole of a run that has ended, steps without a frame included."""
        self._points = list(points)
        self._draw()

    def _on_toggled(self, unfolded: bool) -> None:
        if unfolded and self._plot is None:
            self._plot = _make_plot(self.palette().windowText().color().getRgb()[:3])
            layout = self._place.layout()
            assert layout is not None
            layout.addWidget(self._plot)
        self._draw()

    def _draw(self) -> None:
        if self._plot is None or not self.isExpanded():
            return
        self._drawn_at = time.monotonic()
        item = self._plot.getPlotItem()
        if not self._points:
            item.clear()
        steps = np.array([point.iteration for point in self._points])
        for name, curve in _curves(self._points).items():
            line = next((line for line in item.listDataItems() if line.name() == name), None)
            line = line or item.plot(name=name, pen=_COLOURS.get(name, _COLOURS["tv"]))
            line.setData(steps, curve)


def _curves(points: list[Point]) -> dict[str, np.ndarray]:
    """Give each term's values; zero has no logarithm and becomes a gap."""
    names = [name for name in (points[0].terms if points else {}) if points[-1].terms[name] > 0]
    values = {name: [point.terms.get(name, 0.0) for point in points] for name in names}
    if points:
        values = {"loss": [point.loss for point in points]} | values
    return {name: np.where(np.array(curve) > 0, curve, np.nan) for name, curve in values.items()}


def _make_plot(text_rgb: tuple[int, ...]) -> "PlotWidget":
    import pyqtgraph

    plot = pyqtgraph.PlotWidget(background=None)
    item = plot.getPlotItem()
    item.setLogMode(y=True)
    item.addLegend(offset=(-1, 1), colCount=4, labelTextSize="8pt", labelTextColor=text_rgb)
    item.setMenuEnabled(False)
    item.hideButtons()
    item.setMouseEnabled(x=False, y=False)
    item.showGrid(y=True, alpha=0.2)
    for side in ("left", "bottom"):
        item.getAxis(side).setPen(text_rgb)
        item.getAxis(side).setTextPen(text_rgb)
    return plot
