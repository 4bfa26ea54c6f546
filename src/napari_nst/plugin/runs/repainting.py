"""Regions and a content mask that are painted while a run computes act from its next step."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_nst.errors import ConfigError, ImageError, NstError
from napari_nst.plugin.masks.regions import DrawnRegions, read_soon
from napari_nst.settings.regions import Regions
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.viewer_run import ViewerRun


class Repainting(QObject):
    """Hands regions and mask on to the run that computes, unless they are those that it has.

    Of regions and mask, the one that has no layer now stays as the run has it.

    Signals: `repainted` when they were others, `refused` with a sentence when they do not fit.

    Parameters
    ----------
    viewer
        Holds the layers of the run's styles.
    form
        Its regions and its content mask are watched.
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
        form.content_mask.touched.connect(self.flush)

    def flush(self) -> None:
        """Hand on what is drawn now."""
        run = self._session.current
        if run is None or not run.state.active or run.plan.request is None:
            return
        styles, form = self._styles_of(run), self._form
        if styles is None or form.regions.layer is form.content_mask.picker.layer is None:
            return
        try:
            drawn = form.drawn(run.plan.placement, styles) or DrawnRegions(None, (1, 1))
        except (ConfigError, ImageError) as error:
            self.refused.emit(in_words(error))
            return
        self._newest = drawn
        take = partial(self._give, run, drawn)
        read_soon(drawn, take, self.refused.emit)

    def _give(self, run: "ViewerRun", drawn: DrawnRegions, found: Regions) -> None:
        """Hand regions on, unless newer ones were drawn while they were read."""
        if drawn is not self._newest or not run.state.active:
            return
        try:
            regions = self._merged(run.regions or Regions(), found)
            if regions == run.regions:
                return
            run.repaint(regions)
        except NstError as error:
            self.refused.emit(in_words(error))
            return
        self.repainted.emit()

    def _merged(self, before: Regions, found: Regions) -> Regions | None:
        """Keep of the run's what has no layer now; None where nothing is left."""
        if self._form.regions.layer is None:
            found = replace(before, content_mask=found.content_mask)
        elif self._form.content_mask.picker.layer is None:
            found = replace(found, content_mask=before.content_mask)
        return None if found.labels is found.content_mask is None else found

    def _styles_of(self, run: "ViewerRun") -> "list[Image] | None":
        """Return the layers of a run's styles; None if one is gone."""
        by_id = {layer.unique_id: layer for layer in self._viewer.layers}
        found = [by_id.get(each) for each in run.plan.styles]
        return None if not found or None in found else found
