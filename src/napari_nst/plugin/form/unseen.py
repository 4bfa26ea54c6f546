"""Settings that the form has no control for, and the line that tells of them."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from qtpy.QtWidgets import QLabel

from napari_nst.settings.config import StyleConfig
from napari_nst.settings.text import settings_text


class Unseen(QLabel):
    """Holds what differs from the preset and has no control.

    Parameters
    ----------
    known
        The settings that the form shows otherwise.

    Attributes
    ----------
    values
        The settings held.
    """

    def __init__(self, known: Collection[str]) -> None:
        super().__init__()
        self._known = known
        self.values: dict[str, Any] = {}
        self.setWordWrap(True)
        self.setToolTip(
            "<p>Settings that came with those you reuse and have no control here. Choosing a "
            "preset drops them.</p>"
        )

    def keep(self, config: StyleConfig, preset: StyleConfig) -> None:
        """Hold what differs between settings and those of their preset."""
        self.values = {
            setting.name: value
            for setting in fields(StyleConfig)
            if setting.name not in self._known
            and (value := getattr(config, setting.name)) != getattr(preset, setting.name)
        }
        self.setText(f"Also: {settings_text(self.values)}")
        self.setVisible(bool(self.values))
