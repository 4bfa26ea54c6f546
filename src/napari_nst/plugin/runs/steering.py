"""Edits of live settings act on the run that computes, a moment after the last keystroke."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_nst.errors import NstError
from napari_nst.settings.config import STEERABLE
from napari_nst.settings.text import in_words, settings_text

if TYPE_CHECKING:
    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import ViewerRun
    from napari_nst.runs.frame_gate import Frame

DELAY_MS = 350
"""Longer than the pause between two keys or two turns of the wheel."""


class Steering(QObject):
    """Hands what the user edits in the form on to the run, while it is switched on.

    Edits made before it is switched on never act. When it is switched off, the settings that were
    edited meanwhile show what they showed before: that is for the next run.

    Signals: `steered` with what was handed on, such as "style strength 4", `refused` with a
    sentence when it does not fit, `told` with what the run paints with and since when; empty if
    there is nothing to say.

    Parameters
    ----------
    form
        Its live settings are watched.
    session
        Its current run is steered.
    """

    steered = Signal(str)
    refused = Signal(str)
    told = Signal(str)

    def __init__(self, form: "SettingsForm", session: "Session") -> None:
        super().__init__()
        self._enabled = False
        self._form = form
        self._session = session
        self._edited: set[str] = set()
        self._before: dict[str, Any] = {}
        self._shown: dict[str, Any] = {}
        self._handed: dict[str, Any] = {}
        self._handed_at = 0
        self._since: int | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self.flush)
        form.edited.connect(self._on_edited)
        form.touched.connect(self._on_touched)

    @property
    def live(self) -> bool:
        """Whether an edit would act now."""
        run = self._session.current
        return self._enabled and run is not None and run.state.active

    def switch(self, *, on: bool) -> None:
        """Let edits act from now on, or no longer."""
        if on == self._enabled:
            return
        if on:
            self._before = self._values(STEERABLE)
        else:
            self.flush()
            self._restore()
        self._enabled = on
        self._handed, self._since = {}, None
        self._tell()

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
                self._handed_at = run.points[-1].iteration if run.points else 0
                run.steer(**changes)
                self._handed, self._since = changes, None
                self.steered.emit(settings_text(changes))
        except NstError as error:
            self.refused.emit(in_words(error))
        self._tell()

    def follow(self, frame: "Frame") -> None:
        """Learn from a frame of the run at which step it took what was handed on."""
        if not self._handed or self._since is not None or frame.record is None:
            return
        for event in frame.record.events:
            value = tuple(event.value) if isinstance(event.value, list) else event.value
            if event.step >= self._handed_at and self._handed.get(event.field) == value:
                self._since = event.step + 1
                self._tell()
                return

    def _on_edited(self, name: str) -> None:
        if self.live:
            self._edited.add(name)
            self._shown |= self._values((name,))
            self._timer.start()

    def _on_touched(self) -> None:
        """Compare form and run again soon, whoever changed the form."""
        if self.live:
            self._timer.start()

    def _restore(self) -> None:
        """Show again what was meant for the next run, where nothing but edits changed it."""
        now = self._values(self._shown)
        kept = {
            name: self._before[name]
            for name, value in self._shown.items()
            if name in self._before and now.get(name, value) == value
        }
        self._shown = {}
        self._form.show_values(kept)

    def _values(self, names: Iterable[str]) -> dict[str, Any]:
        """Read settings of the form, without those whose text makes no value."""
        values = {}
        for name in names:
            with suppress(NstError):
                values[name] = self._form.value(name)
        return values

    def _tell(self) -> None:
        run = self._session.current
        if run is None or not self.live:
            self.told.emit("")
            return
        parts = [] if not self._handed else [self._handed_text()]
        if own := self._own(run):
            also = "also " if parts else ""
            parts.append(f"This run {also}paints with {settings_text(own)}.")
            if not self._handed:
                parts.append("What you change now acts on it.")
        self.told.emit(" ".join(parts))

    def _handed_text(self) -> str:
        text = settings_text(self._handed)
        when = "from the next step on" if self._since is None else f"since step {self._since}"
        return f"{text[:1].upper()}{text[1:]} {when}."

    def _own(self, run: "ViewerRun") -> dict[str, Any]:
        """Return the run's settings where the form shows others."""
        shown = self._values(STEERABLE).items()
        return {name: own for name, value in shown if value != (own := getattr(run.config, name))}
