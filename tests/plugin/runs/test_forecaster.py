import pytest

from napari_nst.plugin.runs import forecaster as module
from napari_nst.plugin.runs.forecaster import Answer, Forecaster


@pytest.mark.parametrize("questions", [("a",), ("a", "b", "c")])
def test_the_newest_question_is_answered(qtbot, monkeypatch, questions):
    monkeypatch.setattr(module, "answered", Answer)
    forecaster = Forecaster()
    for question in questions:
        forecaster.ask(question)
    qtbot.waitUntil(lambda: forecaster.answer == Answer(questions[-1]), timeout=5000)
