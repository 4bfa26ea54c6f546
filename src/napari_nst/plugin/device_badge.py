"""A line that says plainly what computes: CPU or GPU, and which."""

from typing import TYPE_CHECKING

from napari.qt.threading import FunctionWorker
from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QLabel

from napari_nst.plugin.torch_import import import_torch
from napari_nst.plugin.worker import translated

if TYPE_CHECKING:
    from napari_nst.core.device import DeviceReport


class DeviceBadge(QLabel):
    """Looks for the device, in a thread, when it is first shown.

    That imports torch, which a run would otherwise wait for.
    """

    def __init__(self) -> None:
        super().__init__("Looking for a GPU…")
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._worker: FunctionWorker | None = None

    def showEvent(self, event: QShowEvent | None) -> None:
        """Start looking, once."""
        super().showEvent(event)
        if self._worker is None:
            self._worker = FunctionWorker(_describe)
            self._worker.returned.connect(self._show_report)
            self._worker.errored.connect(self._show_error)
            self._worker.start()

    def _show_report(self, report: "DeviceReport") -> None:
        colour = "#2fbf71" if report.kind == "GPU" else "#8a919b"
        advice = f"<br/><i>{report.advice}</i>" if report.advice else ""
        self.setText(f'<b style="color:{colour}">{report.kind}</b>&nbsp; {report.name}{advice}')
        self.setToolTip(f"Runs compute on this {report.kind}: {report.name}")

    def _show_error(self, error: Exception) -> None:
        self.setText(str(translated(error)))


def _describe() -> "DeviceReport":
    import_torch()
    from napari_nst.core.device import describe

    return describe()
