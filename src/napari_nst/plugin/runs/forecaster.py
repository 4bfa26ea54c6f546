"""Works out estimates in a thread: they import torch and may time the device. No Qt here."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_nst.errors import NstError, Remedy
from napari_nst.plugin.common.torch_import import import_torch
from napari_nst.settings.config import StyleConfig

if TYPE_CHECKING:
    from napari_nst.planning.estimate import Estimate

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

    from napari_nst.planning.estimate import estimate, plan_of
    from napari_nst.planning.remedies import remedies
    from napari_nst.plugin.runs.worker import thread_count

    torch.set_num_threads(thread_count())  # as runs do, so that the speed is theirs
    asked = (question.config, question.content, question.style, question.device)
    expected = estimate(*asked)
    offers = () if expected.fits else remedies(plan_of(*asked), expected.free_bytes)
    return Answer(question, expected, offers)
