"""Edits of live settings act on the run that computes, a moment after the last keystroke."""

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_nst.errors import NstError
from napari_nst.plugin.wording import describe, in_words

if TYPE_CHECKING:
    from napari_nst.plugin.session import Session
    from napari_nst.plugin.settings_form import SettingsForm

DELAY_MS = 350
"""Longer than the pause between two keys or two turns of the wheel."""


class Steering(QObject):
    """Hands what the user edits in the form on to the run.

    Signals: `steered` with what was handed on, such as "style strength 4", `refused` with a
    sentence when it does not fit.

    Parameters
    ----------
    form
        Its live settings are watched.
    session
        Its current run is steered.

    Attributes
    ----------
    enabled
        Whether edits act on the run; otherwise they only prepare the next one. Edits made before
        it is switched on never act.
    """

    steered = Signal(str)
    refused = Signal(str)

    def __init__(self, form: "SettingsForm", session: "Session") -> None:
        super().__init__()
        self.enabled = False
        self._form = form
        self._session = session
        self._edited: set[str] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self.flush)
        form.edited.connect(self._on_edited)

    @property
    def live(self) -> bool:
        """Whether an edit would act now."""
        run = self._session.current
        return self.enabled and run is not None and run.state.active

    def flush(self) -> None:
        """Hand on at once what waits."""
        self._timer.stop()
        run, edited = self._session.current, sorted(self._edited)
        self._edited.clear()
        if run is None or not self.live:
            return
        try:
            values = {name: self._form.value(name) for name in edited}
            changes = {k: v for k, v in values.items() if v != getattr(run.config, k)}
            if changes:
                run.steer(**changes)
                self.steered.emit(describe(changes))
        except NstError as error:
            self.refused.emit(in_words(error))

    def _on_edited(self, name: str) -> None:
        if self.live:
            self._edited.add(name)
            self._timer.start()
