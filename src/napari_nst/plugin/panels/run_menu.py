"""What can be done with runs of the list, and the menu that offers it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from napari.qt.threading import FunctionWorker
from napari.utils.notifications import show_error, show_info
from psygnal import Signal
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox, QWidget

from napari_nst.errors import NstError
from napari_nst.plugin.common.faults import translated
from napari_nst.plugin.panels.save_dialog import save_runs
from napari_nst.plugin.panels.strength_dialog import StrengthDialog
from napari_nst.plugin.runs.plan import RunPlan, plan_again, plan_full, plan_more, plan_replay
from napari_nst.runs.export import export_run
from napari_nst.runs.progress import RunState
from napari_nst.runs.request import continued
from napari_nst.settings.fields import COLORS_LABELS, Colors
from napari_nst.settings.text import in_words

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_nst.plugin.form.settings_form import SettingsForm
    from napari_nst.plugin.runs.session import Session
    from napari_nst.plugin.runs.snapshot_layers import SnapshotLayers
    from napari_nst.plugin.runs.undo import UndoStack
    from napari_nst.plugin.runs.viewer_run import ViewerRun

MORE_STEPS = 100

_COLORS_HELP = "Give the finished picture these colours, without running again"
_BEFORE_HELP = "Only for a run that began with it: its style got the content's colours beforehand"


@dataclass(frozen=True)
class RunAction:
    """An entry of the menu.

    Parameters
    ----------
    title, help
        What the entry says, and its tooltip.
    act
        Does it to the selected runs, oldest first.
    when
        Whether it makes sense for them.
    group
        Entries of one group stand together.
    submenu
        Where the entry is, if not in the menu itself.
    """

    title: str
    help: str
    act: "Callable[[list[ViewerRun]], None]"
    when: "Callable[[list[ViewerRun]], bool]"
    group: int = 0
    submenu: str = ""


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
    undo_stack
        Deletes runs, and keeps them for a while.
    """

    planning = Signal()

    def __init__(
        self,
        viewer: "Viewer",
        session: "Session",
        form: "SettingsForm",
        parent: QWidget,
        undo_stack: "UndoStack",
    ) -> None:
        self._viewer = viewer
        self._session = session
        self._form = form
        self._parent = parent
        self._undo_stack = undo_stack

    def select_layers(self, runs: "list[ViewerRun]") -> None:
        """Select the layers of runs in the viewer's layer list."""
        layers = [layer for run in runs for layer in run.layers if layer in self._viewer.layers]
        if layers:
            self._viewer.layers.selection = set(layers)

    def reuse(self, runs: "list[ViewerRun]") -> None:
        """Put a run's settings, steering included, into the form."""
        self._form.loan.forget()
        self._form.apply(runs[-1].config, preset=_preset_of(runs[-1]))
        request = runs[-1].plan.request
        if request is not None:
            self._form.set_weights(request.weights)

    def again(self, runs: "list[ViewerRun]") -> None:
        """Run the same once more."""
        for run in runs:
            self._start(partial(plan_again, run, self._viewer, self._form.crops))

    def replay(self, runs: "list[ViewerRun]") -> None:
        """Repeat runs with their steering, bit for bit."""
        for run in runs:
            self._start(partial(plan_replay, run, self._viewer, self._form.crops))

    def full(self, runs: "list[ViewerRun]") -> None:
        """Run what previews show at full size, with the settings that they have by now."""
        self.planning.emit()
        try:
            for run in runs:
                self._session.start(plan_full(run))
        except NstError as error:
            show_error(str(error))

    def more(self, runs: "list[ViewerRun]") -> None:
        """Ask how many, and take more steps from the results."""
        steps, agreed = QInputDialog.getInt(
            self._parent, "More steps", "Steps to add:", MORE_STEPS, 1, 1_000_000
        )
        if agreed:
            self.extend(runs, steps)

    def extend(self, runs: "list[ViewerRun]", steps: int) -> None:
        """Take more steps from the results, with the settings that the runs ended with."""
        for run in runs:
            self._start(partial(plan_more, run, steps, self._viewer, self._form.crops))

    def continue_from(self, runs: "list[ViewerRun]") -> None:
        """Let the form's next run start from a result, its settings ready to be changed."""
        run = runs[-1]
        run.show_result()
        # The result alone: blended with the content, it would lose what the run has done.
        config = continued(run.config).replace(init_blend=1.0)
        self._form.loan.lend(config, preset=_preset_of(run), start=run.live.layer)

    def recolor(self, colors: Colors, runs: "list[ViewerRun]") -> None:
        """Give finished pictures other colours; it can be undone."""
        with self._undoable(runs):
            for run in runs:
                run.recolor(colors)

    def choose_strength(self, runs: "list[ViewerRun]") -> None:
        """Ask how much of their colours pictures get, and show it while the slider moves."""
        with self._undoable(runs):
            StrengthDialog(runs, self._parent).exec()

    @contextmanager
    def _undoable(self, runs: "list[ViewerRun]") -> Iterator[None]:
        """Note what changes the look of runs for undo, and say what cannot be done."""
        looks = [(run, look) for run in runs if (look := run.look) is not None]
        try:
            yield
        except NstError as error:
            show_error(in_words(error))
        if changed := [(run, look) for run, look in looks if run.record != look.record]:
            self._undo_stack.note_colors(changed)

    def show_or_hide(self, runs: "list[ViewerRun]") -> None:
        """Hide the runs' layers, or show them if all are hidden."""
        for run in runs:
            if run.live.layer is None and run.result is not None:
                run.show_result()
                continue
            visible = any(layer.visible for layer in run.layers)
            for layer in run.layers:
                layer.visible = not visible

    def copy_settings(self, runs: "list[ViewerRun]") -> None:
        """Put a run's record, or what is known of it, on the clipboard as JSON."""
        run = runs[-1]
        text = run.config.to_json() if run.record is None else run.record.to_json()
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)

    def save(self, runs: "list[ViewerRun]") -> None:
        """Ask for a file, or for several runs a folder, and save with settings."""
        save_runs(runs, self._parent)

    def export(self, runs: "list[ViewerRun]") -> None:
        """Ask for a folder and write all of the runs into it."""
        chosen = QFileDialog.getExistingDirectory(self._parent, "Export runs into a folder")
        if chosen:
            self.export_to(Path(chosen), runs)

    def export_to(self, folder: Path, runs: "list[ViewerRun]") -> None:
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
                snapshots=run.snapshots.kept,
                points=tuple(run.points),
            )
            work.returned.connect(lambda path: show_info(f"The run is in {path}"))
            work.errored.connect(lambda error: show_error(str(translated(error))))
            work.start()

    def delete(self, runs: "list[ViewerRun]") -> None:
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
            self._undo_stack.delete([run for run in runs if run in self._session.runs])

    def cancel(self, runs: "list[ViewerRun]") -> None:
        """Stop what computes, take what waits off the list."""
        for run in runs:
            self._session.cancel(run)

    def move(self, runs: "list[ViewerRun]", by: int) -> None:
        """Let waiting runs start earlier or later."""
        for run in runs if by < 0 else reversed(runs):
            self._session.move(run, by)

    def show_snapshot(self, show: "Callable[[ViewerRun], object]", runs: "list[ViewerRun]") -> None:
        """Show something of the runs' past, or say why not."""
        try:
            for run in runs:
                show(run)
        except NstError as error:
            show_error(str(error))

    def _start(self, plan: Callable[..., RunPlan]) -> None:
        """Start what a planner returns, with the form's weights where a run names none."""
        self.planning.emit()
        try:
            self._session.start(plan(weights=self._form.weights_choice()))
        except NstError as error:
            show_error(str(error))


def _preset_of(run: "ViewerRun") -> str:
    """Name the own preset that a run's settings started from; empty if there was none."""
    return "" if run.plan.preset is None else run.plan.preset.name


def entries(
    actions: "RunActions",
    snapshot_layers: "SnapshotLayers",
    compare: "Callable[[list[ViewerRun]], None]",
) -> list[RunAction]:
    """Return all entries of the menu."""
    return [
        *_entries_of_settings(actions),
        *_entries_of_queue(actions),
        *_entries_of_colors(actions),
        *_entries_of_snapshots(actions, snapshot_layers),
        RunAction(
            "Show / hide",
            "Hide the layers, or show them; a layer that was removed comes back",
            actions.show_or_hide,
            lambda runs: any(run.layers or run.result is not None for run in runs),
            group=2,
        ),
        RunAction(
            "Compare",
            "The results and the content side by side, with names on and one camera",
            compare,
            lambda runs: any(run.live.layer is not None for run in runs),
            group=2,
        ),
        RunAction(
            "Save…",
            "The picture with its settings as PNG, TIFF or JPEG; several runs into one folder",
            actions.save,
            lambda runs: any(run.kept is not None for run in runs),
            group=3,
        ),
        RunAction(
            "Export…",
            "Result, snapshots, animation, settings and losses into a folder",
            actions.export,
            _have_records,
            group=3,
        ),
        RunAction(
            "Delete…",
            "Remove the runs and all their layers",
            actions.delete,
            lambda runs: True,
            group=4,
        ),
    ]


def _entries_of_snapshots(
    actions: "RunActions", snapshot_layers: "SnapshotLayers"
) -> list[RunAction]:
    return [
        RunAction(
            "Show history",
            "One layer of all snapshots kept; the slider scrubs through the run",
            partial(actions.show_snapshot, snapshot_layers.show_stack),
            _have_snapshots,
            group=1,
        ),
        RunAction(
            "Pin this picture",
            "The picture that is seen, as a layer of its own",
            partial(actions.show_snapshot, snapshot_layers.pin),
            _have_pictures,
            group=1,
        ),
        RunAction(
            "Best so far",
            "The snapshot of lowest loss at the final scale since the last change",
            partial(actions.show_snapshot, snapshot_layers.pin_best),
            _have_snapshots,
            group=1,
        ),
    ]


def _entries_of_settings(actions: "RunActions") -> list[RunAction]:
    return [
        RunAction(
            "Reuse these settings",
            "Put the settings into the form",
            actions.reuse,
            lambda runs: len(runs) == 1,
        ),
        RunAction(
            "Run again",
            "The same pictures and settings once more, without what was steered",
            actions.again,
            lambda runs: True,
        ),
        RunAction(
            "The same, at full size",
            "What the preview shows, at the size and steps that the form had when it was asked for",
            actions.full,
            lambda runs: all(run.plan.full is not None for run in runs),
        ),
        RunAction(
            "Replay",
            "Repeat the run with all that was steered: it comes out the same",
            actions.replay,
            _have_records,
        ),
        RunAction(
            "More steps…",
            "Go on from the result with the settings it ended with, in a new run",
            actions.more,
            _have_records,
        ),
        RunAction(
            "Continue from this",
            "Let the form start from the result, to change settings and run on",
            actions.continue_from,
            lambda runs: len(runs) == 1 and _have_records(runs),
        ),
        RunAction(
            "Copy settings as JSON",
            "Put the settings on the clipboard, as files of ours keep them",
            actions.copy_settings,
            lambda runs: len(runs) == 1,
            group=3,
        ),
    ]


def _entries_of_colors(actions: "RunActions") -> list[RunAction]:
    choices = [
        RunAction(
            f"{COLORS_LABELS[value][:1].upper()}{COLORS_LABELS[value][1:]}",
            _BEFORE_HELP if value == "before" else _COLORS_HELP,
            partial(actions.recolor, value),
            partial(_can_have_colors, value),
            group=2,
            submenu="Colours",
        )
        for value in get_args(Colors)
    ]
    strength = RunAction(
        "Strength…",
        "Choose how much of its colours the finished picture gets, without running again",
        actions.choose_strength,
        lambda runs: _have_records(runs) and all(_has_palette(run) for run in runs),
        group=2,
        submenu="Colours",
    )
    return [*choices, strength]


def _entries_of_queue(actions: "RunActions") -> list[RunAction]:
    return [
        RunAction(
            "Start earlier",
            "Move the run up in the queue",
            partial(actions.move, by=-1),
            _wait,
            group=-1,
        ),
        RunAction(
            "Start later",
            "Move the run down in the queue",
            partial(actions.move, by=1),
            _wait,
            group=-1,
        ),
        RunAction(
            "Cancel",
            "Stop the run, or take it off the queue",
            actions.cancel,
            lambda runs: any(run.state.active or run.state is RunState.WAITING for run in runs),
            group=-1,
        ),
    ]


def _wait(runs: "list[ViewerRun]") -> bool:
    return all(run.state is RunState.WAITING for run in runs)


def _have_records(runs: "list[ViewerRun]") -> bool:
    return all(run.record is not None and run.picture is not None for run in runs)


def _can_have_colors(colors: Colors, runs: "list[ViewerRun]") -> bool:
    """Return whether the colours are others than a finished picture has, and known."""
    return _have_records(runs) and all(
        _has_palette(run)
        and run.config.colors != colors
        # A file keeps only the picture as it is seen.
        and not (colors == "none" and run.result is None)
        and (colors != "before" or _began_before(run))
        for run in runs
    )


def _began_before(run: "ViewerRun") -> bool:
    """Return whether a run's style got the content's colours before the run."""
    return run.record is not None and run.record.config.colors == "before"


def _has_palette(run: "ViewerRun") -> bool:
    return run.record is not None and "palette" in run.record.resolved


def _have_snapshots(runs: "list[ViewerRun]") -> bool:
    return all(run.snapshots.kept for run in runs)


def _have_pictures(runs: "list[ViewerRun]") -> bool:
    return all(run.picture is not None for run in runs)
