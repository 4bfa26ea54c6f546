"""The line above Run that says what a run will take, and the buttons that make it fit.

Estimates come from a thread: they import torch and may time the device.
"""

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_nst.errors import DeviceMemoryError, NstError, Remedy, TooLargeError
from napari_nst.planning.text import estimate_text, memory_words
from napari_nst.plugin.common.torch_import import import_torch
from napari_nst.plugin.runs.worker import thread_count
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_nst.planning.estimate import Estimate
    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import ViewerRun

_POLL_MS = 400
_WINDOWS = "; the whole picture does not fit, so it is worked on by windows: the result is the same"
_FITS, _TOO_LARGE = "#8a919b", "#e5604c"

Size = tuple[int, int]


@dataclass(frozen=True)
class Question:
    """A run that might be started.

    Parameters
    ----------
    config
        Its settings.
    content, styles
        Height and width of its pictures.
    device
        As in RunRequest.
    """

    config: StyleConfig
    content: Size
    styles: tuple[Size, ...]
    device: str


@dataclass(frozen=True)
class Answer:
    """What a run would take.

    Parameters
    ----------
    question
        What was asked.
    estimate
        None where `problem` says why not.
    remedies
        What would fit, where the run does not.
    problem
        Why there is no estimate.
    """

    question: Question
    estimate: "Estimate | None" = None
    remedies: tuple[Remedy, ...] = ()
    problem: str = ""


class EstimatePanel(QWidget):
    """Follows the form by looking at it, for no signal tells of all that an estimate depends on.

    Signals: `run_asked` when a run that memory ran out on is to be run again, changed.

    Parameters
    ----------
    viewer
        Which slice of the layers is shown.
    form
        Settings and pictures; gets the changes that are chosen.
    session
        Its device computes; its runs that end for want of memory are offered again.
    """

    run_asked = Signal()

    def __init__(self, viewer: "Viewer", form: "SettingsForm", session: "Session") -> None:
        super().__init__()
        self._viewer, self._form, self._session = viewer, form, session
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.buttons: list[QPushButton] = []
        self.estimator = Estimator()
        self._asked: Question | None = None
        self._shown: object = None
        self._failed = False
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)
        session.ended.connect(self._on_ended)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.text)
        self.hide_all()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Look at the form while there is someone to see it."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Look no more."""
        super().hideEvent(event)
        self._timer.stop()

    def hide_all(self) -> None:
        """Show nothing, but keep the place."""
        self.text.clear()
        self._offer(())

    def _poll(self) -> None:
        # While a run computes, its load would pass for the device's own speed.
        question = None if self._session.busy else self._question()
        if question != self._asked:
            self._asked, self._failed = question, False
            self._form.style_list.show_px(())
            if question is None:
                self.hide_all()
                return
            self.text.setText(f'<span style="color:{_FITS}">Estimating…</span>')
            self._offer(())
            self._shown = None
            self.estimator.ask(question)
        answer = self.estimator.answer
        if answer is not None and answer is not self._shown and not self._failed:
            self._shown = answer
            if answer.question == question:
                self._show(answer)

    def _question(self) -> Question | None:
        """Return the run that could start now; None if none can."""
        pickers = self._form.pickers
        if pickers.problem():
            return None
        try:
            return Question(
                self._form.config(),
                pickers.content_size(),
                tuple(self._form.crops.size(each) for each in pickers.styles),
                self._session.device,
            )
        except NstError:
            return None

    def _show(self, answer: Answer) -> None:
        expected = answer.estimate
        if expected is None:
            self.text.setText(in_words(answer.problem))
            return
        self._form.style_list.show_px(expected.style_pixels)
        words, colour = estimate_text(expected), _FITS
        if not expected.fits:
            words += f": does not fit, {memory_words(expected.free_bytes)} may be used"
            colour = _TOO_LARGE
        self.text.setText(f'<span style="color:{colour}">{words}</span>')
        height, width = expected.size
        learned = " from your last runs" if expected.runs_seen else ""
        self.text.setToolTip(
            f"<p>What {expected.steps} steps at {width}x{height} px will take, estimated{learned}. "
            f"It may take {memory_words(expected.free_bytes)} of the free memory"
            f"{_WINDOWS if expected.tile_px else ''}.</p>"
        )
        self._offer(answer.remedies)

    def _on_ended(self, run: "ViewerRun") -> None:
        """Estimate again with what the run taught; one out of memory is offered again, smaller."""
        if run.plan.request is None or not isinstance(run.error, DeviceMemoryError):
            self._asked = None
            return
        self._failed = True
        self._asked = self._question()
        refused = isinstance(run.error, TooLargeError)
        words = (
            "Too large for the free memory. Run with:"
            if refused
            else "Memory ran out. Run again with:"
        )
        self.text.setText(f'<span style="color:{_TOO_LARGE}">{words}</span>')
        self._offer(run.error.remedies, again=run)

    def _offer(self, remedies: tuple[Remedy, ...], *, again: "ViewerRun | None" = None) -> None:
        for button in self.buttons:
            button.deleteLater()
        self.buttons = []
        for remedy in remedies:
            button = QPushButton(remedy.label if again else f"Use {remedy.label}")
            button.clicked.connect(partial(self._take, remedy.changes, again))
            self._column.addWidget(button)
            self.buttons.append(button)

    def _take(self, changes: dict[str, Any], again: "ViewerRun | None", _: bool = False) -> None:
        """Put changes into the form, and run it if a run is to be repeated."""
        config = again.config if again else self._form.config()
        preset = again.plan.preset if again else self._form.preset.own()
        self._form.apply(config.replace(**changes), preset="" if preset is None else preset.name)
        if again is not None:
            self._failed = False
            self.run_asked.emit()


class Estimator:
    """Answers the newest question; those it was too slow for are dropped.

    Its thread touches nothing of Qt, so a viewer may close while it computes, and lasts as long
    as there are questions. It is no daemon: Python waits for the one estimate at its end, since a
    thread that is cut off inside of torch takes the process down with it.

    Attributes
    ----------
    answer
        The newest answer.
    """

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._asked: Question | None = None
        self._lock = threading.Lock()
        self._is_working = False

    def ask(self, question: Question) -> None:
        """Take a question; the answer will come into `answer`."""
        with self._lock:
            self._asked = question
            starts, self._is_working = not self._is_working, True
        if starts:
            threading.Thread(target=self._work).start()

    def _work(self) -> None:
        while (question := self._next()) is not None:
            self.answer = answered(question)

    def _next(self) -> Question | None:
        with self._lock:
            question, self._asked = self._asked, None
            self._is_working = question is not None
            return question


def answered(question: Question) -> Answer:
    """Answer a question in the calling thread; imports torch."""
    try:
        import_torch()
        return _answered(question)
    except (NstError, OSError, ImportError) as error:
        return Answer(question, problem=str(error))


def _answered(question: Question) -> Answer:
    import torch

    from napari_nst.planning.estimate import MARGIN, estimate, plan_of
    from napari_nst.planning.remedies import remedies

    torch.set_num_threads(thread_count())  # as runs do, so that the speed is theirs
    asked = (question.config, question.content, list(question.styles), question.device)
    expected = estimate(*asked)
    offers = () if expected.fits else remedies(plan_of(*asked), expected.free_bytes / MARGIN)
    return Answer(question, expected, offers)
