"""Works out estimates in a thread: they import torch and may time the device. No Qt here."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_nst.config import StyleConfig
from napari_nst.errors import NstError, Remedy
from napari_nst.plugin.torch_import import import_torch

if TYPE_CHECKING:
    from napari_nst.core.estimate import Estimate

Size = tuple[int, int]


@dataclass(frozen=True)
class Question:
    """A run that might be started.

    Parameters
    ----------
    config
        Its settings.
    content, style
        Height and width of its pictures.
    device
        As in RunRequest.
    """

    config: StyleConfig
    content: Size
    style: Size
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


class Forecaster:
    """Answers the newest question; those it was too slow for are dropped.

    Its thread is a daemon that touches nothing of Qt: a viewer may close while it computes.

    Attributes
    ----------
    answer
        The newest answer.
    """

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._asked: Question | None = None
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def ask(self, question: Question) -> None:
        """Take a question; the answer will come into `answer`."""
        self._asked = question
        self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Let the thread end after the question it is at."""
        self._closed = True
        self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._closed:
                return
            question = self._asked
            if question is not None:
                self.answer = answered(question)


def answered(question: Question) -> Answer:
    """Answer a question in the calling thread; imports torch."""
    try:
        import_torch()
        return _answered(question)
    except (NstError, OSError, ImportError) as error:
        return Answer(question, problem=str(error))


def _answered(question: Question) -> Answer:
    import torch

    from napari_nst.core.estimate import estimate, plan_of
    from napari_nst.core.remedies import remedies
    from napari_nst.plugin.worker import thread_count

    torch.set_num_threads(thread_count())  # as runs do, so that the speed is theirs
    asked = (question.config, question.content, question.style, question.device)
    expected = estimate(*asked)
    offers = () if expected.fits else remedies(plan_of(*asked), expected.free_bytes)
    return Answer(question, expected, offers)
