"""The list of a viewer's runs in the dock: a row for each, and a menu of what can be done."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QItemSelectionModel, QPoint, QSize, Qt, Signal
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_nst.files.depth import as_uint8
from napari_nst.files.user_presets import differences
from napari_nst.plugin.common.style import NAME_MARGIN_PX
from napari_nst.plugin.panels.run_menu import RunAction
from napari_nst.plugin.panels.run_panel import STATE_COLOURS
from napari_nst.runs.progress import RunState, duration_text, loss_text
from napari_nst.settings.text import settings_text

if TYPE_CHECKING:
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.undo import UndoStack
    from napari_nst.plugin.runs.viewer_run import ViewerRun
    from napari_nst.settings.config import StyleConfig

THUMBNAIL_PX = 40
ROW_PX = 56


class _Rows(QListWidget):
    """A list whose rows stay as wide as itself; Qt lets those of an earlier width stick out."""

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()
        self.executeDelayedItemsLayout()
        self.updateEditorGeometries()


class RunsList(QWidget):
    """Every run of the session, the newest on top.

    Signals: `selected` with the list of runs chosen.

    Parameters
    ----------
    session
        The runs.
    """

    selected = Signal(list)

    def __init__(self, session: "Session") -> None:
        super().__init__()
        self._session = session
        self._actions: list[RunAction] = []
        self._items: dict[ViewerRun, QListWidgetItem] = {}
        self._undo_stack: UndoStack | None = None
        self.list = _Rows()
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.setAccessibleName("Runs")
        self.actions_button = QPushButton("Actions")
        self.actions_button.setToolTip(
            "<p>What can be done with the chosen runs; a right click on a run does the same.</p>"
        )
        self.cancel_all = QPushButton("Cancel all")
        self.cancel_all.setToolTip("<p>Stop the run that computes and empty the queue.</p>")
        self.undo = QPushButton()
        self.undo.setToolTip(
            "<p>Bring back the runs that were deleted last, with their layers, for a minute; or "
            "the colours that a result had before. Ctrl+Z in this dock</p>"
        )
        self.undo.hide()
        self._lay_out()
        self.list.itemSelectionChanged.connect(self._on_selected)
        self.list.customContextMenuRequested.connect(self._on_menu)
        self.actions_button.clicked.connect(self._on_button)
        self.cancel_all.clicked.connect(session.cancel_all)
        session.added.connect(self._on_added)
        session.changed.connect(self._on_changed)
        session.ended.connect(self._on_changed)
        session.removed.connect(self._on_removed)
        session.queue.changed.connect(self._adjust)
        for run in session.runs:
            self._on_added(run)
        self._adjust()

    @property
    def chosen(self) -> "list[ViewerRun]":
        """The runs selected, else the current or newest one; oldest first."""
        picked = self._picked
        current = self._session.current
        return picked or ([current] if current is not None else self._session.runs[-1:])

    @property
    def _picked(self) -> "list[ViewerRun]":
        """The runs selected, oldest first: after an undo `_items` is in another order."""
        return [run for run in self._session.runs if self._is_selected(run)]

    def row(self, run: "ViewerRun") -> "RunRow":
        """Return the row of a run."""
        row = self.list.itemWidget(self._items[run])
        assert isinstance(row, RunRow)
        return row

    def select(self, run: "ViewerRun") -> None:
        """Select one run alone."""
        alone = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.list.setCurrentItem(self._items[run], alone)

    def offer_undo(self, stack: "UndoStack") -> None:
        """Show a button while there is something to undo."""
        self._undo_stack = stack
        stack.changed.connect(self._show_undo)  # a method: it goes when the list does
        self.undo.clicked.connect(stack.undo)

    def add_action(self, action: RunAction) -> None:
        """Append an entry to the menu."""
        self._actions.append(action)

    def menu(self) -> QMenu:
        """Make the menu of the chosen runs."""
        menu, runs = QMenu(self), self.chosen
        menu.setToolTipsVisible(True)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        group, within = None, {"": menu}
        for action in sorted(self._actions, key=lambda action: action.group):
            if group not in (None, action.group):
                menu.addSeparator()
            group = action.group
            if action.submenu not in within:
                within[action.submenu] = QMenu(action.submenu, menu)
                within[action.submenu].setToolTipsVisible(True)
                menu.addMenu(within[action.submenu])
            entry = within[action.submenu].addAction(action.title)
            assert entry is not None
            entry.setToolTip(action.help)
            entry.setEnabled(bool(runs) and action.when(runs))
            entry.triggered.connect(lambda _=False, act=action.act, on=runs: act(on))
        return menu

    def _show_undo(self) -> None:
        text = "" if self._undo_stack is None else self._undo_stack.text
        self.undo.setText(text)
        self.undo.setVisible(bool(text))

    def _on_added(self, run: "ViewerRun") -> None:
        item, row = QListWidgetItem(), RunRow(run)
        item.setSizeHint(row.sizeHint())
        newer = sum(other.number > run.number for other in self._items)
        self.list.insertItem(newer, item)
        self.list.setItemWidget(item, row)
        self._items[run] = item
        self._adjust()

    def _on_changed(self, run: "ViewerRun") -> None:
        if run in self._items:
            self.row(run).refresh(run)
        self._adjust()

    def _on_removed(self, run: "ViewerRun") -> None:
        item = self._items.pop(run, None)
        if item is not None:
            self.list.takeItem(self.list.row(item))
        self._adjust()

    def _on_selected(self) -> None:
        if self._picked:
            self.selected.emit(self._picked)

    def _is_selected(self, run: "ViewerRun") -> bool:
        item = self._items.get(run)
        return item is not None and item.isSelected()

    def _on_menu(self, at: QPoint) -> None:
        viewport = self.list.viewport()
        if viewport is not None:
            self.menu().exec(viewport.mapToGlobal(at))

    def _on_button(self) -> None:
        self.menu().exec(self.actions_button.mapToGlobal(QPoint(0, self.actions_button.height())))

    def _adjust(self) -> None:
        """Be as high as all rows, for the dock scrolls already, and offer what there is to do."""
        count = len(self._items)
        self.list.setFixedHeight(count * ROW_PX + 2)
        self.actions_button.setEnabled(count > 0)
        waiting = any(run.state is RunState.WAITING for run in self._items)
        self.cancel_all.setEnabled(waiting or self._session.busy)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.actions_button, stretch=1)
        buttons.addWidget(self.cancel_all, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self.undo)
        column.addWidget(self.list)


class RunRow(QWidget):
    """Shows one run, which it does not keep; `refresh` when the run has changed.

    Parameters
    ----------
    run
        The run.
    """

    def __init__(self, run: "ViewerRun") -> None:
        super().__init__()
        self.thumbnail = QLabel()
        self.thumbnail.setFixedSize(THUMBNAIL_PX, THUMBNAIL_PX)
        self.thumbnail.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.name = QElidingLabel(run.name)
        self.name.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.status = QLabel()
        self.settings = QElidingLabel()
        self.settings.setStyleSheet("font-size: 11px;")
        self.settings.ensurePolished()  # else it is cut to the width of larger letters
        for label in (self.name, self.settings):
            label.setEllipsesWidth(NAME_MARGIN_PX)
        self._drawn: int | None = None
        self._config: StyleConfig | None = None
        self._lay_out()
        self.refresh(run)

    def refresh(self, run: "ViewerRun") -> None:
        """Show how the run is doing now."""
        self.name.setText(run.name)
        colour = STATE_COLOURS[run.state]
        self.status.setText(
            f'<span style="color:{colour}">●</span> {" · ".join([run.state.value, *facts(run)])}'
        )
        if (config := run.config) != self._config:
            self._config = config
            described = settings_text(differences(config, run.plan.preset))
            self.settings.setText(described or "as the preset")
        self.setToolTip(f"<p><b>{run.name}</b><br/>{run.text}<br/>{self.settings.text()}</p>")
        picture = run.picture
        if picture is not None and picture.ctypes.data != self._drawn:
            self._drawn = picture.ctypes.data
            self.thumbnail.setPixmap(pixmap(as_uint8(small(picture))))

    def sizeHint(self) -> QSize:
        """Ask for a row of one height, whatever its width."""
        return QSize(100, ROW_PX)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 2, 4, 2)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(0)
        grid.addWidget(self.thumbnail, 0, 0, 3, 1)
        for row, label in enumerate((self.name, self.status, self.settings)):
            grid.addWidget(label, row, 1)
        grid.setColumnStretch(1, 1)


def facts(run: "ViewerRun") -> list[str]:
    """Return step, loss and time of a run in short, as far as they are known."""
    if run.state is RunState.WAITING:
        return [run.text.rstrip(".").lower()]
    if not run.points:
        return [] if run.record is None else [f"{run.record.steps_done} steps"]
    last = run.points[-1]
    on = run.state in (RunState.RUNNING, RunState.PAUSED, RunState.STOPPING)
    seconds = last.seconds if run.result is None else run.result.seconds
    progress = f"step {last.iteration}" if on else duration_text(seconds)
    return [progress, loss_text(last.loss)]


def small(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Take every n-th pixel, so that the longest side is near the thumbnail's, never below."""
    stride = max(1, max(picture.shape[:2]) // (2 * THUMBNAIL_PX))
    return picture[::stride, ::stride]


def pixmap(picture: npt.NDArray[np.uint8], side_px: int = THUMBNAIL_PX) -> QPixmap:
    """Make a thumbnail of a picture, shape (H, W, 3) or (H, W, 4)."""
    pixels = np.ascontiguousarray(picture)
    height, width, channels = pixels.shape
    form = QImage.Format.Format_RGBA8888 if channels == 4 else QImage.Format.Format_RGB888
    image = QImage(pixels.tobytes(), width, height, width * channels, form)
    return QPixmap.fromImage(image).scaled(
        side_px,
        side_px,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
