"""Which part of the content gets which style: a layer to paint on, and a row for each region."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_nst.errors import ConfigError, ImageError, NstError
from napari_nst.plugin.common.style import calm, form_layout, narrow
from napari_nst.plugin.fields.number_box import NumberBox
from napari_nst.plugin.form.mask_picker import MaskPicker
from napari_nst.plugin.layers.captions import full_name
from napari_nst.plugin.layers.placement import Placement
from napari_nst.plugin.masks.label_image import (
    LabelReader,
    grid_size,
    label_reader,
    present_labels,
)
from napari_nst.plugin.masks.regions import DrawnRegions, default_target, read_soon
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.regions import BLEND, KEEP, MOST_LABELS, Regions, Target

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Shapes
    from napari.viewer import Viewer

    from napari_nst.plugin.form.layer_pickers import LayerPickers

_DELAY_MS = 300
"""After the last stroke or choice, before it acts."""
_SWATCH_PX, _HEAD_PX = 14, 92
_REST = 0
_TITLES = {BLEND: "All styles blended", KEEP: "Keep the content"}
_HINT = "Paint on the picture: the brush is ready. “+ Region” begins another one."
_SOFT_HELP = "How wide the regions fade into each other, in pixels of the result."


class RegionsForm(QWidget):
    """Hidden until regions are asked for.

    Signals: `beginning` before the brush is taken, `touched` a moment after something was painted
    or chosen.

    Parameters
    ----------
    viewer
        Gets the layer to paint on.
    pickers
        Content and styles.
    config
        Returns the settings of the next run.
    style_labels
        Returns the reader of the labels over a style, if it has some.
    """

    beginning = Signal()
    touched = Signal()

    def __init__(
        self,
        viewer: "Viewer",
        pickers: "LayerPickers",
        config: Callable[[], StyleConfig],
        style_labels: "Callable[[Image], LabelReader | None]",
    ) -> None:
        super().__init__()
        self._style_labels = style_labels
        self._viewer, self._pickers, self._config = viewer, pickers, config
        self._chosen: dict[int, Image | Target] = {}
        self._shown: object = None
        self.rows: dict[int, RegionRow] = {}
        self.rest_row: RegionRow | None = None
        tips = (
            "The layer that says where regions are: labels, or shapes.",
            "Paint the whole picture again; the layer stays, hidden.",
        )
        self.picker = MaskPicker(viewer, pickers, "Regions", tips)
        self.layer_box, self.off_button = self.picker.box, self.picker.off_button
        self.new_button = QPushButton("+ Region")
        self.new_button.setToolTip("<p>Take the brush for one more region, in another colour.</p>")
        self.feather = NumberBox("Soft edge", low=0, high=1000, unit="px")
        self.feather.setToolTip(f"<p>{_SOFT_HELP}</p>")
        self.feather.setAccessibleName("Soft edge of the regions")
        self.hint = QLabel(_HINT)
        self.warning = QLabel()
        self.warning.hide()
        for label in (self.hint, self.warning):
            label.setWordWrap(True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self.refresh)
        self._lay_out()
        self.picker.beginning.connect(self.beginning)
        self.picker.chosen.connect(self._on_layer)
        self.picker.painted.connect(self._on_painted)
        self.new_button.clicked.connect(self.begin_label)
        self.feather.valueChanged.connect(self._on_painted)
        pickers.styles_changed.connect(self._on_painted)
        self.hide()

    @property
    def layer(self) -> "Labels | Shapes | None":
        """The layer that says where regions are; None where there are none."""
        layer: Labels | Shapes | None = self.picker.layer
        return layer

    def begin(self) -> None:
        """Take the brush for the regions; raises ImageError if the content cannot be seen."""
        self.picker.begin()

    def begin_label(self) -> None:
        """Take the brush for a region that is not painted yet."""
        self.begin()
        self._take_label(max(self.rows, default=0) + 1)

    def end(self) -> None:
        """Have no regions any more."""
        self.picker.end()

    def reset_choices(self) -> None:
        """Follow the viewer's layer list."""
        self.layer_box.reset_choices()

    def drawn(
        self, place: Placement, styles: "Sequence[Image] | None" = None
    ) -> DrawnRegions | None:
        """Return the regions of now; None where nothing is painted.

        Parameters
        ----------
        place
            Of the content.
        styles
            Those of the run; by default those of now.

        Raises
        ------
        ConfigError
            If a region is to get a style that the run has not, or a number does not fit.
        """
        if self.layer is None:
            return None
        styles = self._pickers.styles if styles is None else styles
        targets = {label: self._target(label, styles) for label in self._labels()}
        if not targets:
            return None
        feather = self.feather.read()
        readers = tuple(self._style_labels(style) for style in styles)
        return DrawnRegions(
            label_reader(self.layer, place, self._viewer.dims),
            grid_size(place),
            targets,
            self._target(_REST, styles),
            0.0 if feather is None else feather,
            readers if any(readers) else (),
        )

    def choose(self, label: int, choice: "Image | Target") -> None:
        """Let a region get a style, all of them (BLEND), or keep the content (KEEP)."""
        self._chosen[label] = choice
        self._timer.start()

    def refresh(self) -> None:
        """Show the regions that there are now, and tell that they may be others."""
        if self.layer is None:
            return
        try:
            labels, problem = self._labels(), ""
        except ImageError as error:
            labels, problem = [], str(error)
        styles = self._pickers.styles
        self.hint.setText(problem or _HINT)
        self.hint.setVisible(bool(problem) or not labels)
        shown = (self.layer, labels, [(style, full_name(style)) for style in styles])
        if shown != self._shown:
            self._shown = shown
            self._show_rows([*labels, _REST], styles)
        self.warn()
        self.touched.emit()

    def warn(self) -> None:
        """Name the regions that are too small for a style layer, before a run."""
        self.warning.hide()
        if self.layer is None or self._pickers.content_layer() is None:
            return
        try:
            drawn = self.drawn(self._pickers.content_placement())
        except NstError:
            return  # Run says it
        if drawn is not None:
            read_soon(drawn, self._warn_of, lambda _: None)

    def _warn_of(self, regions: Regions) -> None:
        try:
            config = self._config()
        except NstError:
            return
        height, width = self._pickers.content_placement().size
        factor = (config.size or max(height, width)) / max(height, width)
        size = round(height * factor), round(width * factor)
        small = regions.vanishing(size, config.style_layers)
        self.warning.setText(
            " ".join(
                f"{_name_of(label)} is too small for the style's coarse forms "
                f"({', '.join(layers)}). Paint it larger, or choose a larger Size."
                for label, layers in small.items()
            )
        )
        self.warning.setVisible(bool(small))

    def _labels(self) -> list[int]:
        assert self.layer is not None
        return present_labels(self.layer, self._viewer.dims)

    def _target(self, label: int, styles: "Sequence[Image]") -> Target:
        """Return what a region gets, its style as a number."""
        choice = self._choice(label, styles)
        if choice in styles:
            return list(styles).index(choice)
        if choice in self._pickers.styles:
            raise ConfigError(
                f"{_name_of(label)} is to get the style {full_name(choice)!r}, which this run has "
                "not. Choose another one under Regions."
            )
        return choice

    def _choice(self, label: int, styles: "Sequence[Image]") -> "Image | Target":
        """Return what was chosen, unless that style is gone; else the default."""
        choice = self._chosen.get(label)
        known = (*self._pickers.styles, *styles, BLEND, KEEP)
        return choice if choice in known else default_target(label, len(styles))

    def _show_rows(self, labels: list[int], styles: "Sequence[Image]") -> None:
        for row in (*self.rows.values(), self.rest_row):
            if row is not None:
                self._rows.removeWidget(row)
                row.deleteLater()
        self.rows, self.rest_row = {}, None
        for label in labels:
            choice = self._choice(label, styles)
            picked = styles[choice] if isinstance(choice, int) and styles else choice
            row = RegionRow(_name_of(label), self._colour(label), styles, picked)
            row.swatch.clicked.connect(partial(self._take_label, label))
            row.target.activated.connect(partial(self._on_target, label))
            self._rows.addWidget(row)
            if label:
                self.rows[label] = row
            else:
                self.rest_row = row

    def _on_target(self, label: int, place: int) -> None:
        row = self.rows[label] if label else self.rest_row
        assert row is not None
        self.choose(label, row.target.itemData(place))

    def _colour(self, label: int) -> QColor | None:
        from napari.layers import Labels

        layer = self.layer
        if layer is None or label == _REST:
            return None
        colour = (
            layer.get_color(label) if isinstance(layer, Labels) else layer.face_color[label - 1]
        )
        return None if colour is None else QColor.fromRgbF(*map(float, colour[:3]))

    def _take_label(self, label: int, _: bool = False) -> None:
        """Take the brush for a region."""
        from napari.layers import Labels

        self._viewer.layers.selection.active = self.layer
        if isinstance(self.layer, Labels):
            self.layer.selected_label = min(label, MOST_LABELS)
            self.layer.mode = "paint"

    def _on_layer(self) -> None:
        self.setVisible(self.layer is not None)
        if self.layer is None:
            self._shown = None
            self.touched.emit()
        else:
            self.refresh()

    def _on_painted(self, _: object = None) -> None:
        self._timer.start()

    def _lay_out(self) -> None:
        top = form_layout()
        self.picker.add_to(top)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        below = QHBoxLayout()
        below.addWidget(self.new_button)
        below.addStretch(1)
        below.addWidget(QLabel("Soft edge"))
        below.addWidget(self.feather)
        calm(self.feather)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(self.hint)
        column.addLayout(self._rows)
        column.addWidget(self.warning)
        column.addLayout(below)
        narrow(self)


class RegionRow(QWidget):
    """One region: its colour, its name, and what it gets.

    Parameters
    ----------
    name
        Of the region.
    colour
        As its layer shows it; None for what is unlabelled.
    styles
        Which styles it can get.
    choice
        What it gets: one of them, BLEND or KEEP.
    """

    def __init__(
        self,
        name: str,
        colour: QColor | None,
        styles: "Sequence[Image]",
        choice: "Image | Target",
    ) -> None:
        super().__init__()
        self.swatch, self.target = QPushButton(name), QComboBox()
        head: QWidget = QLabel(name) if colour is None else self.swatch
        head.setMinimumWidth(_HEAD_PX)
        if colour is not None:
            pixmap = QPixmap(_SWATCH_PX, _SWATCH_PX)
            pixmap.fill(colour)
            self.swatch.setIcon(QIcon(pixmap))
            self.swatch.setToolTip("<p>Take the brush for this region.</p>")
        for style in styles:
            self.target.addItem(full_name(style), style)
        for target in (BLEND, KEEP) if len(styles) > 1 else (KEEP,):
            self.target.addItem(_TITLES[target], target)
        choices = [self.target.itemData(place) for place in range(self.target.count())]
        wanted = choice if choice in choices else choices[0]
        self.target.setCurrentIndex(choices.index(wanted))
        self.target.setAccessibleName(f"What {name} gets")
        calm(self.target)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(head)
        line.addWidget(self.target, stretch=1)
        narrow(self)


def _name_of(label: int) -> str:
    return f"Region {label}" if label else "Elsewhere"
