"""Ctrl-C, SIGTERM and SIGHUP: what was computed so far is kept, and the exit code tells which.

Before a run there is nothing to keep, and the program ends at once. During a run the first signal
stops it at its next step. While the result is encoded and written no signal interrupts.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from napari_nst.cli.streams import say, silence

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count; SIGTERM makes 143 and SIGHUP 129."""

BOUNCE_S = 1.0
"""A second Ctrl-C within this time is the same one: `uv run` passes on what also comes directly."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Ending:
    """What the signals that ask a program to end do now.

    Attributes
    ----------
    code
        Exit code of the first signal that came; 0 if none did.
    """

    def __init__(self) -> None:
        self.code = 0
        self._since = 0.0
        self._stop: Callable[[], None] | None = None
        self._is_writing = False
        self._terminals = [
            stream for stream in (sys.stdout, sys.stderr) if stream is not None and stream.isatty()
        ]

    def stops(self, stop: Callable[[], None]) -> None:
        """From now on the first signal calls `stop`; a later Ctrl-C ends the hard way."""
        self._stop = stop

    def holds(self) -> None:
        """From now on signals are only remembered: a result is being written."""
        self._is_writing = True

    def on_signal(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal, as `signal.signal` calls it."""
        now = time.monotonic()
        if signum != signal.SIGINT and signum != signal.SIGTERM:
            for terminal in self._terminals:  # SIGHUP: closed, and writing to them would fail
                silence(terminal)
        if not self.code:
            self.code, self._since = 128 + signum, now
        if self._is_writing:
            return
        # SIGTERM and SIGHUP come twice from `timeout` and from shells; only a person insists.
        if self._stop is None or (signum == signal.SIGINT and now - self._since > BOUNCE_S):
            raise KeyboardInterrupt
        self._stop()


@contextmanager
def ending_gently(*, kept: str = "no result was written") -> Iterator[Ending]:
    """Handle the signals inside of the block by an `Ending`.

    Parameters
    ----------
    kept
        What is said of results where a signal ends the block at once.

    Raises
    ------
    typer.Exit
        Where a signal ended the block at once; it has the exit code.
    """
    ending = Ending()
    numbers = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
    # nohup has SIGHUP ignored, and that is to stay so.
    numbers = [
        each
        for each in numbers
        if each == signal.SIGINT or signal.getsignal(each) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, ending.on_signal) for number in numbers}
    try:
        yield ending
    except KeyboardInterrupt:
        say(f"napari-nst: stopped at once; {kept}")
        raise typer.Exit(ending.code or INTERRUPTED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
