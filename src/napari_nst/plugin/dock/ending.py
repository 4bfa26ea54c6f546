"""What must still be done when the dock is gone."""

from napari_nst.plugin.form.weights_panel import WeightsPanel
from napari_nst.plugin.runs.session import Session
from napari_nst.plugin.runs.snapshot_layers import Moments
from napari_nst.plugin.runs.undo import Deleted


class Ending:
    """Outlives the widget, to end what it began. No QObject: Qt would disconnect it."""

    def __init__(
        self, session: Session, moments: Moments, deleted: Deleted, weights_panel: WeightsPanel
    ) -> None:
        self._parts: tuple[Session, Moments, Deleted, WeightsPanel] | None
        self._parts = (session, moments, deleted, weights_panel)

    def abandon(self) -> None:
        """End the runs and the download that the widget began; let go of deleted runs."""
        if self._parts is not None:
            session, moments, deleted, weights_panel = self._parts
            moments.close()
            session.close()
            deleted.close()
            weights_panel.cancel()
        self._parts = None
