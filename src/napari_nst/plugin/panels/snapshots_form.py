"""How many snapshots of a run are kept, and what to do with them."""

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_nst.plugin.common.style import form_layout

if TYPE_CHECKING:
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import ViewerRun

_MIB = 2**20
_EVERY_HELP = (
    "Steps between two snapshots that are kept during a run. “none” keeps only those that you pin."
)
_MEMORY_HELP = (
    "What the snapshots of all runs may take. Over it every other one goes; the first, the last, "
    "the best and the pinned ones stay."
)


class SnapshotsForm(QWidget):
    """Edits the session's history settings; the dock connects its buttons.

    Parameters
    ----------
    session
        Gets the settings.
    """

    def __init__(self, session: "Session") -> None:
        super().__init__()
        self._session = session
        self.every = QSpinBox()
        self.every.setRange(0, 10_000)
        self.every.setSpecialValueText("none")
        self.every.setSuffix(" steps")
        self.every.setToolTip(f"<p>{_EVERY_HELP}</p>")
        self.memory = QSpinBox()
        self.memory.setRange(16, 65536)
        self.memory.setSuffix(" MiB")
        self.memory.setToolTip(f"<p>{_MEMORY_HELP}</p>")
        self.show_stack = QPushButton("Scrub")
        self.show_stack.setToolTip(
            "<p>Show all snapshots of the run as one layer: napari's slider below the picture "
            "scrubs through the run. Again brings it up to date.</p>"
        )
        self.pin = QPushButton("Pin")
        self.pin.setToolTip("<p>Keep the picture that is seen as a layer of its own.</p>")
        self.best = QPushButton("Best so far")
        self.best.setToolTip(
            "<p>The snapshot of lowest loss at the final scale since the last change, as a layer "
            "of its own.</p>"
        )
        self._lay_out()
        self.refresh()
        self.offer(None)
        self.every.valueChanged.connect(self._put)
        self.memory.valueChanged.connect(self._put)

    def refresh(self) -> None:
        """Show the session's settings, as when preferences have changed them."""
        with QSignalBlocker(self.every), QSignalBlocker(self.memory):
            self.every.setValue(self._session.snapshot_every or 0)
            self.memory.setValue(self._session.snapshot_bytes // _MIB)

    def offer(self, run: "ViewerRun | None") -> None:
        """Enable what there is of the run that the buttons act on."""
        self.show_stack.setEnabled(run is not None and bool(run.snapshots.kept))
        self.pin.setEnabled(run is not None and run.picture is not None)
        self.best.setEnabled(run is not None and run.snapshots.best() is not None)

    def _put(self) -> None:
        self._session.snapshot_every = self.every.value() or None
        self._session.snapshot_bytes = self.memory.value() * _MIB

    def _lay_out(self) -> None:
        rows = form_layout()
        rows.addRow("Keep one every", self.every)
        rows.addRow("Memory", self.memory)
        buttons = QHBoxLayout()
        for button in (self.show_stack, self.pin, self.best):
            buttons.addWidget(button, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addLayout(rows)
