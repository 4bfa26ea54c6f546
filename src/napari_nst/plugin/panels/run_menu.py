"""The entries of the runs list's menu."""

from functools import partial
from typing import TYPE_CHECKING, get_args

from napari_nst.plugin.panels.run_list import RunAction
from napari_nst.runs.progress import RunState
from napari_nst.settings.config import COLORS_LABELS, Colors

if TYPE_CHECKING:
    from napari_nst.plugin.panels.run_actions import RunActions
    from napari_nst.plugin.runs.snapshot_layers import Moments
    from napari_nst.plugin.runs.viewer_run import Run


def entries(actions: "RunActions", moments: "Moments") -> list[RunAction]:
    """Give all entries of the menu."""
    return [
        *_entries_of_settings(actions),
        *_entries_of_queue(actions),
        *_entries_of_colors(actions),
        RunAction(
            "Show history",
            "One layer of all moments kept; the slider scrubs through the run",
            partial(actions.show_moment, moments.show_stack),
            _have_moments,
            group=1,
        ),
        RunAction(
            "Pin this moment",
            "The picture that is seen, as a layer of its own",
            partial(actions.show_moment, moments.pin),
            _have_pictures,
            group=1,
        ),
        RunAction(
            "Best so far",
            "The moment of lowest loss at the final scale since the last change",
            partial(actions.show_moment, moments.pin_best),
            _have_moments,
            group=1,
        ),
        RunAction(
            "Show / hide",
            "Hide the layers, or show them; a layer that was removed comes back",
            actions.show_or_hide,
            lambda runs: any(run.layers or run.result is not None for run in runs),
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
            "Result, moments, animation, settings and losses into a folder",
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
    return [
        RunAction(
            f"Colours {COLORS_LABELS[value]}",
            "Give the finished picture these colours, without running again",
            partial(actions.recolor, value),
            partial(_can_have_colors, value),
            group=2,
        )
        for value in get_args(Colors)
    ]


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


def _wait(runs: "list[Run]") -> bool:
    return all(run.state is RunState.WAITING for run in runs)


def _have_records(runs: "list[Run]") -> bool:
    return all(run.record is not None and run.picture is not None for run in runs)


def _can_have_colors(colors: Colors, runs: "list[Run]") -> bool:
    """Whether the colours are others than a finished picture has, and known."""
    return _have_records(runs) and all(
        run.record is not None
        and "palette" in run.record.resolved
        and run.config.colors != colors
        and not (colors == "none" and run.result is None)  # a file keeps only what is seen
        for run in runs
    )


def _have_moments(runs: "list[Run]") -> bool:
    return all(run.history.snapshots for run in runs)


def _have_pictures(runs: "list[Run]") -> bool:
    return all(run.picture is not None for run in runs)
