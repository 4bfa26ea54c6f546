"""From the form to runs in the queue: one, a preview, a sweep, or every selected style."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_nst.config import StyleConfig
from napari_nst.errors import ConfigError, NstError
from napari_nst.plugin.planner import plan_of
from napari_nst.plugin.plans import RunPlan, preview
from napari_nst.plugin.sweep import Variant, pairs
from napari_nst.plugin.weights_panel import (
    WeightsPanel,
    falls_back_on_builtin,
    lacks_weights,
)

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_nst.plugin.session import Session
    from napari_nst.plugin.settings_form import SettingsForm


class Launcher(QObject):
    """Plans runs and hands them to the session; asks for weights first where they lack.

    Signals: `refused` with a sentence when nothing was started.

    Parameters
    ----------
    viewer
        Its layers are the pictures.
    form
        Pickers and settings.
    session
        Gets the runs.
    weights_panel
        Asks for weights.
    """

    refused = Signal(str)

    def __init__(
        self,
        viewer: "Viewer",
        form: "SettingsForm",
        session: "Session",
        weights_panel: WeightsPanel,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._form = form
        self._session = session
        self._weights_panel = weights_panel
        self._after_weights: Callable[[], None] = self.run
        weights_panel.ready.connect(self._go_on)
        weights_panel.refused.connect(self.refused)

    def run(self) -> None:
        """Start a run of what the form says, or queue it, or say why not."""
        self._begin(lambda weights: [self._plan(self._form.config(), weights)], self.run)

    def preview(self) -> None:
        """Start a small and short run of what the form says."""
        self._begin(self._plan_preview, self.preview)

    def sweep(self, variants: list[Variant]) -> None:
        """Queue the runs of a sweep."""
        again = partial(self.sweep, variants)
        self._begin(partial(self._plan_variants, variants), again)

    def every_style(self) -> None:
        """Queue a run for each image layer that is selected, as the style."""
        self._begin(self._plan_styles, self.every_style)

    def _begin(self, plans: Callable[[str], list[RunPlan]], again: Callable[[], None]) -> None:
        if problem := self._form.pickers.problem():
            self.refused.emit(problem)
            return
        try:
            weights = self._form.weights_choice()
            if lacks_weights(weights):
                self._after_weights = again
                self._weights_panel.ask()
                return
            if falls_back_on_builtin(weights):
                self._weights_panel.suggest()
            for plan in plans(weights):
                self._session.start(plan)
        except NstError as error:
            self.refused.emit(str(error))

    def _go_on(self) -> None:
        self._after_weights()

    def _plan(
        self, config: StyleConfig, weights: str, *, label: str = "", style: "Image | None" = None
    ) -> RunPlan:
        pickers, dims = self._form.pickers, self._viewer.dims
        return plan_of(pickers, dims, config, weights=weights, label=label, style=style)

    def _plan_preview(self, weights: str) -> list[RunPlan]:
        return [self._plan(preview(self._form.config()), weights, label="preview")]

    def _plan_variants(self, variants: list[Variant], weights: str) -> list[RunPlan]:
        return [self._plan(each.config, weights, label=each.name) for each in variants]

    def _plan_styles(self, weights: str) -> list[RunPlan]:
        from napari.layers import Image

        content, config = self._form.pickers.content.value, self._form.config()
        selection = self._viewer.layers.selection
        styles = {
            layer.name: layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and layer in selection and layer != content
        }
        if not styles:
            raise ConfigError(
                "select the styles in napari's layer list: image layers other than the content"
            )
        return [
            self._plan(config, weights, style=pair.style)
            for pair in pairs({content.name: content}, styles)
        ]
