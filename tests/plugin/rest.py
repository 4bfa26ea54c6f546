"""When a window that was just shown, filled or changed has come to rest."""

import threading
import time

from qtpy.QtCore import QAbstractAnimation, QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QWidget

LIMIT_S = 60
STILL_MS = 300


def settle(widget, qtbot):
    """Wait until a widget's window is laid out, and nothing in it is about to change that.

    Nothing here depends on the machine's speed. A thread that will change a text (the device's
    name, an estimate, thumbnails), a timer that fires once and an animation are awaited. Then
    everything must stay in place while each of the timers that fire repeatedly does so once: Qt
    serves timers in the order in which they are due, however late.
    """
    window, end, before = widget.window(), time.monotonic() + LIMIT_S, None
    while (look := _look(window)) != before or _is_busy(window):
        assert time.monotonic() < end, f"{window} did not come to rest in {LIMIT_S} s"
        before = look
        QGuiApplication.sync()  # what the display has yet to answer, and all posted events
        qtbot.wait(_longest_beat_ms(window) + 1)


def stand_still(value, qtbot):
    """Wait until a value stays the same for a while, as when a run has come to its pause."""
    before = object()
    while (now := value()) != before:
        before = now
        qtbot.wait(STILL_MS)


def _look(window):
    shown = [each for each in window.findChildren(QWidget) if each.isVisible()]
    return [(each.geometry(), each.sizeHint()) for each in (window, *shown)]


def _active_timers(window):
    return [timer for timer in window.findChildren(QTimer) if timer.isActive()]


def _is_busy(window):
    threads = set(threading.enumerate()) - {threading.main_thread()}
    animations = window.findChildren(QAbstractAnimation)
    return (
        any(map(_changes_texts, threads))
        or any(timer.isSingleShot() for timer in _active_timers(window))
        or any(each.state() == QAbstractAnimation.State.Running for each in animations)
    )


def _changes_texts(thread):
    """Return whether a thread is one of ours.

    Runs are Qt's threads, which pass for daemons. dask's pool, which other tests have started,
    stays idle to the end of the program.
    """
    return not thread.daemon and not thread.name.startswith("ThreadPoolExecutor")


def _longest_beat_ms(window):
    beats = [timer.interval() for timer in _active_timers(window) if not timer.isSingleShot()]
    return max(beats, default=0)
