"""What can be done with runs of the list."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.qt.threading import FunctionWorker
from napari.utils.notifications import show_error, show_info
from psygnal import Signal
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox, QWidget

from napari_nst.errors import NstError
from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.panels.save_dialog import save_runs
from napari_nst.plugin.runs.plan import RunPlan, plan_again, plan_full, plan_more, plan_replay
from napari_nst.runs.export import export_run
from napari_nst.runs.request import continued
from napari_nst.settings.config import Colors

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.undo import Deleted
    from napari_nst.plugin.runs.viewer_run import Run

MORE_STEPS = 100


class RunActions:
    """Does what the entries of the runs list's menu say.

    Signals: `planning` before a new run is planned.

    Parameters
    ----------
    viewer
        Holds the layers.
    session
        The runs.
    form
        Gets reused settings.
    parent
        Dialogs stand over it.
    deleted
        Keeps deleted runs for a while.
    """

    planning = Signal()

    def __init__(
        self,
        viewer: "Viewer",
        session: "Session",
        form: "SettingsForm",
        parent: QWidget,
        deleted: "Deleted",
    ) -> None:
        self._viewer = viewer
        self._session = session
        self._form = form
        self._parent = parent
        self._deleted = deleted

    def select_layers(self, runs: "list[Run]") -> None:
        """Select the layers of runs in the viewer's layer list."""
        layers = [layer for run in runs for layer in run.layers if layer in self._viewer.layers]
        if layers:
            self._viewer.layers.selection = set(layers)

    def reuse(self, runs: "list[Run]") -> None:
        """Put a run's settings, steering included, into the form."""
        self._form.loan.forget()
        self._form.apply(runs[-1].config, preset=_preset_of(runs[-1]))
        request = runs[-1].plan.request
        if request is not None:
            self._form.set_weights(request.weights)

    def again(self, runs: "list[Run]") -> None:
        """Run the same once more."""
        for run in runs:
            self._start(partial(plan_again, run, self._viewer))

    def replay(self, runs: "list[Run]") -> None:
        """Repeat runs with their steering, bit for bit."""
        for run in runs:
            self._start(partial(plan_replay, run, self._viewer))

    def full(self, runs: "list[Run]") -> None:
        """Run what previews show at full size, with the settings that they have by now."""
        self.planning.emit()
        try:
            for run in runs:
                self._session.start(plan_full(run))
        except NstError as error:
            show_error(str(error))

    def more(self, runs: "list[Run]") -> None:
        """Ask how many, and take more steps from the results."""
        steps, agreed = QInputDialog.getInt(
            self._parent, "More steps", "Steps to add:", MORE_STEPS, 1, 1_000_000
        )
        if agreed:
            self.extend(runs, steps)

    def extend(self, runs: "list[Run]", steps: int) -> None:
        """Take more steps from the results, with the settings that the runs ended with."""
        for run in runs:
            self._start(partial(plan_more, run, steps, self._viewer))

    def continue_from(self, runs: "list[Run]") -> None:
        """Let the form's next run start from a result, its settings ready to be changed."""
        run = runs[-1]
        run.show_result()
        self._form.loan.lend(continued(run.config), preset=_preset_of(run), start=run.live.layer)

    def recolor(self, colors: Colors, runs: "list[Run]") -> None:
        """Give finished pictures other colours."""
        try:
            for run in runs:
                run.recolor(colors)
        except NstError as error:
            show_error(str(error))

    def show_or_hide(self, runs: "list[Run]") -> None:
        """Hide the runs' layers, or show them if all are hidden."""
        for run in runs:
            if run.live.layer is None and run.result is not None:
                run.show_result()
                continue
            visible = any(layer.visible for layer in run.layers)
            for layer in run.layers:
                layer.visible = not visible

    def copy_settings(self, runs: "list[Run]") -> None:
        """Put a run's record, or what is known of it, on the clipboard as JSON."""
        run = runs[-1]
        text = run.config.to_json() if run.record is None else run.record.to_json()
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)

    def save(self, runs: "list[Run]") -> None:
        """Ask for a file, or for several runs a folder, and save with settings."""
        save_runs(runs, self._parent)

    def export(self, runs: "list[Run]") -> None:
        """Ask for a folder and write all of the runs into it."""
        chosen = QFileDialog.getExistingDirectory(self._parent, "Export runs into a folder")
        if chosen:
            self.export_to(Path(chosen), runs)

    def export_to(self, folder: Path, runs: "list[Run]") -> None:
        """Write result, snapshots, animation, record and losses of each run, in a thread."""
        for run in runs:
            picture, record = run.picture, run.record
            if picture is None or record is None:
                continue
            work = FunctionWorker(
                export_run,
                folder,
                run.name,
                picture,
                record,
                snapshots=run.history.snapshots,
                points=tuple(run.points),
            )
            work.returned.connect(lambda path: show_info(f"The run is in {path}"))
            work.errored.connect(lambda error: show_error(str(translated(error))))
            work.start()

    def delete(self, runs: "list[Run]") -> None:
        """Ask, then remove runs with their layers; it can be undone for a minute."""
        what = f"“{runs[0].name}”" if len(runs) == 1 else f"{len(runs)} runs"
        ends = " What is running ends." if any(run.state.active for run in runs) else ""
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self._parent,
            "Delete runs",
            f"Delete {what} with all layers?{ends} Files that were saved stay. It can be undone "
            "for a minute.",
            buttons.Yes | buttons.No,
            buttons.No,
        )
        if answer == buttons.Yes:
            self._deleted.delete([run for run in runs if run in self._session.runs])

    def cancel(self, runs: "list[Run]") -> None:
        """Stop what computes, take what waits off the list."""
        for run in runs:
            self._session.cancel(run)

    def move(self, runs: "list[Run]", by: int) -> None:
        """Let waiting runs start earlier or later."""
        for run in runs if by < 0 else reversed(runs):
            self._session.move(run, by)

    def show_moment(self, show: "Callable[[Run], object]", runs: "list[Run]") -> None:
        """Show something of the runs' past, or say why not."""
        try:
            for run in runs:
                show(run)
        except NstError as error:
            show_error(str(error))

    def _start(self, plan: Callable[..., RunPlan]) -> None:
        """Start what a planner gives, with the form's weights where a run names none."""
        self.planning.emit()
        try:
            self._session.start(plan(weights=self._form.weights_choice()))
        except NstError as error:
            show_error(str(error))


def _preset_of(run: "Run") -> str:
    """Name the own preset that a run's settings started from; empty if there was none."""
    return "" if run.plan.preset is None else run.plan.preset.name
