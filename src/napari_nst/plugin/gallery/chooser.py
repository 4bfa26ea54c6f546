"""The buttons beside the Style picker: a file, or the gallery; and what files dropped do."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.history import get_open_history, update_open_history
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from napari_nst import samples
from napari_nst.errors import NstError
from napari_nst.plugin.common.preferences import styles_file
from napari_nst.plugin.gallery.open_styles import open_style, style_of
from napari_nst.plugin.gallery.popup import GalleryPopup
from napari_nst.plugin.gallery.shelf import Shelf, Style, change_shelf, read_shelf
from napari_nst.plugin.gallery.signs import SignButton, folder, gallery
from napari_nst.plugin.gallery.thumbnails import Thumbnails

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_nst.plugin.form.layer_pickers import LayerPickers
    from napari_nst.plugin.runs.viewer_run import ViewerRun

PICTURE_FILTER = (
    "Pictures (*.png *.jpg *.jpeg *.tif *.tiff *.webp *.avif *.gif *.bmp *.jp2 *.psd *.ppm *.tga "
    "*.pcx *.qoi *.ico *.sgi);;All files (*)"
)
_SAMPLES = tuple(Style("sample", name) for name in samples.STYLES)


class StyleChooser(QObject):
    """Makes files and samples styles, each opened once, and keeps which ones were used.

    Parameters
    ----------
    viewer
        Gets the layers.
    pickers
        Its style is chosen.
    parent
        Dialogs stand over it.
    """

    def __init__(self, viewer: "Viewer", pickers: "LayerPickers", parent: QWidget) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._pickers = pickers
        self._parent = parent
        self._adds = False
        self.browse_button = SignButton(
            folder,
            name="Browse for a style",
            tip="Choose a picture file as the style. A file dropped on the dock does the same.",
        )
        self.gallery_button = SignButton(
            gallery,
            name="Gallery of styles",
            tip="Choose by looking: the samples, the styles used before, and your favourites.",
        )
        self.browse_button.clicked.connect(lambda: self.browse())
        self.gallery_button.clicked.connect(lambda: self.open_gallery())
        self.popup = GalleryPopup(self.gallery_button, Thumbnails())
        self.popup.picked.connect(self._on_picked)
        self.popup.starred.connect(self._on_starred)
        self.popup.removed.connect(self._on_removed)

    def pick(self, style: Style, *, adds: bool = False) -> None:
        """Make a file or sample the style, or one more of them, or say why not."""
        content = self._pickers.content.value
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            layer = open_style(self._viewer, style)
        except NstError as error:
            show_error(str(error))
            return
        finally:
            QApplication.restoreOverrideCursor()
        self._pickers.reset_choices()
        if adds and self._pickers.styles:
            self._pickers.add_style(layer)
        else:
            self._pickers.style.value = layer
        if content is None and self._pickers.content.value == layer:
            self._pickers.content.value = None  # the first picture is taken for the content

    def drop(self, paths: list[Path]) -> None:
        """Make the first of the files the style, and add the others."""
        self.pick(Style.of_file(paths[0]))
        self.add(paths[1:])

    def add(self, paths: list[Path]) -> None:
        """Let files be more styles."""
        for path in paths:
            self.pick(Style.of_file(path), adds=True)

    def browse(self, *, adds: bool = False) -> None:
        """Ask for a file, where napari opened the last one."""
        folder = get_open_history()[0]
        chosen, _ = QFileDialog.getOpenFileName(
            self._parent, "Choose a style", folder, PICTURE_FILTER
        )
        if chosen:
            update_open_history(chosen)
            self.pick(Style.of_file(chosen), adds=adds)

    def open_gallery(self, *, adds: bool = False) -> None:
        """Open the gallery below its button, for the style or for one more."""
        self._adds = adds
        self._list(read_shelf(styles_file()))
        self.popup.open_below(self.gallery_button)

    def remember(self, run: "ViewerRun") -> None:
        """Keep the files whose pictures are a run's styles among the recent ones."""
        for role, source in reversed(list(run.plan.sources.items())):
            if role not in ("content", "init"):
                self._remember_file(source.file)

    def _remember_file(self, path: str) -> None:
        if path and read_shelf(styles_file()).recent[:1] != (path,):
            change_shelf(styles_file(), lambda shelf: shelf.used(path))

    def _list(self, shelf: Shelf) -> None:
        recent = [path for path in shelf.recent if path not in shelf.favourites]
        layer = self._pickers.style.value
        self.popup.show_groups(
            {
                "Favourites": [Style("file", path) for path in shelf.favourites],
                "Recent": [Style("file", path) for path in recent],
                "Samples": _SAMPLES,
            },
            favourites=shelf.favourites,
            current=None if layer is None else style_of(layer),
        )

    def _on_picked(self, style: Style) -> None:
        self.pick(style, adds=self._adds)

    def _on_starred(self, style: Style, on: bool) -> None:
        self._list(change_shelf(styles_file(), lambda shelf: shelf.starred(style.name, on=on)))

    def _on_removed(self, style: Style) -> None:
        self._list(change_shelf(styles_file(), lambda shelf: shelf.without(style.name)))
