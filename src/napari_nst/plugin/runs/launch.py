"""From the form to runs in the queue: one, a preview, or a sweep of settings or pictures."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_nst.errors import NstError
from napari_nst.files.user_presets import NamedPreset
from napari_nst.plugin.form.weights_panel import (
    WeightsPanel,
    falls_back_on_builtin,
    lacks_weights,
)
from napari_nst.plugin.runs.plan import RunPlan, plan_preview, plan_run
from napari_nst.runs.sweep import SweepPlace, Variant
from napari_nst.settings.config import StyleConfig
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.runs.session import Session


class Launcher(QObject):
    """Plans runs and hands them to the session; asks for weights first where they lack.

    Signals: `refused` with a sentence when nothing was started, `planning` before pictures are
    taken, `starting` with the layers of content (None for the canvas) and styles of each run.

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
    planning = Signal()
    starting = Signal(object, object)

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
        self._numbers = count(1)
        weights_panel.ready.connect(self._go_on)
        weights_panel.refused.connect(self.refused)

    def run(self) -> None:
        """Start a run of what the form says, or queue it, or say why not."""
        if self._begin_picked(self._plan_run, self.run):
            self._form.loan.end()

    def problem(self) -> str:
        """Return what in the form keeps a run from starting, in a sentence; else an empty text."""
        if problem := self._form.pickers.problem():
            return problem
        try:
            self._form.config()
            self._form.weights_choice()
        except NstError as error:
            return in_words(error)
        return ""

    def preview(self) -> None:
        """Start a small and short run of what the form says."""
        self._begin_picked(self._plan_preview, self.preview)

    def sweep(self, variants: "list[Variant[Image]]") -> None:
        """Queue the runs of a sweep, through settings or through pictures."""
        plans, again = partial(self._plan_variants, variants), partial(self.sweep, variants)
        if pictures := [each.pictures for each in variants if each.pictures is not None]:
            self._begin(plans, again, pictures)
        else:
            self._begin_picked(plans, again)

    def folder(self, start: Callable[[str], None]) -> None:
        """Start a folder run with the weights of the form, or say why not.

        Parameters
        ----------
        start
            Starts it on given weights, or raises NstError.
        """
        try:
            weights = self._weights_or_question(partial(self.folder, start))
            if weights is not None:
                start(weights)
        except NstError as error:
            self.refused.emit(in_words(error))

    def _weights_or_question(self, again: Callable[[], None]) -> str | None:
        """Return the form's weights; None if they lack, and are asked for before `again`."""
        weights = self._form.weights_choice()
        if lacks_weights(weights):
            self._after_weights = again
            self._weights_panel.ask()
            return None
        if falls_back_on_builtin(weights):
            self._weights_panel.suggest()
        return weights

    def _begin_picked(
        self, plans: Callable[[str], list[RunPlan]], again: Callable[[], None]
    ) -> bool:
        if problem := self._form.pickers.problem():
            self.refused.emit(problem)
            return False
        pickers = self._form.pickers
        return self._begin(plans, again, [(pickers.content_layer(), *pickers.styles)])

    def _begin(
        self,
        plans: Callable[[str], list[RunPlan]],
        again: Callable[[], None],
        layers: "Sequence[tuple[Image | None, *tuple[Image, ...]]]",
    ) -> bool:
        """Start runs, and return whether they were."""
        try:
            weights = self._weights_or_question(again)
            if weights is None:
                return False
            self.planning.emit()
            planned = plans(weights)
            for content, *styles in layers:
                self.starting.emit(content, styles)
            for plan in planned:
                self._session.start(plan)
        except NstError as error:
            self.refused.emit(in_words(error))
            return False
        return True

    def _go_on(self) -> None:
        self._after_weights()

    def _plan(
        self,
        config: StyleConfig,
        weights: str,
        *,
        label: str = "",
        pictures: "tuple[Image, Image] | None" = None,
        place: SweepPlace | None = None,
        preset: NamedPreset | None = None,
    ) -> RunPlan:
        return plan_run(
            self._form,
            self._viewer.dims,
            config,
            weights=weights,
            label=label,
            pictures=pictures,
            place=place,
            preset=preset,
            earlier=[run.plan for run in self._session.runs],
        )

    def _plan_run(self, weights: str) -> list[RunPlan]:
        return [self._plan(self._form.config(), weights, preset=self._form.preset.own())]

    def _plan_preview(self, weights: str) -> list[RunPlan]:
        return [plan_preview(full) for full in self._plan_run(weights)]

    def _plan_variants(self, variants: "list[Variant[Image]]", weights: str) -> list[RunPlan]:
        number, own = next(self._numbers), self._form.preset.own()
        return [
            self._plan(
                self._form.config() if each.config is None else each.config,
                weights,
                label=each.name,
                pictures=each.pictures,
                place=SweepPlace(number, each.row, each.column),
                preset=own if each.config is None else each.preset,
            )
            for each in variants
        ]
