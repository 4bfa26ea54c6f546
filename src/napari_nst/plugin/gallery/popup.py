"""The gallery: thumbnails in groups, in a window that one choice closes."""

import re
from collections.abc import Iterable, Mapping

from qtpy.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QHideEvent, QKeyEvent
from qtpy.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_nst.plugin.gallery.shelf import Style
from napari_nst.plugin.gallery.thumbnails import Thumbnails
from napari_nst.plugin.gallery.tile import TILE_PX, Tile

COLUMNS = 4
_GAP_PX = 3
_SCROLLBAR_PX = 14
_HIGHEST_PX = 520
_FRAME_COLOUR = "#8a919b"
_POLL_MS = 100
_HINT = "Files used as a style appear here; the star keeps them."
_DIRECTIONS = {
    Qt.Key.Key_Left: QPoint(-1, 0),
    Qt.Key.Key_Right: QPoint(1, 0),
    Qt.Key.Key_Up: QPoint(0, -1),
    Qt.Key.Key_Down: QPoint(0, 1),
}


class GalleryPopup(QDialog):
    """Shows styles and asks what to do with them; closes when one is picked, and at Escape.

    Signals: `picked`, `starred` with a Style and whether it is to be a favourite, `removed`.

    Parameters
    ----------
    parent
        The button that it opens from.
    thumbnails
        Makes the pictures.
    """

    picked = Signal(object)
    starred = Signal(object, bool)
    removed = Signal(object)

    def __init__(self, parent: QWidget, thumbnails: Thumbnails) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setWindowTitle("Styles")
        self.setAccessibleName("Gallery of styles")
        self.setObjectName("gallery")
        self.setStyleSheet(f"#gallery {{ border: 1px solid {_FRAME_COLOUR}; }}")
        self.tiles: list[Tile] = []
        self.message = QLabel(_HINT)
        self.message.setWordWrap(True)
        self._thumbnails = thumbnails
        self._shown: dict[Style, object] = {}
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 4, 6)
        column.addWidget(self._scroll, stretch=1)
        column.addWidget(self.message)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    def show_groups(
        self,
        groups: Mapping[str, Iterable[Style]],
        *,
        favourites: Iterable[str],
        current: Style | None,
    ) -> None:
        """List styles under headings; empty groups are left out.

        Parameters
        ----------
        groups
            Headings and styles.
        favourites
            Paths whose star is set.
        current
            The style of now, which is marked.
        """
        starred, focused = set(favourites), self._focused()
        self.tiles, self._shown = [], {}
        inside, rows = QWidget(), QVBoxLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        for title, styles in groups.items():
            tiles = [
                self._tile(style, is_favourite=style.name in starred, is_current=style == current)
                for style in styles
            ]
            if tiles:
                rows.addWidget(QLabel(f"<b>{title}</b>"))
                rows.addLayout(_grid(tiles))
                self.tiles += tiles
        rows.addStretch(1)
        inside.setLayout(rows)
        self._scroll.setWidget(inside)  # deletes the one before
        self.message.setText(_HINT)
        self._focus(focused or current)
        self._thumbnails.ask([tile.shows for tile in self.tiles])
        self._poll()
        self._timer.start()

    def open_below(self, anchor: QWidget) -> None:
        """Show beside a widget, as high as there is need and room for, within the screen."""
        inside = self._scroll.widget()
        screen = anchor.screen()
        assert inside is not None
        assert screen is not None
        width = COLUMNS * TILE_PX.width() + (COLUMNS - 1) * _GAP_PX + _SCROLLBAR_PX
        self._scroll.setFixedWidth(width)
        room = screen.availableGeometry()
        wanted = inside.sizeHint().height() + self.message.heightForWidth(width) + 24
        height = min(wanted, _HIGHEST_PX, room.height())
        self.resize(QSize(width + 12, height))
        at = anchor.mapToGlobal(QPoint(anchor.width() - self.width(), anchor.height() + 2))
        x = min(max(at.x(), room.left()), room.right() - self.width())
        y = min(max(at.y(), room.top()), room.bottom() - self.height())
        self.move(x, y)
        self.show()
        self._focus(self._focused())

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Make no more pictures."""
        super().hideEvent(event)
        self._timer.stop()
        self._thumbnails.drop()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Move with the arrows to the next tile in their direction, from a tile or its star."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        step = _DIRECTIONS.get(Qt.Key(event.key()))
        here = next((tile for tile in self.tiles if watched in tile.parts), None)
        if step is None or here is None:
            return False
        if (tile := self._tile_towards(step, here)) is not None:
            tile.setFocus(Qt.FocusReason.TabFocusReason)
            self._scroll.ensureWidgetVisible(tile)
        return True

    def _tile(self, style: Style, *, is_favourite: bool, is_current: bool) -> Tile:
        tile = Tile(style, is_favourite=is_favourite, is_current=is_current)
        tile.picked.connect(self._on_picked)
        tile.starred.connect(self.starred)
        tile.removed.connect(self.removed)
        tile.asked.connect(self._say)
        for part in tile.parts:
            part.installEventFilter(self)
        return tile

    def _on_picked(self, style: Style) -> None:
        self.hide()
        self.picked.emit(style)

    def _say(self, sentence: str) -> None:
        # Zero-width spaces, for Qt breaks no line within a path.
        self.message.setText(re.sub(r"([/\\_-])", "\\1\u200b", sentence))

    def _focused(self) -> Style | None:
        return next((tile.shows for tile in self.tiles if tile.hasFocus()), None)

    def _focus(self, style: Style | None) -> None:
        """Give a tile the focus, the first one if there is none of that style."""
        chosen = [tile for tile in self.tiles if tile.shows == style] or self.tiles
        if chosen:
            chosen[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def _tile_towards(self, step: QPoint, here: Tile) -> Tile | None:
        """Find the nearest tile in a direction; None at the gallery's edge."""
        inside = self._scroll.widget()
        assert inside is not None
        found: list[tuple[int, int]] = []
        start = here.mapTo(inside, QPoint(0, 0))
        for number, tile in enumerate(self.tiles):
            way = tile.mapTo(inside, QPoint(0, 0)) - start
            along = way.x() * step.x() + way.y() * step.y()
            across = abs(way.x() * step.y()) + abs(way.y() * step.x())
            if along > 0 and (step.y() or not across):
                found.append((along * 10 + across, number))
        return self.tiles[min(found)[1]] if found else None

    def _poll(self) -> None:
        """Show the thumbnails that have come."""
        for tile in self.tiles:
            thumbnail = self._thumbnails.get(tile.shows)
            if thumbnail is not None and self._shown.get(tile.shows) is not thumbnail:
                self._shown[tile.shows] = thumbnail
                tile.show_thumbnail(thumbnail)
        if not self._thumbnails.is_working:
            self._timer.stop()


def _grid(tiles: list[Tile]) -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(_GAP_PX)
    for number, tile in enumerate(tiles):
        grid.addWidget(tile, number // COLUMNS, number % COLUMNS)
    grid.setColumnStretch(COLUMNS, 1)
    return grid
