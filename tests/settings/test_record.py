"""Records of runs: their format number, older and newer ones."""

import pytest

from napari_nst.errors import ConfigError
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.record import RunRecord, SteeringEvent

EVENTS = (SteeringEvent(3, "style_strength", 2.0),)
RECORD = RunRecord(StyleConfig(seed=7), {}, {}, "untrained", EVENTS, 9, "finished")


def test_a_record_carries_the_number_of_its_format_and_comes_back() -> None:
    assert RECORD.to_dict()["format"] == 2
    assert RunRecord.from_json(RECORD.to_json()) == RECORD


def test_a_record_from_before_formats_reads_as_it_did() -> None:
    values = RECORD.to_dict()
    del values["format"]
    assert RunRecord.from_dict(values) == RECORD


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (3, "format 3, and this version reads up to 2; update"),
        ("1", "an integer from"),
        (0, "from 1"),
    ],
)
def test_a_record_of_another_format_is_refused(number: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunRecord.from_dict(RECORD.to_dict() | {"format": number})
