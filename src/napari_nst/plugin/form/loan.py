"""Settings that the form shows for one run only; those of before come back after it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_nst.errors import NstError
from napari_nst.settings.config import StyleConfig

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_nst.plugin.form.settings_form import SettingsForm


@dataclass(frozen=True)
class _Before:
    config: StyleConfig
    preset: str
    start: Any
    content: Any


class Loan:
    """Lends a form the settings to go on from a result.

    They end with the run that is started with them, when another content is chosen, or when the
    result is no longer the start.

    Parameters
    ----------
    form
        The form.
    """

    def __init__(self, form: "SettingsForm") -> None:
        self._form = form
        self._before: _Before | None = None
        self._lending = False
        form.pickers.content.changed.connect(self._on_content)
        form.pickers.start.changed.connect(self._on_start)
        form.preset.picked.connect(self.forget)

    def lend(self, config: StyleConfig, *, preset: str, start: "Image | None") -> None:
        """Show settings and a start; parameters as of `SettingsForm.apply`."""
        form = self._form
        if self._before is None:
            self._before = self._now()
        self._lending = True
        try:
            form.apply(config, preset=preset)
            if start is not None:
                form.pickers.start.value = start
        finally:
            self._lending = False

    def end(self) -> None:
        """Bring back what the form showed before."""
        before, self._before = self._before, None
        if before is None:
            return
        self._form.apply(before.config, preset=before.preset)
        start = self._form.pickers.start
        if before.start in start.choices:
            start.value = before.start

    def forget(self, _: object = None) -> None:
        """Keep what the form shows now: the user chose it."""
        self._before = None

    def settled(self) -> tuple[StyleConfig, str]:
        """Return settings and own preset that stay; raises ConfigError as `SettingsForm.config`."""
        if self._before is not None:
            return self._before.config, self._before.preset
        own = self._form.preset.own()
        return self._form.config(), "" if own is None else own.name

    def _now(self) -> _Before | None:
        try:
            config, preset = self.settled()
        except NstError:
            return None  # the form holds no settings to come back to
        pickers = self._form.pickers
        return _Before(config, preset, pickers.start.value, pickers.content.value)

    def _on_content(self, content: object) -> None:
        """End with the content; layers that come and go tell of it too, unchanged."""
        if self._before is not None and content != self._before.content:
            self.end()

    def _on_start(self, start: object) -> None:
        """End when the start is set back, which then stays as chosen, or its layer is gone."""
        if self._before is None or self._lending or not (start is None or isinstance(start, str)):
            return
        self.end()
        if start is not None:
            self._form.pickers.start.value = start
