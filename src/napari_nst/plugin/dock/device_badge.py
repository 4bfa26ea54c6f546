"""A line that says plainly what computes: CPU or GPU, and which."""

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QLabel

from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.common.torch_import import import_torch

if TYPE_CHECKING:
    from napari_nst.core.device import DeviceReport

_POLL_MS = 100


class DeviceBadge(QLabel):
    """Looks for the device, in a thread, when it is first shown.

    That imports torch, which a run would otherwise wait for. The thread touches nothing of Qt:
    a viewer may close, and Qt end, while it is still importing.
    """

    def __init__(self) -> None:
        super().__init__("Looking for a GPU…")
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._search: _Search | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Start looking, once."""
        super().showEvent(event)
        if self._search is None:
            self._search = _Search()
            # No daemon: a thread that is cut off inside of torch takes the process down with it.
            threading.Thread(target=self._search.look).start()
            self._timer.start()

    def _poll(self) -> None:
        assert self._search is not None
        found = self._search.found
        if found is None:
            return
        self._timer.stop()
        if isinstance(found, Exception):
            self.setText(str(translated(found)))
        else:
            self._show_report(found)

    def _show_report(self, report: "DeviceReport") -> None:
        colour = "#2fbf71" if report.kind == "GPU" else "#8a919b"
        advice = f"<br/><i>{report.advice}</i>" if report.advice else ""
        self.setText(f'<b style="color:{colour}">{report.kind}</b>&nbsp; {report.name}{advice}')
        self.setToolTip(f"Runs compute on this {report.kind}: {report.name}")


class _Search:
    """What the thread found, or the error it met."""

    def __init__(self) -> None:
        self.found: DeviceReport | Exception | None = None

    def look(self) -> None:
        try:
            self.found = _describe()
        except Exception as error:  # noqa: BLE001 - a thread's border: the badge shows it
            self.found = error


def _describe() -> "DeviceReport":
    import_torch()
    from napari_nst.core.device import describe

    return describe()
