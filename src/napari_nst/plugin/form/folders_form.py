"""Choose the folders of the preferences: napari's page has a line to type them, and no more."""

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_nst.plugin.common.preferences import Preferences, prefer
from napari_nst.plugin.common.style import form_layout

_ROWS = {
    "autosave_folder": ("Autosave", "off", "Each result is saved here, as PNG with its settings"),
    "weights_folder": (
        "Weights",
        "your cache",
        "Weights are looked for here first. Downloaded weights are stored here",
    ),
}


class FoldersForm(QWidget):
    """Shows and sets the folders under File > Preferences."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, QLineEdit] = {}
        self.browse: dict[str, QPushButton] = {}
        rows = form_layout()
        for name, (title, unset, tip) in _ROWS.items():
            rows.addRow(title, self._row(name, unset, tip))
        self.setLayout(rows)

    def refresh(self, preferences: Preferences) -> None:
        """Show the folders that are preferred."""
        for name, line in self.lines.items():
            folder = getattr(preferences, name)
            line.setText("" if folder is None else str(folder))
            line.setCursorPosition(0)

    def _row(self, name: str, unset: str, tip: str) -> QHBoxLayout:
        line = QLineEdit()
        line.setPlaceholderText(unset)
        line.setToolTip(f"<p>{tip}. Empty: {unset}. As under File &gt; Preferences.</p>")
        line.setAccessibleName(f"{name.partition('_')[0]} folder")
        line.editingFinished.connect(lambda: self._put(name, line.text()))
        button = QPushButton("Browse…")
        button.setToolTip(f"<p>{tip}</p>")
        button.clicked.connect(lambda _=False: self._choose(name))
        self.lines[name], self.browse[name] = line, button
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(line, stretch=1)
        row.addWidget(button)
        return row

    def _choose(self, name: str) -> None:
        start = self.lines[name].text() or str(Path.home())
        title = f"{_ROWS[name][0]} folder"
        if chosen := QFileDialog.getExistingDirectory(self, title, start):
            self._put(name, chosen)

    def _put(self, name: str, text: str) -> None:
        self.lines[name].setText(text.strip())
        prefer(**{name: text.strip()})
