"""The dock widget: controls to a request, a request to a run, a run to the panel."""

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_nst.errors import NstError
from napari_nst.plugin.device_badge import DeviceBadge
from napari_nst.plugin.frames import Frame
from napari_nst.plugin.pictures import picture_of
from napari_nst.plugin.progress import RunState
from napari_nst.plugin.run import Run
from napari_nst.plugin.run_panel import RunPanel
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
        self.form = SettingsForm(napari_viewer)
        self.badge = DeviceBadge()
        self.weights_panel = WeightsPanel()
        self.panel = RunPanel()
        self.current: Run | None = None
        self._ending = _Ending()
        self._lay_out()
        self.panel.run_asked.connect(self.run)
        self.panel.pause_asked.connect(self._pause)
        self.panel.resume_asked.connect(self._resume)
        self.panel.stop_asked.connect(self.stop)
        self.weights_panel.ready.connect(self.run)
        self.weights_panel.refused.connect(self._refuse)
        for picker in (self.form.pickers.content, self.form.pickers.style):
            picker.changed.connect(self._check)
        # The viewer's closing reaches a widget only as its destruction, when its own
        # methods can no longer be called.
        self.destroyed.connect(self._ending.abandon)
        self._ending.panel = self.weights_panel
        self._check()

    def reset_choices(self) -> None:
        """Follow the viewer's layer list; napari calls this."""
        self.form.reset_choices()
        self._check()

    def run(self) -> None:
        """Start a run of what the form says, or say why not."""
        if self.current is not None and self.current.state.active:
            return
        if problem := self.form.pickers.problem():
            self._refuse(problem)
            return
        try:
            weights = self.form.weights_choice()
            if lacks_weights(weights):
                self.weights_panel.ask()
                return
            self._start(weights)
        except NstError as error:
            self._refuse(str(error))

    def stop(self) -> None:
        """End the run and keep what is there."""
        if self.current is not None:
            self.current.stop()

    def _start(self, weights: str) -> None:
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
        run = Run(request, self._viewer, name, content.placement)
        run.changed.connect(self._show)
        run.framed.connect(self._show_frame)
        self.current = self._ending.run = run
        self.panel.plot.clear()
        self._show()
        run.start()

    def _pause(self) -> None:
        if self.current is not None:
            self.current.pause()

    def _resume(self) -> None:
        if self.current is not None:
            self.current.resume()

    def _show(self) -> None:
        run = self.current
        if run is None:
            return
        self.panel.show_state(run.state, run.text)
        if run.state is RunState.FAILED:
            show_error(run.text)
        if run.result is not None:
            self.panel.plot.show_history(run.history())

    def _show_frame(self, frame: Frame) -> None:
        self.panel.show_frame(frame)

    def _refuse(self, message: str) -> None:
        self.panel.show_state(RunState.IDLE, message)

    def _check(self) -> None:
        """Enable Run where it can start, and hint at what is missing."""
        problem = self.form.pickers.problem()
        self.panel.set_startable(startable=not problem)
        if self.current is None or not self.current.state.active:
            idle = self.panel.text.text() if not problem and self.current is not None else problem
            state = self.current.state if self.current is not None and not problem else None
            self.panel.show_state(state or RunState.IDLE, idle)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(_FormArea(self.form))
        for widget in (self.badge, self.weights_panel, self.panel):
            column.addWidget(widget)
        column.addStretch(1)
        self.setMinimumWidth(_WIDTH_PX)


class _Ending:
    """Outlives the widget, to end what it began. No QObject: Qt would disconnect it."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.panel: WeightsPanel | None = None

    def abandon(self) -> None:
        """End the run and the download that the widget began."""
        if self.run is not None:
            self.run.abandon()
        if self.panel is not None:
            self.panel.cancel()
        self.run = self.panel = None


class _FormArea(QScrollArea):
    """As high as the form where there is room; scrolls where there is not."""

    def __init__(self, form: QWidget) -> None:
        super().__init__()
        self.setWidget(form)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        form.installEventFilter(self)

    def sizeHint(self) -> QSize:
        """Ask for the form's whole height."""
        form = self.widget()
        return super().sizeHint() if form is None else form.sizeHint()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Ask anew when the form folds or unfolds."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
