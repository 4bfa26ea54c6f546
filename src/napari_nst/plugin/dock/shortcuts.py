"""Keys that act inside the dock, and their names in the tooltips of buttons."""

from collections.abc import Callable, Mapping

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QPushButton, QWidget

from napari_nst.plugin.common.keys import KEYS, key_text


def add_shortcuts(dock: QWidget, actions: Mapping[str, Callable[[], None]]) -> None:
    """Let keys act inside the dock too: a text field there would take them for typing.

    Parameters
    ----------
    dock
        The dock widget.
    actions
        For each name in `KEYS`, what its key does: a method, for a closure that holds the dock
        would keep it alive.
    """
    for name, act in actions.items():
        keys = KEYS[name].replace("Control", "Ctrl").replace("-", "+")
        shortcut = QShortcut(QKeySequence(keys), dock)
        shortcut.setAutoRepeat(False)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(act)


def add_undo(dock: QWidget, undo: Callable[[], None]) -> None:
    """Let Ctrl+Z in the dock undo; a text field there undoes its own typing first."""
    shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), dock)
    shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    shortcut.activated.connect(undo)


def append_keys(buttons: Mapping[str, QPushButton]) -> None:
    """Append the keys of `KEYS` to the tooltips of their buttons."""
    for name, button in buttons.items():
        text = button.toolTip().removeprefix("<p>").removesuffix("</p>").rstrip(".")
        button.setToolTip(f"<p>{text}. {key_text(name)}</p>")
