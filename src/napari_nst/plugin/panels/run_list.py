"""The list of a viewer's runs in the dock, with a menu of what can be done with each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelectionModel, QPoint, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_nst.plugin.panels.run_row import ROW_PX, RunRow
from napari_nst.runs.progress import RunState

if TYPE_CHECKING:
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.undo import Deleted
    from napari_nst.plugin.runs.viewer_run import Run


@dataclass(frozen=True)
class RunAction:
    """An entry of the menu.

    Parameters
    ----------
    title, help
        What the entry says, and its tooltip.
    act
        Does it to the selected runs, oldest first.
    when
        Whether it makes sense for them.
    group
        Entries of one group stand together.
    """

    title: str
    help: str
    act: "Callable[[list[Run]], None]"
    when: "Callable[[list[Run]], bool]"
    group: int = 0


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
        self._items: dict[Run, QListWidgetItem] = {}
        self._deleted: Deleted | None = None
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
            "<p>Bring back the runs that were deleted last, with their layers. Offered for a "
            "minute.</p>"
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
    def chosen(self) -> "list[Run]":
        """The runs selected, else the current or newest one; oldest first."""
        picked = self._picked
        current = self._session.current
        return picked or ([current] if current is not None else self._session.runs[-1:])

    @property
    def _picked(self) -> "list[Run]":
        """The runs selected, oldest first: after an undo `_items` is in another order."""
        return [run for run in self._session.runs if self._is_selected(run)]

    def row(self, run: "Run") -> RunRow:
        """Give the row of a run."""
        row = self.list.itemWidget(self._items[run])
        assert isinstance(row, RunRow)
        return row

    def select(self, run: "Run") -> None:
        """Select one run alone."""
        alone = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.list.setCurrentItem(self._items[run], alone)

    def offer_undo(self, deleted: "Deleted") -> None:
        """Show a button while there are deleted runs to bring back."""
        self._deleted = deleted
        deleted.changed.connect(self._show_undo)  # a method: it goes when the list does
        self.undo.clicked.connect(deleted.undo)

    def add_action(self, action: RunAction) -> None:
        """Append an entry to the menu."""
        self._actions.append(action)

    def menu(self) -> QMenu:
        """Make the menu of the chosen runs."""
        menu, runs = QMenu(self), self.chosen
        menu.setToolTipsVisible(True)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        group = None
        for action in sorted(self._actions, key=lambda action: action.group):
            if group not in (None, action.group):
                menu.addSeparator()
            group = action.group
            entry = menu.addAction(action.title)
            assert entry is not None
            entry.setToolTip(action.help)
            entry.setEnabled(bool(runs) and action.when(runs))
            entry.triggered.connect(lambda _=False, act=action.act, on=runs: act(on))
        return menu

    def _show_undo(self) -> None:
        count = 0 if self._deleted is None else self._deleted.count
        self.undo.setText("Undo delete" if count == 1 else f"Undo delete of {count} runs")
        self.undo.setVisible(count > 0)

    def _on_added(self, run: "Run") -> None:
        item, row = QListWidgetItem(), RunRow(run)
        item.setSizeHint(row.sizeHint())
        newer = sum(other.number > run.number for other in self._items)
        self.list.insertItem(newer, item)
        self.list.setItemWidget(item, row)
        self._items[run] = item
        self._adjust()

    def _on_changed(self, run: "Run") -> None:
        if run in self._items:
            self.row(run).refresh(run)
        self._adjust()

    def _on_removed(self, run: "Run") -> None:
        item = self._items.pop(run, None)
        if item is not None:
            self.list.takeItem(self.list.row(item))
        self._adjust()

    def _on_selected(self) -> None:
        if self._picked:
            self.selected.emit(self._picked)

    def _is_selected(self, run: "Run") -> bool:
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
