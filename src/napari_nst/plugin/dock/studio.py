"""What surrounds the runs in the dock: comparing, preferences, keys, and keeping results safe."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QMainWindow, QPushButton, QWidget

from napari_nst.errors import NstError
from napari_nst.plugin.common.held_key import HeldKey
from napari_nst.plugin.common.keys import KEYS, KeyBindings, key_text
from napari_nst.plugin.common.preferences import (
    LastUsed,
    Preferences,
    prefer,
    use_weights_folder,
    watch,
)
from napari_nst.plugin.dock.close_guard import CloseGuard
from napari_nst.plugin.dock.docking import frame_of, keep_title, tell_of_runs
from napari_nst.plugin.form.folders_form import FoldersForm
from napari_nst.plugin.layers.canvas import CANVAS
from napari_nst.plugin.layers.viewer_state import VisibilityWatch
from napari_nst.plugin.panels.compare_panel import ComparePanel
from napari_nst.plugin.panels.curves import Curve, marks_of
from napari_nst.plugin.panels.run_menu import RunAction
from napari_nst.plugin.runs.autosave import Autosave, tell_when_done
from napari_nst.plugin.runs.viewer_run import Run
from napari_nst.runs.sweep import columns_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_nst.plugin.dock.widget import StyleTransferWidget


class Studio(QObject):
    """Adds to the dock what does not start or draw a run.

    Parameters
    ----------
    dock
        The dock widget; its parts are there already.
    viewer
        The viewer that it is docked in.
    """

    def __init__(self, dock: "StyleTransferWidget", viewer: "Viewer") -> None:
        super().__init__(dock)
        self.preferences = Preferences.read()
        self.compare = ComparePanel(viewer, dock.form.pickers.content_layer)
        self._held = HeldKey(self, self.compare.release)
        self.folders = FoldersForm()
        self.autosave = Autosave(dock.session, self._autosave_folder)
        self.guard = CloseGuard(
            self.autosave,
            enabled=lambda: self.preferences.warn_unsaved,
            folder=self._autosave_folder,
        )
        actions = self._actions(dock)
        self.keys = KeyBindings(viewer, actions)
        for name, act in actions.items():
            _add_shortcut(dock, name, act)
        self._dock = dock
        self._viewer = viewer
        self._fill_form()
        self._follow_preferences()
        self.section = dock.add_section("Compare", self.compare)
        dock.staging.changed.connect(self._on_staged)
        dock.staging.restoring.connect(self.compare.leave)
        dock.launcher.planning.connect(self.compare.leave)
        dock.launcher.starting.connect(dock.staging.prepare)
        dock.actions_of_runs.planning.connect(self.compare.leave)
        dock.deleted.moving.connect(self.compare.leave)
        dock.add_section("Folders", self.folders)
        dock.weights_panel.declined.connect(lambda: prefer(suggest_download=False))
        dock.panel.plot.compare_with(self._other_curves)
        dock.steering.steered.connect(self._on_steered)
        dock.runs_list.add_action(
            RunAction(
                "Compare",
                "The results and the content side by side, with names on and one camera",
                self._compare_runs,
                lambda runs: any(run.live.layer is not None for run in runs),
                group=2,
            )
        )
        dock.session.added.connect(self._on_added)
        dock.session.ended.connect(self._on_ended)
        dock.session.changed.connect(self._offer)
        dock.sweep_panel.grid_asked.connect(self._show_sweep)
        dock.docking.put_away.connect(partial(tell_of_runs, viewer, dock.session))
        self.autosave.kept.connect(self._on_kept)
        # Also told when the viewer's layers come and go.
        dock.form.pickers.content.changed.connect(self._offer)
        self._show_keys()
        # A destroyed widget's methods can no longer be called; this stack outlives it.
        self._after = ExitStack()
        self._watch(dock, viewer)
        dock.destroyed.connect(self._after.close)
        dock.installEventFilter(self)

    def _watch(self, dock: "StyleTransferWidget", viewer: "Viewer") -> None:
        """Follow preferences and viewer for as long as the dock lives."""
        self._after.callback(watch(self._follow_preferences))
        self._after.callback(self.keys.unbind)
        self._after.callback(dock.staging.close)
        turned = viewer.dims.events.ndisplay
        turned.connect(dock.reconsider)
        self._after.callback(partial(turned.disconnect, dock.reconsider))
        self._after.callback(VisibilityWatch(viewer, self._on_visibility).close)
        selected = viewer.layers.selection.events.changed
        selected.connect(self._offer)
        self._after.callback(partial(selected.disconnect, self._offer))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Bind the keys while the dock is to be seen, and find the window it is in.

        napari takes the widget of a dock that is closed out of it, and leaves it to Python.
        """
        kind = None if event is None else event.type()
        if kind == QEvent.Type.Show:
            self.keys.bind()
            if (window := main_window_of(self._dock)) is not None:
                self.guard.watch(window)
            if (frame := frame_of(self._dock)) is not None:
                keep_title(frame)
        elif kind == QEvent.Type.Hide:
            self.keys.unbind()
            self.compare.reveal.end()
        elif kind == QEvent.Type.ParentChange and self._dock.parentWidget() is None:
            self.compare.leave()
        return super().eventFilter(watched, event)

    def _on_visibility(self) -> None:
        """Look again what can be faded, and started: the canvas shows other layers."""
        self.compare.refresh()
        if self._dock.form.pickers.content.value == CANVAS:
            self._dock.reconsider()

    def _autosave_folder(self) -> "Path | None":
        return self.preferences.autosave_folder

    def _fill_form(self) -> None:
        """Start with the settings last used, or with the preferred preset and size."""
        form, last = self._dock.form, LastUsed.read() if self.preferences.restore_last else None
        if last is None:
            form.apply(self.preferences.config(), preset=self.preferences.own_preset)
            return
        form.apply(last.config, preset=last.preset)
        form.set_weights(last.weights)

    def _follow_preferences(self) -> None:
        self.preferences = Preferences.read()
        use_weights_folder(self.preferences.weights_folder)
        self._dock.weights_panel.asks = self.preferences.ask_before_download
        self._dock.weights_panel.suggests = self.preferences.suggest_download
        self.folders.refresh(self.preferences)
        session = self._dock.session
        session.history_bytes = self.preferences.history_budget_mb * 2**20
        session.history_every = self.preferences.history_every or None
        session.device = self.preferences.device
        session.interval_s = self.preferences.preview_interval_s
        self._dock.history_form.refresh()

    def _on_added(self, run: Run) -> None:
        """Keep what the form says, if the run came from it."""
        if run.plan.request is None:
            return
        try:
            form = self._dock.form
            config, preset = form.loan.settled()
            LastUsed(config, form.weights_choice(), preset).write()
        except NstError:
            return  # the run came from elsewhere: the form is being filled

    def _on_steered(self, text: str) -> None:
        self._dock.panel.plot.mark_change(text)

    def _offer(self, _: object = None) -> None:
        """Enable what there is to compare."""
        self.compare.refresh()
        self._dock.offer_moments()
        runs = _last_sweep(self._dock.session.runs)
        self._dock.sweep_panel.grid.setEnabled(len(runs) > 1)

    def _show_sweep(self) -> None:
        self._compare_runs(_last_sweep(self._dock.session.runs))

    def _compare_runs(self, runs: list[Run]) -> None:
        """Compare runs with their content, or those of one sweep as its grid."""
        places = {run.plan.place: run for run in runs if run.plan.place is not None}
        if len(places) == len(runs) and len({place.sweep for place in places}) == 1:
            ordered = [places[place] for place in sorted(places)]
            layers = [run.live.layer for run in ordered if run.live.layer is not None]
            self.compare.enter(layers, ordered=True, columns=columns_of(places))
            return
        content = self._dock.form.pickers.content_layer()
        layers = [content, *(run.live.layer for run in runs)]
        self.compare.enter([layer for layer in layers if layer is not None])

    def _on_ended(self, run: Run) -> None:
        if run.result is not None and run is self._dock.current:
            self._dock.panel.plot.show_history(run.points, marks_of(run))
        tell_when_done(run, self._dock)

    def _on_staged(self) -> None:
        if said := self._dock.staging.text:
            self._viewer.status = said

    def _hold(self) -> None:
        self.compare.hold()
        self._held.press()

    def _on_kept(self, _: Run, path: "Path") -> None:
        self._viewer.status = f"Saved {path}"

    def _other_curves(self) -> list[Curve]:
        session = self._dock.session
        return [Curve(run.name, run.points) for run in session.runs if run is not session.current]

    def _show_keys(self) -> None:
        panel = self._dock.panel
        for name, button in (("run", panel.run), ("pause", panel.pause), ("stop", panel.stop)):
            _append_key(button, name)

    def _actions(self, dock: "StyleTransferWidget") -> dict[str, Callable[[], None]]:
        panel = dock.panel
        return {
            "run": panel.run.click,
            "pause": panel.pause.click,
            "stop": panel.stop.click,
            "compare": self.compare.toggle,
            "blink": self.compare.toggle_blink,
            "before": self._hold,
        }


def _last_sweep(runs: list[Run]) -> list[Run]:
    """Give the runs of the newest sweep that have a picture."""
    placed = [run for run in runs if run.plan.place is not None and run.live.layer is not None]
    numbers = [run.plan.place.sweep for run in placed if run.plan.place is not None]
    newest = max(numbers, default=0)
    return [run for run, number in zip(placed, numbers, strict=True) if number == newest]


def main_window_of(widget: QWidget) -> QMainWindow | None:
    """Give the main window that a widget is in, be its dock floating or not."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parentWidget()
    return parent


def _add_shortcut(dock: QWidget, name: str, act: Callable[[], None]) -> None:
    """Let a key act inside the dock too: a text field there would take it for typing."""
    shortcut = QShortcut(
        QKeySequence(KEYS[name].replace("Control", "Ctrl").replace("-", "+")), dock
    )
    shortcut.setAutoRepeat(False)
    shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    shortcut.activated.connect(act)


def _append_key(button: QPushButton, name: str) -> None:
    text = button.toolTip().removeprefix("<p>").removesuffix("</p>").rstrip(".")
    button.setToolTip(f"<p>{text}. {key_text(name)}</p>")
