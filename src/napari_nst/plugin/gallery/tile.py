"""One style of the gallery: its picture, its name, and a star if it is a file."""

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QAction, QFontMetrics, QIcon, QImage, QKeyEvent, QPixmap
from qtpy.QtWidgets import QToolButton

from napari_nst.plugin.common.style import ACCENT, ACCENT_TEXT
from napari_nst.plugin.gallery.shelf import Style
from napari_nst.plugin.gallery.signs import blank_icon
from napari_nst.plugin.gallery.thumbnails import Thumbnail

TILE_PX = QSize(68, 84)
_PICTURE_PX = 56
_BADGE_PX = 18
_TEXT_PX = 10
_PRESSING = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Tile(QToolButton):
    """A button with a picture. Files have a menu and a star; those without a picture a cross.

    Signals: `picked`, `starred` with the Style and whether it is a favourite now, `removed`,
    `asked` with the sentence of a file that cannot be shown.

    Parameters
    ----------
    style
        What is picked.
    is_favourite
        Whether its star is set.
    is_current
        Whether it is the style of now.
    """

    picked = Signal(object)
    starred = Signal(object, bool)
    removed = Signal(object)
    asked = Signal(str)

    def __init__(self, style: Style, *, is_favourite: bool, is_current: bool) -> None:
        super().__init__()
        self.shows = style
        self._is_file = style.kind == "file"
        self.problem = ""
        self.star = self._badge("★" if is_favourite else "☆", "Favourite")
        self.cross = self._badge("✕", "Remove")
        self._is_favourite = is_favourite
        self.setFixedSize(TILE_PX)
        self.setIconSize(QSize(_PICTURE_PX, _PICTURE_PX))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setText(self._short(style.title))
        self.setIcon(blank_icon(_PICTURE_PX, "…"))
        border = ACCENT if is_current else "transparent"
        self.setStyleSheet(
            f"Tile {{ background: transparent; border: 2px solid {border}; border-radius: 4px;"
            f" padding: 1px; font-size: {_TEXT_PX}px; }}"
            "Tile::menu-indicator { image: none; }"
            f"Tile:hover, Tile:focus {{ background: rgba(128, 128, 128, 70);"
            f" border-color: {ACCENT_TEXT}; }}"
        )
        self._describe()
        self.clicked.connect(self._on_clicked)
        self.star.clicked.connect(lambda: self.starred.emit(style, not is_favourite))
        self.cross.clicked.connect(lambda: self.removed.emit(style))
        self.star.move(TILE_PX.width() - _BADGE_PX - 5, 3)
        self.cross.move(5, 3)
        self.star.setVisible(self._is_file)
        self.cross.hide()
        if self._is_file:
            self._add_menu()

    @property
    def parts(self) -> tuple[QToolButton, ...]:
        """The tile and the buttons in its corners."""
        return (self, self.star, self.cross)

    def show_thumbnail(self, thumbnail: Thumbnail) -> None:
        """Show the picture, or that there is none and why."""
        self.problem = thumbnail.problem
        self.cross.setVisible(bool(self.problem))
        self._describe()
        if thumbnail.pixels is None:
            self.setIcon(blank_icon(_PICTURE_PX, "?"))
            return
        height, width = thumbnail.pixels.shape[:2]
        data = thumbnail.pixels.tobytes()
        image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.setIcon(QIcon(QPixmap.fromImage(image.copy())))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Pick with Enter, remove with Delete."""
        key = None if event is None else event.key()
        if key in _PRESSING:
            self.click()
        elif key == Qt.Key.Key_Delete and self._is_file:
            self.removed.emit(self.shows)
        else:
            super().keyPressEvent(event)

    def _on_clicked(self) -> None:
        if self.problem:
            self.asked.emit(self.problem)
        else:
            self.picked.emit(self.shows)

    def _describe(self) -> None:
        """Say by tooltip and to screen readers what the tile is."""
        title = self.shows.title
        where = self.shows.name if self._is_file else f"{title}, a sample"
        self.setToolTip(self.problem or where)
        self.setAccessibleName(title)
        self.setAccessibleDescription(self.problem or where)
        self.star.setAccessibleName(f"Favourite: {title}")
        self.cross.setAccessibleName(f"Remove: {title}")

    def _short(self, title: str) -> str:
        font = self.font()
        font.setPixelSize(_TEXT_PX)
        room = TILE_PX.width() - 8
        # Names of files often differ at their ends.
        mode = Qt.TextElideMode.ElideMiddle if self._is_file else Qt.TextElideMode.ElideRight
        return QFontMetrics(font).elidedText(title, mode, room)

    def _badge(self, sign: str, tip: str) -> QToolButton:
        """Make a small button in a corner."""
        badge = QToolButton(self)
        badge.setText(sign)
        badge.setToolTip(tip)
        badge.setFixedSize(_BADGE_PX, _BADGE_PX)
        badge.setStyleSheet(
            "QToolButton { background: rgba(0, 0, 0, 150); color: white; border: none;"
            " border-radius: 4px; font-size: 12px; padding: 0px; }"
            f"QToolButton:hover, QToolButton:focus {{ background: {ACCENT_TEXT}; }}"
        )
        return badge

    def _add_menu(self) -> None:
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        star = "Remove from the favourites" if self._is_favourite else "Add to the favourites"
        for text, button in ((star, self.star), ("Remove from the gallery", self.cross)):
            action = QAction(text, self)
            action.triggered.connect(button.click)
            self.addAction(action)
