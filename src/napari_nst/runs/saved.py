"""Which results lie in a file, whoever wrote it; known for this session only."""

from napari_nst.settings.record import RunRecord

_saved: set[str] = set()
"""Records in files: a record says all of a result, pictures by their hashes."""


def note_saved(record: RunRecord | None) -> None:
    """Take note that a result with this record was written; None was no result."""
    if record is not None:
        _saved.add(record.to_json())


def is_saved(record: RunRecord) -> bool:
    """Whether a result with this record was written in this session."""
    return record.to_json() in _saved
