"""The command line's text: a stream that cannot show it, or that is gone, never ends a run."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import TextIO

_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but for line ends and tabs, and those that turn the writing's direction."""


def accept_any_letter() -> None:
    """Let stdout and stderr write letters that their encoding lacks as escapes.

    On Windows a pipe holds cp1252, which has no Chinese; and file names anywhere may hold bytes
    that are no text.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str, *, on_stdout: bool = False) -> None:
    """Print a line, on stderr unless told otherwise; it is lost where nobody listens any more."""
    stream = sys.stdout if on_stdout else sys.stderr
    with losses_ignored(stream):
        print(harmless(text), file=stream, flush=True)


def harmless(text: str) -> str:
    """Return a text in which what would command the terminal, or turn letters round, is spelled."""
    return _COMMANDS.sub(lambda letter: repr(letter[0])[1:-1], text)


def fail(message: str, code: int) -> int:
    """Print an error as one line on stderr and return the exit code."""
    say(f"napari-nst: {' '.join(message.split())}")
    return code


@contextmanager
def losses_ignored(stream: TextIO) -> Iterator[None]:
    """Let writing to a closed pipe, a closed terminal or a full disk be no error."""
    try:
        yield
    except OSError:
        silence(stream)


def silence(stream: TextIO) -> None:
    """Lead a stream to nowhere; otherwise Python fails once more when it empties it at exit."""
    with suppress(OSError):  # a stream that is no file of the system has no number
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
