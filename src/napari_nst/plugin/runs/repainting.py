"""Regions that are painted while a run computes act on it from its next step."""

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_nst.errors import ConfigError, ImageError, NstError
from napari_nst.plugin.masks.regions import read_soon
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.masks.regions import DrawnRegions
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import ViewerRun
    from napari_nst.settings.regions import Regions


class Repainting(QObject):
    """Hands regions on to the run that computes, unless they are those that it has.

    Signals: `repainted` when they were others, `refused` with a sentence when they do not fit.

    Parameters
    ----------
    viewer
        Holds the layers of the run's styles.
    form
        Its regions are watched.
    session
        Its current run gets them.
    """

    repainted = Signal()
    refused = Signal(str)

    def __init__(self, viewer: "Viewer", form: "SettingsForm", session: "Session") -> None:
        super().__init__()
        self._viewer, self._form, self._session = viewer, form, session
        self._newest: DrawnRegions | None = None
        form.regions.touched.connect(self.flush)

    def flush(self) -> None:
        """Hand on what is drawn now."""
        run = self._session.current
        if run is None or not run.state.active or run.plan.request is None:
            return
        try:
            styles = self._styles_of(run)
            drawn = None if styles is None else self._form.regions.drawn(run.plan.placement, styles)
        except (ConfigError, ImageError) as error:
            self.refused.emit(in_words(error))
            return
        self._newest = drawn
        if drawn is None:
            if styles is not None and self._form.regions.layer is not None and run.regions:
                run.repaint(None)  # all was wiped out
                self.repainted.emit()
            return
        take = partial(self._give, run, drawn)
        read_soon(drawn, take, self.refused.emit)

    def _give(self, run: "ViewerRun", drawn: "DrawnRegions", regions: "Regions") -> None:
        """Hand regions on, unless newer ones were drawn while they were read."""
        if drawn is not self._newest or not run.state.active or regions == run.regions:
            return
        try:
            run.repaint(regions)
        except NstError as error:
            self.refused.emit(in_words(error))
            return
        self.repainted.emit()

    def _styles_of(self, run: "ViewerRun") -> "list[Image] | None":
        """Return the layers of a run's styles; None if one is gone."""
        by_id = {layer.unique_id: layer for layer in self._viewer.layers}
        found = [by_id.get(each) for each in run.plan.styles]
        return None if not found or None in found else found
