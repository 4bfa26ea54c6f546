"""The box that presets are chosen from: the published ones, then the user's own."""

from napari.utils.notifications import show_error
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox

from napari_nst.errors import NstError
from napari_nst.files.user_presets import NamedPreset, find_preset, own_presets, published_preset
from napari_nst.plugin.common.style import calm
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.presets import DEFAULT_PRESET, PRESETS

_ROWS_SHOWN = 16


class PresetBox(QComboBox):
    """Keeps the shown preset's settings, whatever becomes of its file.

    Signals: `picked` with the NamedPreset that the user chose; `replaced` with the one that was
    shown before another took its place while the settings stay.
    """

    picked = Signal(object)
    replaced = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown = published_preset(StyleConfig.preset(DEFAULT_PRESET))
        self.setMaxVisibleItems(_ROWS_SHOWN)
        self.setAccessibleName("Preset")
        calm(self)
        self.setToolTip(
            "<p>Our recipe or a published one fills the settings under Advanced; a preset of your "
            "own fills all settings.</p>"
        )
        self._list()
        self.currentIndexChanged.connect(self._on_index)
        self.activated.connect(self._on_activated)

    @property
    def shown(self) -> NamedPreset:
        """The preset that is shown, as it was when it was chosen."""
        return self._shown

    def own(self) -> NamedPreset | None:
        """Return the preset that is shown, if it is the user's."""
        return self._shown if self._shown.is_own else None

    def showPopup(self) -> None:
        """Look before the list opens what has become of the user's presets."""
        self.refresh()
        super().showPopup()

    def refresh(self) -> None:
        """Follow the folder; a preset that is gone gives way to the one that it started from."""
        if not self._shown.is_own or self._shown.name in own_presets():
            self._list()
        else:
            self.replace(published_preset(self._shown.config))

    def show_preset(self, preset: NamedPreset) -> None:
        """Show another preset, and tell nobody."""
        self._shown = preset
        self._list()

    def replace(self, preset: NamedPreset) -> None:
        """Show another preset for the same settings."""
        before = self._shown
        self.show_preset(preset)
        self.replaced.emit(before)

    def _list(self) -> None:
        """List the presets anew, and select the shown one."""
        with QSignalBlocker(self):
            self.clear()
            self.addItems(list(PRESETS))
            if own := own_presets():
                self.insertSeparator(self.count())
                self.addItems(own)
            self.setCurrentIndex(self.findText(self._shown.name))

    def _on_index(self, _: int) -> None:
        self._take(self.currentText())

    def _on_activated(self, _: int) -> None:
        """Choosing the shown preset again reads it anew, if its file was changed meanwhile."""
        if self._shown.is_own and self.currentText() == self._shown.name:
            self._take(self._shown.name)

    def _take(self, name: str) -> None:
        try:
            preset = NamedPreset(name, find_preset(name))
        except NstError as error:
            show_error(str(error))
            self.refresh()
            return
        if preset != self._shown:
            self._shown = preset
            self.picked.emit(preset)
