"""What napari's theme leaves open: quiet folds, a thin bar, one button that stands out."""

from qtpy.QtWidgets import QProgressBar, QPushButton
from superqt import QCollapsible

ACCENT = "#4f6bd6"


def fold(title: str) -> QCollapsible:
    """Make a folded section."""
    section = QCollapsible(title)
    quiet(section)
    return section


def quiet(section: QCollapsible) -> None:
    """Make a fold's head look like a heading rather than a button."""
    section.setExpandedIcon("▾")
    section.setCollapsedIcon("▸")
    section.setDuration(120)
    section.toggleButton().setStyleSheet(
        "QPushButton, QPushButton:checked, QPushButton:pressed {"
        " background: transparent; border: none; text-align: left; padding: 3px 0px; }"
        "QPushButton:hover { color: palette(highlight); }"
    )
    layout = section.layout()
    assert layout is not None
    layout.setContentsMargins(0, 0, 0, 0)


def make_bar() -> QProgressBar:
    """Make a thin progress bar."""
    bar = QProgressBar()
    bar.setTextVisible(False)
    bar.setFixedHeight(6)
    colour_bar(bar, ACCENT)
    return bar


def colour_bar(bar: QProgressBar, colour: str) -> None:
    """Give a bar the colour of a state."""
    bar.setStyleSheet(
        "QProgressBar { border: none; border-radius: 3px; background: rgba(128, 128, 128, 60); }"
        f"QProgressBar::chunk {{ border-radius: 3px; background: {colour}; }}"
    )


def primary(button: QPushButton) -> None:
    """Make the button that people look for stand out."""
    button.setStyleSheet(
        f"QPushButton:enabled {{ background: {ACCENT}; color: white; font-weight: bold; }}"
    )
