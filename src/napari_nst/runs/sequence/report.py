"""The table of a sequence: how each frame was made, and how much it flickers."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from napari_nst.errors import ConfigError
from napari_nst.files.outputs import write_atomically
from napari_nst.runs.sequence.plan import SEQUENCE
from napari_nst.settings.record import RunRecord

SUFFIXES = (".csv", ".md")

_HEAD = ("frame", "start", "held", "steps", "seconds", "style_loss", "warping_error")


def check_report(path: Path) -> None:
    """Raise ConfigError if a report's name has another suffix, or no folder."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"a report ends in {' or '.join(SUFFIXES)}; got {path}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent} for the report; create it first")


def write_report(path: Path, names: Mapping[int, str], records: Mapping[int, RunRecord]) -> None:
    """Write the table as CSV or Markdown, by the suffix, a line a frame and their means.

    The warping error (Lai et al. 2018) is that to the frame before; in a second pass, after.

    Raises
    ------
    ImageError
        If it cannot be written.
    """
    rows = [_row(names[index], records[index]) for index in sorted(records)]
    rows.append(_means(rows))
    if path.suffix.lower() == ".csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([_HEAD, *rows])
        write_atomically(path, text.getvalue().encode())
        return
    lines = [_HEAD, ("---",) * len(_HEAD), *rows]
    table = "\n".join(f"| {' | '.join(each)} |" for each in lines)
    write_atomically(path, f"{table}\n".encode())


def _row(name: str, record: RunRecord) -> tuple[str, ...]:
    told = record.resolved[SEQUENCE]
    start = "own" if told["is_first"] else "next" if told["is_backward"] else "last"
    error, style = told["warping_error"], told["style_loss"]
    return (
        name,
        start,
        f"{told['reliability']:.3f}",
        str(record.steps_done),
        f"{told['seconds']:.1f}",
        "" if style is None else f"{style:.5g}",
        "" if error is None else f"{error:.3e}",
    )


def _means(rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    def mean(column: int) -> str:
        values = [float(row[column]) for row in rows if row[column]]
        return f"{sum(values) / len(values):.5g}" if values else ""

    return ("mean", "", *(mean(column) for column in range(2, len(_HEAD))))
