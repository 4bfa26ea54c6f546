"""The button beside the presets: save the form's settings as one, open, export, delete."""

from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QPoint
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMenu, QMessageBox, QPushButton

from napari_nst.errors import NstError
from napari_nst.files.images import read_settings
from napari_nst.files.user_presets import (
    NamedPreset,
    delete_preset,
    export_preset,
    is_taken,
    own_presets,
    save_preset,
)
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari_nst.plugin.form.settings_form import SettingsForm

_FILES = "Presets (*.json)"
_LINE = 60
_NAME_SHOWN = 24
_WIDTH_PX = 28


class PresetMenu(QPushButton):
    """Keeps, shares and forgets presets of the user's own.

    Parameters
    ----------
    form
        Gives the settings and gets those that are opened.
    """

    def __init__(self, form: "SettingsForm") -> None:
        super().__init__("…")
        self._form = form
        self.setFixedWidth(_WIDTH_PX)
        self.setToolTip("<p>Save the settings as a preset of your own; open, export, delete.</p>")
        self.setAccessibleName("Your presets")
        self.menu_below = menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.save = _entry(menu, "Save as preset…", "Keep all settings of the form", self._save)
        self.open = _entry(
            menu, "Open preset file…", "Fill the form from a file that was shared", self._open
        )
        menu.addSeparator()
        self.export = _entry(
            menu, "", "Write the preset, as it is kept, into a file to share", self._export
        )
        self.delete = _entry(menu, "", "Forget this preset of your own", self._delete)
        menu.aboutToShow.connect(self.refresh)
        self.clicked.connect(self._drop)
        self.refresh()

    def refresh(self) -> None:
        """Name the preset that export and delete are about."""
        self._form.preset.refresh()
        shown = self._form.preset.shown
        name = f"“{shortened(shown.name)}”"
        self.export.setText(f"Export {name}…")
        self.delete.setText(f"Delete {name}…" if shown.is_own else "Delete preset…")
        self.delete.setEnabled(shown.is_own)

    def _drop(self) -> None:
        """Open the menu below the button, within the dock's right edge."""
        self.refresh()
        left = self.width() - self.menu_below.sizeHint().width()
        self.menu_below.popup(self.mapToGlobal(QPoint(left, self.height())))

    def _save(self) -> None:
        """Ask for a name until one does, and keep the form's settings under it."""
        try:
            config = self._form.config()
        except NstError as error:
            show_error(in_words(error))
            return
        shown = self._form.preset.shown
        name, words = shown.name if shown.is_own else "", "Name of the preset:"
        while True:
            name, agreed = QInputDialog.getText(self, "Save as preset", words, text=name)
            name = name.strip()
            if not agreed:
                return
            try:
                taken = is_taken(name)
                if taken and not self._agrees(f"“{name}” is there already. Replace it?"):
                    words = "Another name:"
                    continue
                save_preset(name, config, overwrite=taken)
            except NstError as error:
                words = fill(str(error), _LINE)
                continue
            self._form.preset.replace(NamedPreset(name, config))
            return

    def _open(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Open preset file", "", _FILES)
        if not chosen:
            return
        try:
            config = read_settings(chosen).config
        except NstError as error:
            show_error(str(error))
            return
        self._form.loan.forget()
        self._form.apply(config)
        show_info(
            f"The settings of {Path(chosen).name} are in the form. "
            "“Save as preset…” keeps them under a name."
        )

    def _export(self) -> None:
        preset = self._form.preset.shown
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Export preset", f"{preset.name}.json", _FILES
        )
        if not chosen:
            return
        # The dialog has asked whether to overwrite the name as it was typed, and no other.
        typed_whole = Path(chosen).suffix.lower() == ".json"
        path = Path(chosen) if typed_whole else Path(f"{chosen}.json")
        try:
            export_preset(preset.name, path, overwrite=typed_whole)
        except NstError as error:
            show_error(str(error))
            return
        show_info(f"“{preset.name}” is in {path}, as it was last saved")

    def _delete(self) -> None:
        name = self._form.preset.shown.name
        if not self._agrees(f"Delete the preset “{name}”? The settings in the form stay."):
            return
        try:
            delete_preset(name)
        except NstError as error:
            if name in own_presets():  # else another process was faster
                show_error(str(error))
        self.refresh()

    def _agrees(self, question: str) -> bool:
        answer = QMessageBox.question(self, "Presets", question)
        return bool(answer == QMessageBox.StandardButton.Yes)


def shortened(name: str) -> str:
    """Cut a long name off, so that a menu stays narrow."""
    return name if len(name) <= _NAME_SHOWN else f"{name[: _NAME_SHOWN - 1].rstrip()}…"


def _entry(menu: QMenu, title: str, tip: str, act: Callable[[], None]) -> QAction:
    action = QAction(title, menu)
    action.setToolTip(tip)
    action.triggered.connect(lambda: act())
    menu.addAction(action)
    return action
