"""What napari's command palette and menus offer; napari hands in the viewer by its type."""

from typing import TYPE_CHECKING

from napari.layers import Image
from napari.utils.notifications import show_info
from napari.viewer import Viewer

from napari_nst.plugin.dock.docking import dock_of, frame_of
from napari_nst.plugin.layers.records import record_in

if TYPE_CHECKING:
    from napari_nst.plugin.dock.widget import StyleTransferWidget

PLUGIN, DOCK = "napari-nst", "Neural Style Transfer"


def show_dock(viewer: Viewer) -> None:
    """Open the dock, or bring it to the front."""
    open_dock(viewer)


def stylise_selected(viewer: Viewer) -> None:
    """Paint the lower one of two selected image layers in the manner of the other."""
    layers = _selected_images(viewer)
    if len(layers) != 2:
        show_info("Select two image layers: the content, and above it the style.")
        return
    pickers = open_dock(viewer).form.pickers
    pickers.content.value, pickers.style.value = layers
    open_dock(viewer).run()


def compare_results(viewer: Viewer) -> None:
    """Put the selected pictures, or content and results, into the grid; or leave it."""
    open_dock(viewer).compare_panel.toggle()


def run_folder(viewer: Viewer) -> None:
    """Show where folders of contents and styles are chosen and run."""
    dock = open_dock(viewer)
    dock.folder_section.expand(animate=False)
    dock.sections.ensureWidgetVisible(dock.folder_section, 0, 0)
    dock.folder_panel.contents.native.setFocus()


def put_styles_back(viewer: Viewer) -> None:
    """Bring styles that runs moved aside back to where they were."""
    open_dock(viewer).staging.put_back()


def reuse_settings(viewer: Viewer) -> None:
    """Put the settings that the selected layer was made with into the form."""
    records = [record_in(layer.metadata) for layer in _selected_images(viewer)]
    record = next((each for each in records if each is not None), None)
    if record is None:
        show_info("Select a result: its layer carries the settings that made it.")
        return
    form = open_dock(viewer).form
    form.loan.forget()
    form.apply(record.ending)
    if record.weights in form.weights.choices:
        form.set_weights(record.weights)


def open_dock(viewer: Viewer) -> "StyleTransferWidget":
    """Open the dock, or bring the one that is open to the front."""
    dock = dock_of(viewer)
    frame = None if dock is None else frame_of(dock)
    if dock is None or frame is None:
        frame, dock = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    frame.show()
    frame.raise_()
    return dock


def _selected_images(viewer: Viewer) -> list[Image]:
    """Return the selected image layers, the lowest first."""
    selection = viewer.layers.selection
    return [layer for layer in viewer.layers if isinstance(layer, Image) and layer in selection]
