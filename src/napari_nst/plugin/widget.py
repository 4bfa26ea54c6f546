"""The dock widget: controls to a plan, a plan to the session, the session to the panel."""

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_nst.errors import NstError
from napari_nst.plugin.device_badge import DeviceBadge
from napari_nst.plugin.frames import Frame
from napari_nst.plugin.pictures import picture_of
from napari_nst.plugin.plans import RunPlan
from napari_nst.plugin.progress import RunState
from napari_nst.plugin.run import Run
from napari_nst.plugin.run_panel import RunPanel
from napari_nst.plugin.sections import Sections
from napari_nst.plugin.session import Session
from napari_nst.plugin.settings_form import SettingsForm
from napari_nst.plugin.weights_panel import WeightsPanel, lacks_weights
from napari_nst.plugin.worker import RunRequest

if TYPE_CHECKING:
    from napari.viewer import Viewer

_WIDTH_PX = 320


class StyleTransferWidget(QWidget):
    """Paint one image layer in the manner of another and watch it form.

    Parameters
    ----------
    napari_viewer
        The viewer; napari passes it by this argument's name.
    """

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.session = Session(napari_viewer)
        self.form = SettingsForm(napari_viewer)
        self.badge = DeviceBadge()
        self.weights_panel = WeightsPanel()
        self.panel = RunPanel()
        self.sections = Sections()
        self._shown: Run | None = None
        self._lay_out()
        self._connect()
        # The viewer's closing reaches a widget only as its destruction, when its own
        # methods can no longer be called.
        self._ending = _Ending(self.session, self.weights_panel)
        self.destroyed.connect(self._ending.abandon)
        self.session.adopt_layers()
        self._check()

    @property
    def current(self) -> Run | None:
        """The run that the panel shows: the one that computes, else the last one."""
        return self.session.current

    def add_section(self, title: str, widget: QWidget) -> QCollapsible:
        """Append a folded section to the dock."""
        return self.sections.add_section(title, widget)

    def reset_choices(self) -> None:
        """Follow the viewer's layer list; napari calls this."""
        self.form.reset_choices()
        self._check()

    def run(self) -> None:
        """Start a run of what the form says, or queue it, or say why not."""
        if problem := self.form.pickers.problem():
            self._refuse(problem)
            return
        try:
            weights = self.form.weights_choice()
            if lacks_weights(weights):
                self.weights_panel.ask()
                return
            self.session.start(self._plan(weights))
        except NstError as error:
            self._refuse(str(error))

    def stop(self) -> None:
        """End the run and keep what is there."""
        if self.current is not None:
            self.current.stop()

    def _plan(self, weights: str) -> RunPlan:
        pickers, dims = self.form.pickers, self._viewer.dims
        content = picture_of(pickers.content.value, dims)
        style = picture_of(pickers.style.value, dims)
        start = pickers.start_layer()
        config = self.form.config()
        request = RunRequest(
            content=content.pixels,
            style=style.pixels,
            config=config,
            weights=weights,
            init=None if start is None else picture_of(start, dims).pixels,
        )
        name = f"{content.name} × {style.name} · {config.name}"
        return RunPlan(request, name, content.placement)

    def _pause(self) -> None:
        if self.current is not None:
            self.current.pause()

    def _resume(self) -> None:
        if self.current is not None:
            self.current.resume()

    def _on_changed(self, run: Run) -> None:
        if run is not self.current:
            return
        if run is not self._shown:
            self._show(run)
        self.panel.show_state(run.state, run.text)

    def _show(self, run: Run) -> None:
        """Turn the panel to another run."""
        if self._shown is not None and self._shown in self.session.runs:
            self._shown.framed.disconnect(self._show_frame)
        self._shown = run
        self.panel.plot.show_history(run.points)
        run.framed.connect(self._show_frame)

    def _show_frame(self, frame: Frame) -> None:
        self.panel.show_frame(frame)

    def _on_ended(self, run: Run) -> None:
        if run.state is RunState.FAILED:
            show_error(run.text)
        if run is self._shown and run.result is not None:
            self.panel.plot.show_history(run.points)

    def _refuse(self, message: str) -> None:
        busy = self.current is not None and self.current.state.active
        if busy:
            show_error(message)
        else:
            self.panel.show_state(RunState.IDLE, message)

    def _check(self) -> None:
        """Enable Run where it can start, and hint at what is missing."""
        problem = self.form.pickers.problem()
        self.panel.set_startable(startable=not problem)
        if self.current is None or not self.current.state.active:
            idle = self.panel.text.text() if not problem and self.current is not None else problem
            state = self.current.state if self.current is not None and not problem else None
            self.panel.show_state(state or RunState.IDLE, idle)

    def _connect(self) -> None:
        self.panel.run_asked.connect(self.run)
        self.panel.pause_asked.connect(self._pause)
        self.panel.resume_asked.connect(self._resume)
        self.panel.stop_asked.connect(self.stop)
        self.weights_panel.ready.connect(self.run)
        self.weights_panel.refused.connect(self._refuse)
        self.session.changed.connect(self._on_changed)
        self.session.ended.connect(self._on_ended)
        for picker in (self.form.pickers.content, self.form.pickers.style):
            picker.changed.connect(self._check)

    def _lay_out(self) -> None:
        self.sections.add(self.form)
        self.sections.add(self.panel.plot)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.sections, stretch=1)
        for widget in (self.badge, self.weights_panel, self.panel):
            column.addWidget(widget)
        self.setMinimumWidth(_WIDTH_PX)


class _Ending:
    """Outlives the widget, to end what it began. No QObject: Qt would disconnect it."""

    def __init__(self, session: Session, weights_panel: WeightsPanel) -> None:
        self._session: Session | None = session
        self._weights_panel: WeightsPanel | None = weights_panel

    def abandon(self) -> None:
        """End the runs and the download that the widget began."""
        if self._session is not None:
            self._session.close()
        if self._weights_panel is not None:
            self._weights_panel.cancel()
        self._session = self._weights_panel = None
