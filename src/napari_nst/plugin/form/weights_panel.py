"""Asks before weights are downloaded, and shows the download in the dock."""

import threading

from napari.qt.threading import FunctionWorker
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from napari_nst import weights
from napari_nst.errors import DownloadCancelled
from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.common.style import make_bar, plain, primary
from napari_nst.runs.progress import megabytes_text

_POLL_MS = 200

_QUESTION = (
    "ImageNet's VGG-19 weights are not on this computer. Download them once from "
    f"pytorch.org? {weights.IMAGENET.size_bytes / 1e6:.0f} MB, of which 80 MB stay on disk."
)

_SUGGESTION = (
    "Painting with the built-in features. A larger set, ImageNet's, was trained on photographs and "
    "knows more of them. Download it once from pytorch.org? "
    f"{weights.IMAGENET.size_bytes / 1e6:.0f} MB, of which 80 MB stay on disk."
)


def falls_back_on_builtin(choice: str) -> bool:
    """Whether "auto" will take the built-in features, for want of ImageNet's weights."""
    usable = {place.weights for place in weights.status() if place.usable}
    return choice == "auto" and usable == {"builtin"}


def lacks_weights(choice: str) -> bool:
    """Whether a choice of weights needs a download first."""
    usable = {place.weights for place in weights.status() if place.usable}
    if choice == "imagenet":
        return "imagenet" not in usable
    return choice == "auto" and not usable


class Transfer:
    """What a download's thread and the GUI tell each other."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.done_and_total = (0, 0)
        self.waits = False

    def report(self, done: int, total: int) -> None:
        """Record how many bytes have arrived, in the download's thread."""
        self.done_and_total = (done, total)

    def wait(self) -> None:
        """Say that another program downloads; called in the download's thread."""
        self.waits = True

    def fetch(self) -> None:
        """Download in the calling thread; raises DownloadError."""
        weights.download(progress=self.report, cancelled=self.cancelled.is_set, waiting=self.wait)


class _Download(FunctionWorker):  # type: ignore[misc] # napari ships no types
    """The thread of a transfer; quitting it cancels the transfer, as at Python's end."""

    def __init__(self, transfer: Transfer) -> None:
        super().__init__(transfer.fetch)
        self._transfer = transfer

    def quit(self) -> None:
        """Cancel the download at its next piece; what came is kept."""
        self._transfer.cancelled.set()
        super().quit()


class WeightsPanel(QFrame):
    """A question, then a progress bar; hidden while there is nothing to ask.

    Signals: `ready` when the weights that a run asked for are there, `refused` with a message
    when they are not, `declined` when the user wants no such suggestion again.

    Attributes
    ----------
    asks
        Whether a download waits for an answer, as the preferences say.
    suggests
        Whether a run on the built-in features may offer ImageNet's, as the preferences say.
    """

    ready = Signal()
    refused = Signal(str)
    declined = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel(_QUESTION)
        self.text.setWordWrap(True)
        self.bar = make_bar()
        self.yes = QPushButton("Download")
        self.no = QPushButton("Not now")
        self.asks = self.suggests = True
        self._suggested = False
        self._for_a_run = False
        self._transfer: Transfer | None = None
        self._worker: _Download | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._show_progress)
        self.yes.clicked.connect(self._start)
        self.no.clicked.connect(self._decline)
        self._lay_out()
        self.hide()

    def ask(self) -> None:
        """Show the question, or download at once where none is wanted."""
        self._for_a_run = True
        if self._worker is not None:
            return
        if not self.asks:
            self._start()
            self.no.setEnabled(True)
            self.show()
            return
        primary(self.yes)
        self._pose(_QUESTION)

    def suggest(self) -> None:
        """Say, once, that runs use the built-in features, and offer ImageNet's."""
        if self._worker is None and self.suggests and not self._suggested:
            self._suggested = True
            self._for_a_run = False
            plain(self.yes)  # it is Run that people look for
            self._pose(_SUGGESTION)

    def cancel(self) -> None:
        """End a download, if one is on; what came is kept for a resume."""
        if self._transfer is not None:
            self._transfer.cancelled.set()

    def _pose(self, question: str) -> None:
        self.text.setText(question)
        self.bar.hide()
        self.yes.show()
        self.no.setText("Not now")
        self.no.setEnabled(True)
        self.show()

    def _start(self) -> None:
        self._transfer = Transfer()
        self._worker = _Download(self._transfer)
        self._worker.returned.connect(self._on_ready)
        self._worker.errored.connect(self._on_error)
        self._worker.start()
        self.bar.setRange(0, 0)
        self.bar.show()
        self.yes.hide()
        self.no.setText("Cancel")
        self.text.setText("Connecting…")
        self._timer.start()

    def _decline(self) -> None:
        if self._worker is None:
            self.hide()
            if self._for_a_run:
                self.refused.emit("Nothing was downloaded. Choose other weights to run without.")
            else:
                self.suggests = False
                self.declined.emit()
            return
        self.cancel()
        self.no.setEnabled(False)
        self.text.setText("Cancelling…")

    def _show_progress(self) -> None:
        if self._transfer is None or self._transfer.cancelled.is_set():
            return
        done, total = self._transfer.done_and_total
        if done:
            self.text.setText(f"Downloading weights: {megabytes_text(done, total)}")
            self.bar.setRange(0, max(1, total // 1000))
            self.bar.setValue(done // 1000)
        elif self._transfer.waits:
            self.text.setText("Another download is running; waiting for it…")

    def _on_ready(self) -> None:
        self._close()
        if self._for_a_run:
            self.ready.emit()

    def _on_error(self, error: Exception) -> None:
        self._close()
        cancelled = isinstance(error, DownloadCancelled)
        kept = "The download was cancelled; what came is kept, and Run asks again."
        self.refused.emit(kept if cancelled else str(translated(error)))

    def _close(self) -> None:
        self._timer.stop()
        self._transfer = self._worker = None
        self.hide()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.yes)
        buttons.addWidget(self.no)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addWidget(self.bar)
        column.addLayout(buttons)
