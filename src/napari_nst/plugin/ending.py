"""What must still be done when the dock is gone."""

from napari_nst.plugin.moments import Moments
from napari_nst.plugin.session import Session
from napari_nst.plugin.undo import Deleted
from napari_nst.plugin.weights_panel import WeightsPanel


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
