"""The checkpoint of one run of the dock: what the run's thread writes, keeps and deletes."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_nst.errors import CheckpointError
from napari_nst.files.checkpoints import LONG_S, remove_checkpoint
from napari_nst.files.unfinished import held, new_path
from napari_nst.runs.request import RunRequest
from napari_nst.settings.pixels import is_large

if TYPE_CHECKING:
    from napari_nst.api import Checkpoints
    from napari_nst.plugin.runs.plan import RunPlan

logger = logging.getLogger(__name__)


class RunFile:
    """A checkpoint from the start of its run to the end.

    Parameters
    ----------
    plan
        Of the run, with a request.
    name
        Of the run's layer.
    every_s
        Least seconds between two checkpoints; 0 writes none.

    Attributes
    ----------
    note
        What the dock needs beside the run, as JSON values; the GUI may change them.
    is_over
        Set when the file is no longer needed: it is deleted when the run leaves its thread.
    is_kept
        Whether the run that computes can be gone on with later.
    """

    def __init__(self, plan: "RunPlan", name: str, every_s: float) -> None:
        self._resumes = plan.resume is not None
        self._every_s = every_s
        self.path = new_path() if plan.resume is None else plan.resume.path
        self.note = note_of(plan, name)
        self.is_over = threading.Event()
        self.is_kept = False
        self._checkpoints: Checkpoints | None = None

    @property
    def problem(self) -> str:
        """Why a checkpoint could not be written; empty if none has failed."""
        return "" if self._checkpoints is None else self._checkpoints.problem

    @contextmanager
    def opened(self, request: RunRequest) -> Iterator[dict[str, Any]]:
        """Hold the file while a run computes, and yield what `iter_stylize` is told of it.

        For the thread of the run: it estimates, which imports torch, and deletes the file.

        Raises
        ------
        CheckpointError
            If another napari goes on from it.
        """
        if not self._resumes and not (self._every_s and is_long(request)):
            yield {}
            return
        with held(self.path):
            try:
                self.is_kept = True
                yield self._options(request)
            finally:
                self.is_kept = False
                if self.is_over.is_set():
                    self._remove()

    def _options(self, request: RunRequest) -> dict[str, Any]:
        from napari_nst.api import Checkpoints

        resume = self.path if self._resumes else None
        if not self._every_s:
            return {"resume": resume}
        small = {
            role: np.asarray(pixels)
            for role, pixels in request.pictures.items()
            if not is_large(pixels.shape)
        }
        self._checkpoints = Checkpoints(
            self.path,
            self._every_s,
            note=self.note,
            pictures=small,
            is_written=self._resumes,
            is_over=self.is_over,
        )
        return {"resume": resume, "checkpoints": self._checkpoints}

    def _remove(self) -> None:
        try:
            remove_checkpoint(self.path)
        except CheckpointError as error:  # no reason to lose the result
            logger.warning("the checkpoint of a run that has ended stays: %s", error)


def note_of(plan: "RunPlan", name: str) -> dict[str, Any]:
    """Return what a checkpoint notes of a plan, as JSON values; `unfinished` reads it."""
    assert plan.request is not None
    pictures = {}
    for role, pixels in plan.request.pictures.items():
        source = plan.sources.get(role)
        pictures[role] = {
            "name": role if source is None else source.name,
            "file": "" if source is None else source.file,
            "stored": not is_large(pixels.shape),
            "dtype": np.dtype(pixels.dtype).str,
            "size": [int(side) for side in pixels.shape[:2]],
        }
    return {
        "name": name,
        "planned": {
            "text": plan.name.text,
            "pair": plan.name.pair,
            "settings": plan.name.settings,
            "changed": list(plan.name.changed),
        },
        "placement": plan.placement.to_dict(),
        "weights": plan.request.weights,
        "until": plan.request.until,
        "pictures": pictures,
    }


def is_long(request: RunRequest) -> bool:
    """Return whether a run is worth a checkpoint; its own start needs most of this estimate too."""
    from napari_nst.planning.estimate import estimate

    shapes = request.content.shape[:2], [style.shape[:2] for style in request.styles]
    return estimate(request.config, *shapes, request.device).seconds > LONG_S
