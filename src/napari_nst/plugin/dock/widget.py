"""The dock widget: makes its parts, connects them, and shows the run that computes."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_nst.plugin.common.focus import chain_as_seen
from napari_nst.plugin.common.held_key import HeldKey
from napari_nst.plugin.common.keys import KeyBindings
from napari_nst.plugin.common.sections import Sections
from napari_nst.plugin.common.style import show_focus
from napari_nst.plugin.dock.applied_preferences import AppliedPreferences
from napari_nst.plugin.dock.close_guard import CloseGuard
from napari_nst.plugin.dock.device_badge import DeviceBadge
from napari_nst.plugin.dock.docking import (
    Docking,
    OnePerViewer,
    frame_of,
    keep_title,
    main_window_of,
    tell_of_runs,
)
from napari_nst.plugin.dock.notes import StagingNote, Welcome
from napari_nst.plugin.dock.shortcuts import add_shortcuts, add_undo, append_keys
from napari_nst.plugin.dock.unfinished_note import UnfinishedNote
from napari_nst.plugin.form.folders_form import FoldersForm
from napari_nst.plugin.form.settings_form import SettingsForm
from napari_nst.plugin.form.sweep_form import PicturesForm, SweepForm, SweepPanel
from napari_nst.plugin.form.weights_panel import WeightsPanel
from napari_nst.plugin.gallery.drops import FileDrops
from napari_nst.plugin.layers.canvas import CANVAS
from napari_nst.plugin.layers.staging import Staging
from napari_nst.plugin.layers.viewer_state import VisibilityWatch
from napari_nst.plugin.panels.compare_panel import ComparePanel
from napari_nst.plugin.panels.curves import Curve, change_marks
from napari_nst.plugin.panels.estimate_panel import EstimatePanel
from napari_nst.plugin.panels.folder_panel import FolderPanel
from napari_nst.plugin.panels.run_list import RunsList
from napari_nst.plugin.panels.run_menu import RunActions, entries
from napari_nst.plugin.panels.run_panel import RunPanel
from napari_nst.plugin.panels.snapshots_form import SnapshotsForm
from napari_nst.plugin.runs.autosave import Autosave, tell_when_done
from napari_nst.plugin.runs.launch import Launcher
from napari_nst.plugin.runs.repainting import Repainting
from napari_nst.plugin.runs.session import Session
from napari_nst.plugin.runs.snapshot_layers import SnapshotLayers, run_at_hand
from napari_nst.plugin.runs.steering import Steering
from napari_nst.plugin.runs.undo import UndoStack
from napari_nst.plugin.runs.unfinished import UnfinishedRuns
from napari_nst.plugin.runs.viewer_run import ViewerRun
from napari_nst.runs.frame_gate import Frame
from napari_nst.runs.progress import RunState
from napari_nst.settings.config import STEERABLE

if TYPE_CHECKING:
    from napari.viewer import Viewer

_WIDTH_PX = 362
"""Enough for every section, so that unfolding one does not widen the window."""
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
        self.snapshots_form = SnapshotsForm(self.session)
        self.sweep_panel = self._make_sweep_panel()
        self.folder_panel = FolderPanel(napari_viewer, self.form, self.session)
        self.launcher = Launcher(napari_viewer, self.form, self.session, self.weights_panel)
        self.staging = Staging(napari_viewer)
        self.steering = Steering(self.form, self.session)
        self.repainting = Repainting(napari_viewer, self.form, self.session)
        self.snapshot_layers = SnapshotLayers(napari_viewer, self.session)
        self.docking = Docking(self, napari_viewer)
        self.undo_stack = UndoStack(self.session)
        self.unfinished = UnfinishedRuns(napari_viewer, self.session)
        self.compare_panel = ComparePanel(napari_viewer, self.form.pickers.content_layer)
        self.folders = FoldersForm()
        self._held_key = HeldKey(self, self.compare_panel.release)
        self.actions_of_runs = RunActions(
            napari_viewer, self.session, self.form, self, self.undo_stack
        )
        self._shown: ViewerRun | None = None
        self._refusal = ""
        self._lay_out()
        self._connect_panel()
        self._connect_session()
        self._connect_snapshots()
        self.session.adopt_layers()
        self.preferences = AppliedPreferences(
            self,
            form=self.form,
            session=self.session,
            weights_panel=self.weights_panel,
            folders=self.folders,
            snapshots_form=self.snapshots_form,
        )
        folder = self.preferences.autosave_folder
        self.autosave = Autosave(self.session, folder)
        self.autosave.kept.connect(self._on_kept)
        self.guard = CloseGuard(
            self.autosave, enabled=self.preferences.asks_at_closing, folder=folder
        )
        self.keys = self._bind_keys()
        self._connect_comparison()
        self._after = self._watch_viewer()
        self.destroyed.connect(self._after.close)
        weights = self.form.weights_file.native.findChildren(QLineEdit)
        self.drops = FileDrops(self, self.form.styles.drop, spared=weights)
        self._check()

    @property
    def current(self) -> ViewerRun | None:
        """The run that the panel shows: the one that computes, else the last one."""
        return self.session.current

    def _make_sweep_panel(self) -> SweepPanel:
        form = self.form
        settings = SweepForm(
            form.config, form.preset.own, lambda: form.pickers.start_layer() is not None
        )
        return SweepPanel(settings, PicturesForm(form.pickers))

    def add_section(self, title: str, widget: QWidget) -> QCollapsible:
        """Append a folded section to the dock."""
        return self.sections.add_section(title, widget)

    def reset_choices(self) -> None:
        """Follow the viewer's layer list; napari calls this."""
        self.form.reset_choices()
        self.sweep_panel.pictures.reset_choices()
        self.reconsider()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Bind the keys, look for unfinished runs, and find the window that the dock is in."""
        super().showEvent(event)
        self.keys.bind()
        self.unfinished.look_once()
        if (window := main_window_of(self)) is not None:
            self.guard.watch(window)
        if (frame := frame_of(self)) is not None:
            keep_title(frame)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Give the keys back: they act only while the dock is to be seen."""
        super().hideEvent(event)
        self.keys.unbind()
        self.compare_panel.reveal.end()

    def changeEvent(self, event: QEvent | None) -> None:
        """End a comparison when napari takes the widget out of a dock that is closed."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.ParentChange and not self.parent():
            self.compare_panel.leave()

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

    def _hold(self) -> None:
        self.compare_panel.hold()
        self._held_key.press()

    def _on_changed(self, run: ViewerRun) -> None:
        self._offer()
        if run is not self.current:
            return
        if run is not self._shown:
            self._show(run)
        self.panel.name_run(run.name)
        self.panel.show_state(run.state, self._said_of(run))
        self.panel.save.setEnabled(run.kept is not None)
        self._mark_live()

    def _show(self, run: ViewerRun) -> None:
        """Turn the panel to another run."""
        if self._shown is not None and self._shown in self.session.runs:
            self._shown.framed.disconnect(self._show_frame)
        self._shown = run
        self.panel.turn_to_run(run.name)
        self.panel.offer_full(run.plan.full)
        self.panel.plot.show_points(run.points)
        run.framed.connect(self._show_frame)

    def _show_frame(self, frame: Frame) -> None:
        self.panel.show_frame(frame)
        self.steering.follow(frame)

    def _on_ended(self, run: ViewerRun) -> None:
        if run.state is RunState.FAILED:
            show_error(run.text)
        if run is self.current and run.result is not None:
            self.panel.plot.show_points(run.points, change_marks(run.result.record.events))
        tell_when_done(run, self)

    def _on_kept(self, _: ViewerRun, path: Path) -> None:
        self._viewer.status = f"Saved {path}"

    def _on_staged(self) -> None:
        if said := self.staging.text:
            self._viewer.status = said

    def _on_put_away(self) -> None:
        tell_of_runs(self._viewer, self.session)

    def _on_visibility(self) -> None:
        """Look again what can be faded, and started: the canvas shows other layers."""
        self.compare_panel.refresh()
        if self.form.pickers.content.value == CANVAS:
            self.reconsider()

    def _on_added(self, run: ViewerRun) -> None:
        self._refusal = ""
        self.runs_section.show()
        if not self.runs_section.isExpanded():
            self.runs_section.expand(animate=False)

    def _on_removed(self, run: ViewerRun) -> None:
        self._show_runs()
        self._offer()
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

    def _said_of(self, run: ViewerRun) -> str:
        """Say where a run stands; unless it is running, also why no other one can start."""
        hint = "" if run.state.active else self._refusal or self.form.pickers.problem()
        return "\n".join(filter(None, (hint, run.text)))

    def _show_runs(self) -> None:
        self.runs_section.setVisible(bool(self.session.runs) or bool(self.undo_stack.text))

    def _offer(self, _: object = None) -> None:
        """Enable what there is to compare, and of the run that is selected or the newest."""
        self.compare_panel.refresh()
        self.snapshots_form.offer(run_at_hand(self._viewer, self.session))
        self.sweep_panel.grid.setEnabled(len(self.session.last_sweep) > 1)

    def _show_sweep(self) -> None:
        self.compare_panel.enter_runs(self.session.last_sweep)

    def _other_curves(self) -> list[Curve]:
        runs = self.session.runs
        return [Curve(run.name, run.points) for run in runs if run is not self.current]

    def _show_stack(self) -> None:
        self._of_run_at_hand(self.snapshot_layers.show_stack)

    def _pin(self) -> None:
        self._of_run_at_hand(self.snapshot_layers.pin)

    def _pin_best(self) -> None:
        self._of_run_at_hand(self.snapshot_layers.pin_best)

    def _of_run_at_hand(self, show: Callable[[ViewerRun], object]) -> None:
        run = run_at_hand(self._viewer, self.session)
        self.actions_of_runs.show_snapshot(show, [] if run is None else [run])

    def _connect_panel(self) -> None:
        panel = self.panel
        panel.run_asked.connect(self.run)
        self.estimate_panel.run_asked.connect(self.run)
        panel.preview_asked.connect(self.launcher.preview)
        panel.full_asked.connect(self._run_full)
        panel.pause_asked.connect(self._pause)
        panel.resume_asked.connect(self._resume)
        panel.stop_asked.connect(self.stop)
        panel.save_asked.connect(self._save)
        panel.steer.toggled.connect(self._on_steer_toggled)
        panel.plot.compare_with(self._other_curves)
        self.steering.refused.connect(show_error)
        self.steering.told.connect(panel.show_steered)
        self.steering.steered.connect(panel.plot.mark_change)
        self.repainting.repainted.connect(partial(panel.plot.mark_change, "repainted"))
        self.repainting.refused.connect(self._tell)
        self.launcher.refused.connect(self._refuse)
        self.welcome.pair_asked.connect(self._open_pair)
        self.sweep_panel.settings.asked.connect(self.launcher.sweep)
        self.sweep_panel.pictures.asked.connect(self.launcher.sweep)
        self.folder_panel.asked.connect(self.launcher.folder)
        for picker in (self.form.pickers.content, self.form.pickers.style):
            picker.changed.connect(self.reconsider)
        self.form.pickers.start.changed.connect(self.reconsider)
        self.form.touched.connect(self.reconsider)
        self.form.refused.connect(self._on_misfit)

    def _connect_session(self) -> None:
        session = self.session
        session.changed.connect(self._on_changed)
        session.ended.connect(self._on_ended)
        session.ended.connect(self._offer)
        session.added.connect(self._on_added)
        session.removed.connect(self._on_removed)
        session.added.connect(self.form.styles.remember)
        for entry in entries(
            self.actions_of_runs, self.snapshot_layers, self.compare_panel.enter_runs
        ):
            self.runs_list.add_action(entry)
        self.runs_list.selected.connect(self.actions_of_runs.select_layers)
        self.runs_list.offer_undo(self.undo_stack)
        self.undo_stack.changed.connect(self._show_runs)
        self.docking.put_away.connect(self._on_put_away)

    def _connect_snapshots(self) -> None:
        # napari selects a new layer before its run knows it.
        self.snapshot_layers.kept.connect(self._offer)
        self.snapshots_form.show_stack.clicked.connect(self._show_stack)
        self.snapshots_form.pin.clicked.connect(self._pin)
        self.snapshots_form.best.clicked.connect(self._pin_best)

    def _connect_comparison(self) -> None:
        """Let a comparison end before layers are taken, moved or brought back."""
        for about_to in (
            self.staging.restoring,
            self.launcher.planning,
            self.actions_of_runs.planning,
            self.undo_stack.moving,
            self.unfinished.planning,
        ):
            about_to.connect(self.compare_panel.leave)
        self.launcher.starting.connect(self.staging.prepare)
        for drawing in (self.form.regions, self.form.content_mask, self.form.crops):
            drawing.beginning.connect(self._show_apart)
        self.unfinished.starting.connect(self.staging.prepare)
        self.staging.changed.connect(self._on_staged)
        self.sweep_panel.grid_asked.connect(self._show_sweep)
        # Also told when the viewer's layers come and go.
        self.form.pickers.content.changed.connect(self._offer)

    def _bind_keys(self) -> KeyBindings:
        panel, compare = self.panel, self.compare_panel
        buttons = {"run": panel.run, "pause": panel.pause, "stop": panel.stop}
        append_keys(buttons)
        actions: dict[str, Callable[[], None]] = {
            **{name: button.click for name, button in buttons.items()},
            "compare": compare.toggle,
            "blink": compare.toggle_blink,
            "before": self._hold,
        }
        add_shortcuts(self, actions)
        add_undo(self, self.undo_stack.undo)
        return KeyBindings(self._viewer, actions)

    def _watch_viewer(self) -> ExitStack:
        """Follow the viewer, and return what is to be done when the dock is gone.

        The viewer's closing reaches a widget only as its destruction, when its own methods can no
        longer be called; the stack outlives it, and is undone from its end.
        """
        viewer, after = self._viewer, ExitStack()
        after.callback(self.preferences.unwatch)
        after.callback(self.keys.unbind)
        after.callback(self.staging.close)
        for event, slot in (
            (viewer.dims.events.ndisplay, self.reconsider),
            (viewer.layers.selection.events.changed, self._offer),
        ):
            event.connect(slot)
            after.callback(partial(event.disconnect, slot))
        after.callback(VisibilityWatch(viewer, self._on_visibility).close)
        for end in (
            self.weights_panel.cancel,
            self.folder_panel.close_run,
            self.undo_stack.close,
            self.unfinished.close,
            self.session.close,
            self.form.crops.close,
            self.snapshot_layers.close,
        ):
            after.callback(end)
        return after

    def _show_apart(self) -> None:
        """Let content and styles cover each other no more: something is drawn over one of them."""
        self.compare_panel.leave()
        pickers = self.form.pickers
        self.staging.prepare(pickers.content_layer(), pickers.styles)

    def _tell(self, message: str) -> None:
        self._viewer.status = message

    def _open_pair(self) -> None:
        self._viewer.open_sample(*_PAIR)

    def _lay_out(self) -> None:
        self.unfinished_note = UnfinishedNote(self.unfinished)
        self.sections.add(self.unfinished_note)
        self.sections.add(self.welcome)
        self.sections.add(self.form)
        self.sections.add(StagingNote(self.staging))
        self.add_section("Sweep", self.sweep_panel)
        self.folder_section = self.add_section("Folder run", self.folder_panel)
        self.runs_section = self.add_section("Runs", self.runs_list)
        self.runs_section.hide()
        self.add_section("History", self.snapshots_form)
        self.add_section("Compare", self.compare_panel)
        self.add_section("Files", self.folders)
        self.sections.add(self.panel.plot)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.sections, stretch=1)
        for widget in (self.badge, self.weights_panel, self.estimate_panel, self.panel):
            column.addWidget(widget)
        self.setMinimumWidth(_WIDTH_PX)
        show_focus(self)
