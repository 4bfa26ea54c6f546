"""The dock widget: controls to a plan, a plan to the session, the session to the panel."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_nst.plugin.common.focus import chain_as_seen
from napari_nst.plugin.common.sections import Sections
from napari_nst.plugin.common.style import show_focus
from napari_nst.plugin.dock.device_badge import DeviceBadge
from napari_nst.plugin.dock.docking import Docking, OnePerViewer
from napari_nst.plugin.dock.ending import Ending
from napari_nst.plugin.dock.staging_note import StagingNote
from napari_nst.plugin.dock.studio import Studio
from napari_nst.plugin.dock.welcome import Welcome
from napari_nst.plugin.form.settings_form import SettingsForm
from napari_nst.plugin.form.sweep_form import PicturesForm, SweepForm, SweepPanel
from napari_nst.plugin.form.weights_panel import WeightsPanel
from napari_nst.plugin.gallery.drops import FileDrops
from napari_nst.plugin.layers.staging import Staging
from napari_nst.plugin.panels.estimate_panel import EstimatePanel
from napari_nst.plugin.panels.run_actions import RunActions
from napari_nst.plugin.panels.run_list import RunsList
from napari_nst.plugin.panels.run_menu import entries
from napari_nst.plugin.panels.run_panel import RunPanel
from napari_nst.plugin.panels.snapshots_form import HistoryForm
from napari_nst.plugin.runs.launch import Launcher
from napari_nst.plugin.runs.session import Session
from napari_nst.plugin.runs.snapshot_layers import Moments, run_at_hand
from napari_nst.plugin.runs.steering import Steering
from napari_nst.plugin.runs.undo import Deleted
from napari_nst.plugin.runs.viewer_run import Run
from napari_nst.runs.frame_gate import Frame
from napari_nst.runs.progress import RunState
from napari_nst.settings.config import STEERABLE

if TYPE_CHECKING:
    from napari.viewer import Viewer

_WIDTH_PX = 362
"""Room for all that can be unfolded; it would be a window's edge that gives way later."""
_PAIR = ("napari-nst", "sample-pair")


class StyleTransferWidget(QWidget, metaclass=OnePerViewer):
    """Paint one image layer in the manner of another and watch it form.

    A viewer has one: made again, it is the same widget with all its runs.

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
        self.welcome = Welcome()
        self.badge = DeviceBadge()
        self.weights_panel = WeightsPanel()
        self.estimate_panel = EstimatePanel(napari_viewer, self.form, self.session)
        self.panel = RunPanel()
        self.sections = Sections()
        self.runs_list = RunsList(self.session)
        self.history_form = HistoryForm(self.session)
        pictures = PicturesForm(self.form.pickers)
        self.sweep_panel = SweepPanel(
            SweepForm(
                self.form.config,
                self.form.preset.own,
                lambda: self.form.pickers.start_layer() is not None,
            ),
            pictures,
        )
        self.launcher = Launcher(napari_viewer, self.form, self.session, self.weights_panel)
        self.staging = Staging(napari_viewer)
        self.steering = Steering(self.form, self.session)
        self.moments = Moments(napari_viewer, self.session)
        self.docking = Docking(self, napari_viewer)
        self.deleted = Deleted(self.session)
        self.actions_of_runs = RunActions(
            napari_viewer, self.session, self.form, self, self.deleted
        )
        self._shown: Run | None = None
        self._refusal = ""
        self._lay_out()
        self._connect()
        # The viewer's closing reaches a widget only as its destruction, when its own
        # methods can no longer be called.
        self._ending = Ending(self.session, self.moments, self.deleted, self.weights_panel)
        self.destroyed.connect(self._ending.abandon)
        self.session.adopt_layers()
        self.studio = Studio(self, napari_viewer)
        self.sections.add(self.panel.plot)
        weights = self.form.weights_file.native.findChildren(QLineEdit)
        self.drops = FileDrops(self, self.form.styles.drop, spared=weights)
        self.history_form.refresh()
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
        self.sweep_panel.pictures.reset_choices()
        self.reconsider()

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002 - Qt's name
        """Let Tab go on in the order in which the dock is read."""
        chain_as_seen(self)
        return super().focusNextPrevChild(next)

    def run(self) -> None:
        """Start a run of what the form says, or queue it, or say why not."""
        self.launcher.run()

    def stop(self) -> None:
        """End the run and keep what is there."""
        if self.current is not None:
            self.current.stop()

    def _pause(self) -> None:
        if self.current is not None:
            self.current.pause()

    def _resume(self) -> None:
        if self.current is not None:
            self.current.resume()

    def _save(self) -> None:
        if self.current is not None:
            self.actions_of_runs.save([self.current])

    def _run_full(self) -> None:
        if self.current is not None:
            self.actions_of_runs.full([self.current])

    def _on_changed(self, run: Run) -> None:
        self.offer_moments()
        if run is not self.current:
            return
        if run is not self._shown:
            self._show(run)
        self.panel.name_run(run.name)
        self.panel.show_state(run.state, self._said_of(run))
        self.panel.save.setEnabled(run.kept is not None)
        self._mark_live()

    def _show(self, run: Run) -> None:
        """Turn the panel to another run."""
        if self._shown is not None and self._shown in self.session.runs:
            self._shown.framed.disconnect(self._show_frame)
        self._shown = run
        self.panel.turn_to_run(run.name)
        self.panel.offer_full(run.plan.full)
        self.panel.plot.show_history(run.points)
        run.framed.connect(self._show_frame)

    def _show_frame(self, frame: Frame) -> None:
        self.panel.show_frame(frame)
        self.steering.follow(frame)

    def _on_ended(self, run: Run) -> None:
        if run.state is RunState.FAILED:
            show_error(run.text)
        if run is self._shown and run.result is not None:
            self.panel.plot.show_history(run.points)

    def _on_added(self, run: Run) -> None:
        self._refusal = ""
        self.runs_section.show()
        if not self.runs_section.isExpanded():
            self.runs_section.expand(animate=False)

    def _on_removed(self, run: Run) -> None:
        self._show_runs()
        self.offer_moments()
        if self.current is None:
            self._shown = None
            self.panel.save.setEnabled(False)
            self.panel.offer_full(None)
            self._check()

    def _on_steer_toggled(self, checked: bool) -> None:
        self.steering.switch(on=checked)
        self._mark_live()

    def _mark_live(self) -> None:
        self.form.mark_live(STEERABLE if self.steering.live else ())

    def _refuse(self, message: str) -> None:
        """Say why not: beside the state, or as a notification while a run is shown there."""
        if self.current is not None and self.current.state.active:
            show_error(message)
        else:
            self._refusal = message
            self._check()

    def _on_misfit(self, message: str) -> None:
        """Say beside the state what a field cannot take; during a run its red frame is enough."""
        self._refusal = message
        self._check()

    def reconsider(self, _: object = None) -> None:
        """Take a refusal back, or say what is wrong now, when the form or the layers changed."""
        if self._refusal:
            self._refusal = self.launcher.problem()
        self.sweep_panel.settings.refresh()
        self._check()

    def _check(self) -> None:
        """Enable Run where it can start, and hint at what is missing."""
        problem, run = self.form.pickers.problem(), self.current
        self.panel.set_startable(startable=not problem)
        self.welcome.setVisible(self.form.pickers.is_empty)
        if run is None:
            # The welcome asks for pictures where there are none.
            hint = "" if self.form.pickers.is_empty else problem
            self.panel.show_state(RunState.IDLE, self._refusal or hint)
        elif not run.state.active:
            self.panel.show_state(run.state, self._said_of(run))

    def _said_of(self, run: Run) -> str:
        """Say where a run stands; unless it is running, also why no other one can start."""
        hint = "" if run.state.active else self._refusal or self.form.pickers.problem()
        return "\n".join(filter(None, (hint, run.text)))

    def _show_runs(self) -> None:
        self.runs_section.setVisible(bool(self.session.runs) or self.deleted.count > 0)

    def offer_moments(self, _: object = None) -> None:
        """Enable what there is of the run that the selected layer belongs to, or the newest."""
        self.history_form.offer(run_at_hand(self._viewer, self.session))

    def _of_run_at_hand(self, show: Callable[[Run], object]) -> None:
        run = run_at_hand(self._viewer, self.session)
        self.actions_of_runs.show_moment(show, [] if run is None else [run])

    def _connect(self) -> None:
        panel, session = self.panel, self.session
        panel.run_asked.connect(self.run)
        self.estimate_panel.run_asked.connect(self.run)
        panel.preview_asked.connect(self.launcher.preview)
        panel.full_asked.connect(self._run_full)
        panel.pause_asked.connect(self._pause)
        panel.resume_asked.connect(self._resume)
        panel.stop_asked.connect(self.stop)
        panel.save_asked.connect(self._save)
        panel.steer.toggled.connect(self._on_steer_toggled)
        self.steering.refused.connect(show_error)
        self.steering.told.connect(panel.show_steered)
        self.launcher.refused.connect(self._refuse)
        self.welcome.pair_asked.connect(lambda: self._viewer.open_sample(*_PAIR))
        self.sweep_panel.settings.asked.connect(self.launcher.sweep)
        self.sweep_panel.pictures.asked.connect(self.launcher.every_pair)
        session.changed.connect(self._on_changed)
        session.ended.connect(self._on_ended)
        session.added.connect(self._on_added)
        session.removed.connect(self._on_removed)
        session.added.connect(self.form.styles.remember)
        for picker in (self.form.pickers.content, self.form.pickers.style):
            picker.changed.connect(self.reconsider)
        self.form.pickers.start.changed.connect(self.reconsider)
        self.form.touched.connect(self.reconsider)
        self.form.refused.connect(self._on_misfit)
        for entry in entries(self.actions_of_runs, self.moments):
            self.runs_list.add_action(entry)
        self.runs_list.selected.connect(self.actions_of_runs.select_layers)
        self.runs_list.offer_undo(self.deleted)
        self.deleted.changed.connect(self._show_runs)
        session.ended.connect(self.offer_moments)
        # napari selects a new layer before its run knows it.
        self.moments.kept.connect(self.offer_moments)
        self.history_form.connect_buttons(
            show_stack=lambda: self._of_run_at_hand(self.moments.show_stack),
            pin=lambda: self._of_run_at_hand(self.moments.pin),
            best=lambda: self._of_run_at_hand(self.moments.pin_best),
        )

    def _lay_out(self) -> None:
        self.sections.add(self.welcome)
        self.sections.add(self.form)
        self.sections.add(StagingNote(self.staging))
        self.add_section("Sweep", self.sweep_panel)
        self.runs_section = self.add_section("Runs", self.runs_list)
        self.runs_section.hide()
        self.add_section("History", self.history_form)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.sections, stretch=1)
        for widget in (self.badge, self.weights_panel, self.estimate_panel, self.panel):
            column.addWidget(widget)
        self.setMinimumWidth(_WIDTH_PX)
        show_focus(self)
