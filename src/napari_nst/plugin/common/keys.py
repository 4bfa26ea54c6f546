"""Keys of the dock: bound while it is open, given back when it goes. No Qt here."""

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel

KEYS = {
    "run": "Control-Alt-R",
    "pause": "Control-Alt-H",
    "stop": "Control-Alt-X",
    "compare": "Control-Alt-G",
    "blink": "Control-Alt-B",
    "before": "Control-Alt-C",
}
"""Always with modifiers, so that no key of napari or of another plugin is taken by chance."""


class KeyBindings:
    """Binds keys to actions in a viewer.

    Parameters
    ----------
    viewer
        Whose keys are bound.
    actions
        For each name in `KEYS`, what its key does.
    """

    def __init__(self, viewer: "ViewerModel", actions: Mapping[str, Callable[[], None]]) -> None:
        self._viewer = viewer
        self._actions = actions
        self._bound: list[str] = []

    def bind(self) -> None:
        """Bind what is free: a key that the user has bound stays the user's."""
        if self._bound:
            return
        for name, action in self._actions.items():
            try:
                self._viewer.bind_key(KEYS[name], _ignoring_viewer(action))
            except ValueError:
                continue
            self._bound.append(KEYS[name])

    def unbind(self) -> None:
        """Give the keys back; safe to repeat."""
        bound, self._bound = self._bound, []
        for key in bound:
            self._viewer.bind_key(key, None)


def key_text(name: str) -> str:
    """Say an action's key as it is written on this system's keyboard."""
    names = {"Control": "⌘", "Alt": "⌥"} if sys.platform == "darwin" else {"Control": "Ctrl"}
    return "+".join(names.get(part, part) for part in KEYS[name].split("-"))


def _ignoring_viewer(action: Callable[[], None]) -> Callable[[Any], None]:
    def press(_: object) -> None:
        action()

    return press
