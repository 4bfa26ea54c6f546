"""What must still be done when the dock is gone."""

from napari_nst.plugin.moments import Moments
from napari_nst.plugin.session import Session
from napari_nst.plugin.weights_panel import WeightsPanel


class Ending:
    """Outlives the widget, to end what it began. No QObject: Qt would disconnect it."""

    def __init__(self, session: Session, moments: Moments, weights_panel: WeightsPanel) -> None:
        self._parts: tuple[Session, Moments, WeightsPanel] | None
        self._parts = (session, moments, weights_panel)

    def abandon(self) -> None:
        """End the runs and the download that the widget began."""
        if self._parts is not None:
            session, moments, weights_panel = self._parts
            moments.close()
            session.close()
            weights_panel.cancel()
        self._parts = None
